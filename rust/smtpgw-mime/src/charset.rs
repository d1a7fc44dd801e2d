//! From octets with a declared charset to text.
//!
//! Labels are those of the WHATWG Encoding Standard, which is what mail programs built on browsers use. A byte
//! order mark wins over the label. Nothing is ever dropped: where the label is unknown, or names a charset that
//! has no decoder here, the octets are read as UTF-8 if they are that, else as windows-1252, and the caller is
//! told. UTF-7 and UTF-32 are such labels for now; they belong beside `decoder_for`.

use alloc::borrow::Cow;

use encoding_rs::{Encoding, REPLACEMENT, UTF_8, WINDOWS_1252};

/// `octets` as text by their declared charset, and whether anything was wrong: an unknown label, or octets that
/// the charset does not have (they become U+FFFD).
///
/// No label means US-ASCII (RFC 2045 §5.2), where UTF-8 is welcome (RFC 6532 §3.1).
pub fn to_text<'a>(label: Option<&str>, octets: &'a [u8]) -> (Cow<'a, str>, bool) {
    if let Some((encoding, bom)) = Encoding::for_bom(octets) {
        return decode(encoding, octets.get(bom..).unwrap_or_default());
    }
    let Some(label) = label.map(|label| label.trim_matches(|c: char| c.is_ascii_whitespace() || "'\"".contains(c)))
    else {
        return guess(octets);
    };
    if label.eq_ignore_ascii_case("us-ascii") || label.eq_ignore_ascii_case("ascii") {
        return guess(octets);
    }
    match decoder_for(label) {
        Some(encoding) => decode(encoding, octets),
        None => (guess(octets).0, true),
    }
}

/// The decoder for a label that means what it says.
fn decoder_for(label: &str) -> Option<&'static Encoding> {
    // The Encoding Standard maps labels that it finds dangerous to a decoder that swallows everything.
    Encoding::for_label(label.as_bytes()).filter(|&encoding| encoding != REPLACEMENT)
}

/// UTF-8 if it is that, else windows-1252, in which every octet means something; the latter is an error.
fn guess(octets: &[u8]) -> (Cow<'_, str>, bool) {
    match simdutf8::basic::from_utf8(octets) {
        Ok(text) => (Cow::Borrowed(text), false),
        Err(_) => (WINDOWS_1252.decode_without_bom_handling(octets).0, true),
    }
}

fn decode<'a>(encoding: &'static Encoding, octets: &'a [u8]) -> (Cow<'a, str>, bool) {
    if encoding == UTF_8
        && let Ok(text) = simdutf8::basic::from_utf8(octets)
    {
        return (Cow::Borrowed(text), false);
    }
    encoding.decode_without_bom_handling(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_by_label() {
        let table: &[(Option<&str>, &[u8], &str, bool)] = &[
            (None, b"plain", "plain", false),
            (None, "grün".as_bytes(), "grün", false),
            (None, b"gr\xfcn", "grün", true),
            (Some("us-ascii"), b"plain", "plain", false),
            (Some("US-ASCII"), "grün".as_bytes(), "grün", false),
            (Some("us-ascii"), b"gr\xfcn", "grün", true),
            (Some("utf-8"), "grün".as_bytes(), "grün", false),
            (Some("utf-8"), b"gr\xfcn", "gr\u{fffd}n", true),
            (Some("iso-8859-1"), b"gr\xfcn", "grün", false),
            (Some(" \"ISO-8859-15\" "), b"\xa4", "€", false),
            (Some("koi8-r"), b"\xf0\xd2\xc9\xd7\xc5\xd4", "Привет", false),
            (Some("iso-2022-jp"), b"\x1b$B$3$s\x1b(B", "こん", false),
            (Some("shift_jis"), b"\x82\xb1\x82\xf1", "こん", false),
            (Some("gb2312"), b"\xc4\xe3", "你", false),
            (Some("utf-16le"), b"h\0i\0", "hi", false),
            (Some("x-nonsense"), "grün".as_bytes(), "grün", true),
            (Some("x-nonsense"), b"gr\xfcn", "grün", true),
            (Some(""), b"x", "x", true),
            // A label that browsers refuse to decode must not hide the text.
            (Some("hz-gb-2312"), b"visible", "visible", true),
            (Some("utf-7"), b"visible", "visible", true),
            // Byte order marks win.
            (Some("iso-8859-1"), b"\xef\xbb\xbfgr\xc3\xbcn", "grün", false),
            (Some("utf-8"), b"\xff\xfeh\0i\0", "hi", false),
            (None, b"\xfe\xff\0h\0i", "hi", false),
            (None, b"\xfe\xff\0h\0", "h\u{fffd}", true),
        ];
        for (label, octets, text, had_errors) in table {
            assert_eq!(to_text(*label, octets), (Cow::Borrowed(*text), *had_errors), "{label:?} {octets:?}");
        }
    }

    #[test]
    fn clean_utf_8_is_not_copied() {
        assert!(matches!(to_text(Some("utf-8"), b"text").0, Cow::Borrowed(_)));
        assert!(matches!(to_text(None, b"text").0, Cow::Borrowed(_)));
    }
}
