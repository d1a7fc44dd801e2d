#![no_main]
//! See `smtpgw_invariants::mime::decoder`.
libfuzzer_sys::fuzz_target!(|octets: &[u8]| smtpgw_invariants::mime::decoder(octets));
