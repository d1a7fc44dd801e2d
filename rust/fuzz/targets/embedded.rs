#![no_main]
//! See `smtpgw_invariants::archive::embedded`.
libfuzzer_sys::fuzz_target!(|octets: &[u8]| smtpgw_invariants::archive::embedded(octets));
