#![no_main]
//! See `smtpgw_invariants::archive::packed_rtf`.
libfuzzer_sys::fuzz_target!(|octets: &[u8]| smtpgw_invariants::archive::packed_rtf(octets));
