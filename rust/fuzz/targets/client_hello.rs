#![no_main]
//! See `smtpgw_invariants::entry::client_hello`.
libfuzzer_sys::fuzz_target!(|octets: &[u8]| smtpgw_invariants::entry::client_hello(octets));
