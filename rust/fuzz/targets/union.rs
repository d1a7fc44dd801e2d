#![no_main]
//! See `smtpgw_invariants::mime::union`.
libfuzzer_sys::fuzz_target!(|octets: &[u8]| smtpgw_invariants::mime::union(octets));
