#![no_main]
//! See `smtpgw_invariants::archive::active_mime`.
libfuzzer_sys::fuzz_target!(|octets: &[u8]| smtpgw_invariants::archive::active_mime(octets));
