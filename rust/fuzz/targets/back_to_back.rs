#![no_main]
//! See `smtpgw_invariants::smtp::back_to_back`.
libfuzzer_sys::fuzz_target!(|octets: &[u8]| smtpgw_invariants::smtp::back_to_back(octets));
