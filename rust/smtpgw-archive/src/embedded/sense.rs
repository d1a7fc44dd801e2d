//! Whether octets make sense: short ones in quotes are a file only then, for pages are full of keys and digests.

use super::run::is_blank;
use crate::format::{begins_as_zip, by_beginning};

/// Whether octets begin as something that a program opens or runs.
pub(super) fn is_known(octets: &[u8]) -> bool {
    PROGRAMS.iter().any(|mark| octets.starts_with(mark))
        || begins_as_zip(octets)
        || by_beginning(octets).next().is_some()
}

/// Whether octets are a text, in UTF-8 or in UTF-16, as far as they go.
pub(super) fn is_text(octets: &[u8]) -> bool {
    let plain = |octet: &u8| *octet >= 0x20 || is_blank(*octet);
    let is_narrow = octets.iter().all(plain)
        && match std::str::from_utf8(octets) {
            Ok(_) => true,
            Err(error) => error.error_len().is_none(),
        };
    let half = |from: usize| octets.iter().skip(from).step_by(2);
    let is_wide = |zeros: usize| half(zeros).all(|octet| *octet == 0) && half(1 - zeros).all(plain);
    !octets.is_empty() && (is_narrow || (octets.len() >= 8 && (is_wide(0) || is_wide(1))))
}

/// How programs, classes, links and documents begin that are no containers.
const PROGRAMS: [&[u8]; 8] = [
    b"MZ",
    b"\x7fELF",
    b"\xcf\xfa\xed\xfe",
    b"\xce\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"L\0\0\0\x01\x14\x02\0",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_texts_make_sense() {
        assert!(is_known(b"MZ\x90\0") && is_known(b"PK\x03\x04") && !is_known(b"\x89\x02\x33"));
        let texts: [&[u8]; 4] = [b"a text\r\n", "gr\u{fc}n".as_bytes(), b"I\0E\0X\0 \0", b"\0I\0E\0X\0 "];
        assert!(texts.iter().all(|text| is_text(text)) && is_text(&"gr\u{fc}n".as_bytes()[..3]));
        assert!(!is_text(b"") && !is_text(b"\xfc\xfd!") && !is_text(b"a\x01b") && !is_text(b"I\0E\0X\0 \x01"));
    }
}
