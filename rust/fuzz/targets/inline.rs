#![no_main]
//! See `smtpgw_invariants::mime::inline`.
libfuzzer_sys::fuzz_target!(|octets: &[u8]| smtpgw_invariants::mime::inline(octets));
