#![no_main]
//! See `smtpgw_invariants::archive::office_xml`.
libfuzzer_sys::fuzz_target!(|octets: &[u8]| smtpgw_invariants::archive::office_xml(octets));
