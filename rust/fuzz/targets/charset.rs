#![no_main]
//! See `smtpgw_invariants::mime::charset`.
libfuzzer_sys::fuzz_target!(|octets: &[u8]| smtpgw_invariants::mime::charset(octets));
