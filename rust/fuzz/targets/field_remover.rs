#![no_main]
//! See `smtpgw_invariants::mime::field_remover`.
libfuzzer_sys::fuzz_target!(|octets: &[u8]| smtpgw_invariants::mime::field_remover(octets));
