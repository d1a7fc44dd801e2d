#![no_main]
//! See `smtpgw_invariants::archive::bzip2`.
libfuzzer_sys::fuzz_target!(|octets: &[u8]| smtpgw_invariants::archive::bzip2(octets));
