//! From octets with a declared charset to text.
//!
//! Labels are those of the WHATWG Encoding Standard, which is what mail programs built on browsers use. A byte
//! order mark wins over the label. Nothing is ever dropped: where the label is unknown, or names a charset that
//! has no decoder here, the octets are read as UTF-16 if they have its shape, as UTF-8 if they are that, else as
//! windows-1252, and the caller is told. What the standard refuses to decode, because browsers should not, is read
//! all the same, because mail programs do: UTF-7, UTF-32, HZ, ISO-2022-KR and -CN, EBCDIC.
//!
//! Programs differ in whether they obey the mark, the label or neither: [`other_texts`] gives what the others show.

mod ebcdic;
mod shifted;
mod unicode;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use encoding_rs::{Encoding, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use unicode::{Order, has_utf_7_mark, marked_utf_32, utf_7, utf_16_shape, utf_32, utf_32_by_shape};

/// `octets` as text by their declared charset, and whether anything was wrong: an unknown label, or octets that
/// the charset does not have (they become U+FFFD).
///
/// No label means US-ASCII (RFC 2045 §5.2), where UTF-8 is welcome (RFC 6532 §3.1).
pub fn to_text<'a>(label: Option<&str>, octets: &'a [u8]) -> (Cow<'a, str>, bool) {
    let charset = Charset::of(label);
    by_mark(octets, charset).unwrap_or_else(|| by_label(octets, charset))
}

/// What programs show that read `octets` otherwise than [`to_text`], as far as it is another text: by the label where
/// a byte order mark says something else, or as ASCII, without NULs, where the label is of a charset in which ASCII
/// looks different. Nearly always nothing.
pub fn other_texts(label: Option<&str>, octets: &[u8]) -> Vec<String> {
    let charset = Charset::of(label);
    let marked = by_mark(octets, charset);
    let has_nul = memchr::memchr(0, octets).is_some();
    if marked.is_none() && !has_nul && charset.keeps_ascii() {
        return Vec::new();
    }
    let mut texts = Vec::new();
    texts.extend((marked.is_some() && label.is_some()).then(|| by_label(octets, charset).0.into_owned()));
    if has_nul {
        let kept: Vec<u8> = octets.iter().copied().filter(|&octet| octet != 0).collect();
        texts.push(utf_8_or_latin(&kept).0.into_owned());
    } else {
        texts.push(utf_8_or_latin(octets).0.into_owned());
    }
    let first = marked.unwrap_or_else(|| by_label(octets, charset)).0;
    texts.retain(|text| *text != first);
    texts.dedup();
    texts
}

/// What a label asks for.
#[derive(Clone, Copy, Debug)]
enum Charset {
    /// No label, or US-ASCII.
    Ascii,
    /// One that nobody knows.
    Unknown,
    Standard(&'static Encoding),
    /// UTF-16 in an order that the label leaves open.
    Utf16,
    Utf7,
    Utf32(Option<Order>),
    Hz,
    Iso2022 {
        korean: bool,
    },
    Ebcdic(&'static [(u8, char)]),
}

impl Charset {
    fn of(label: Option<&str>) -> Self {
        let Some(label) = label.map(|label| label.trim_matches(|c: char| c.is_ascii_whitespace() || "'\"".contains(c)))
        else {
            return Self::Ascii;
        };
        let is = |names: &[&str]| names.iter().any(|name| label.eq_ignore_ascii_case(name));
        if is(&["us-ascii", "ascii"]) {
            return Self::Ascii;
        }
        match Encoding::for_label(label.as_bytes()) {
            // RFC 2781 §4.3 has big-endian without a mark, browsers little-endian.
            Some(encoding) if encoding == UTF_16LE && !is(&["utf-16le"]) => return Self::Utf16,
            // The Encoding Standard maps labels that it finds dangerous to a decoder that swallows everything.
            Some(encoding) if encoding != REPLACEMENT => return Self::Standard(encoding),
            _ => {}
        }
        if is(&["utf-7", "utf7", "unicode-1-1-utf-7", "x-unicode-2-0-utf-7", "csunicode11utf7", "csutf7"]) {
            Self::Utf7
        } else if is(&["utf-32", "utf32", "ucs-4", "iso-10646-ucs-4", "csucs4", "csutf32"]) {
            Self::Utf32(None)
        } else if is(&["utf-32le", "utf32le", "csutf32le"]) {
            Self::Utf32(Some(Order::Little))
        } else if is(&["utf-32be", "utf32be", "csutf32be"]) {
            Self::Utf32(Some(Order::Big))
        } else if is(&["utf16"]) {
            Self::Utf16
        } else if is(&["hz-gb-2312", "hz", "hz-gb"]) {
            Self::Hz
        } else if is(&["iso-2022-kr", "csiso2022kr", "iso2022-kr", "iso2022kr"]) {
            Self::Iso2022 { korean: true }
        } else if is(&["iso-2022-cn", "iso-2022-cn-ext"]) {
            Self::Iso2022 { korean: false }
        } else if let Some(differences) = ebcdic::differences(label) {
            Self::Ebcdic(differences)
        } else {
            Self::Unknown
        }
    }

    /// Whether ASCII octets are ASCII in it.
    fn keeps_ascii(self) -> bool {
        match self {
            Self::Ascii | Self::Unknown => true,
            Self::Standard(encoding) => encoding.is_ascii_compatible(),
            _ => false,
        }
    }
}

/// What a byte order mark says it is.
fn by_mark(octets: &[u8], charset: Charset) -> Option<(Cow<'_, str>, bool)> {
    if let Some((text, bad)) = marked_utf_32(octets, matches!(charset, Charset::Utf32(_))) {
        return Some((Cow::Owned(text), bad > 0));
    }
    if let Some((encoding, mark)) = Encoding::for_bom(octets) {
        return Some(decode(encoding, octets.get(mark..).unwrap_or_default()));
    }
    has_utf_7_mark(octets).then(|| owned(utf_7(octets)))
}

fn by_label(octets: &[u8], charset: Charset) -> (Cow<'_, str>, bool) {
    match charset {
        Charset::Ascii => guess(octets),
        Charset::Unknown => (guess(octets).0, true),
        Charset::Standard(encoding) => decode(encoding, octets),
        Charset::Utf16 => {
            let big = utf_16_shape(octets) == Some(Order::Big);
            decode(if big { UTF_16BE } else { UTF_16LE }, octets)
        }
        Charset::Utf7 => owned(utf_7(octets)),
        Charset::Utf32(order) => {
            let (text, bad) = order.map_or_else(|| utf_32_by_shape(octets), |order| utf_32(octets, order));
            (Cow::Owned(text), bad > 0)
        }
        Charset::Hz => owned(shifted::hz(octets)),
        Charset::Iso2022 { korean } => owned(shifted::iso_2022(octets, korean)),
        Charset::Ebcdic(differences) => (Cow::Owned(ebcdic::decode(octets, differences)), false),
    }
}

fn owned<'a>((text, odd): (String, bool)) -> (Cow<'a, str>, bool) {
    (Cow::Owned(text), odd)
}

/// UTF-16 by its shape, else [`utf_8_or_latin`]. Only UTF-8 is no error.
fn guess(octets: &[u8]) -> (Cow<'_, str>, bool) {
    match utf_16_shape(octets) {
        Some(Order::Big) => (decode(UTF_16BE, octets).0, true),
        Some(Order::Little) => (decode(UTF_16LE, octets).0, true),
        None => utf_8_or_latin(octets),
    }
}

/// UTF-8 if it is that, else windows-1252, in which every octet means something; the latter is an error.
fn utf_8_or_latin(octets: &[u8]) -> (Cow<'_, str>, bool) {
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
#[path = "charset_tests.rs"]
mod tests;
