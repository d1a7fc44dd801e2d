#![no_main]
//! See `smtpgw_invariants::smtp::client`.
libfuzzer_sys::fuzz_target!(|octets: &[u8]| smtpgw_invariants::smtp::client(octets));
