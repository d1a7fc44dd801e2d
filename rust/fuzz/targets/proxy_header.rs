#![no_main]
//! See `smtpgw_invariants::entry::proxy_header`.
libfuzzer_sys::fuzz_target!(|octets: &[u8]| smtpgw_invariants::entry::proxy_header(octets));
