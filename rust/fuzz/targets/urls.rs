#![no_main]
//! See `smtpgw_invariants::urls::urls`.
libfuzzer_sys::fuzz_target!(|octets: &[u8]| smtpgw_invariants::urls::urls(octets));
