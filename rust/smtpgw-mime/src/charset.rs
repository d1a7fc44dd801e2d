//! From octets with a declared charset to text.
//!
//! Labels are those of the WHATWG Encoding Standard, which is what mail programs built on browsers use. A byte
//! order mark wins over the label. Nothing is ever dropped: where the label is unknown, or names a charset that
//! has no decoder here, the octets are read as UTF-16 if they have its shape, as UTF-8 if they are that, else as
//! windows-1252, and the caller is told. What the standard refuses to decode, because browsers should not, is read
//! all the same, because mail programs do: UTF-7, UTF-32, HZ, ISO-2022-KR and -CN, EBCDIC, escapes.
//!
//! Programs differ in whether they obey the mark, the label, what a page says of itself, or none of them:
//! [`other_texts`] gives what the others show.

mod declared;
mod ebcdic;
mod escaped;
mod label;
mod shifted;
mod unicode;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use label::Charset;
use unicode::{Order, has_utf_7_mark, marked_utf_32, utf_7, utf_16_shape, utf_32, utf_32_by_shape};

/// `octets` as text by their declared charset, and whether anything was wrong: an unknown label, or octets that
/// the charset does not have (they become U+FFFD).
///
/// No label means US-ASCII (RFC 2045 §5.2), where UTF-8 is welcome (RFC 6532 §3.1).
pub fn to_text<'a>(label: Option<&str>, octets: &'a [u8]) -> (Cow<'a, str>, bool) {
    let charset = Charset::of(label);
    by_mark(octets, charset).unwrap_or_else(|| by_label(octets, charset))
}

/// Whether a label is of a charset that other programs read, and this one does not, or not exactly.
pub fn is_unread(label: &str) -> bool {
    !Charset::of(Some(label)).is_read()
}

/// What programs show that read `octets` otherwise than [`to_text`], as far as it is another text. Nearly always
/// nothing:
///
/// - by the label where a byte order mark says something else, or as ASCII, without NULs, where the label is of a charset
///   in which ASCII looks different;
/// - by the charset that a page names within itself, or by ISO-2022-JP where there are escapes to it, which browsers
///   recognise by themselves.
pub fn other_texts(label: Option<&str>, octets: &[u8]) -> Vec<String> {
    let charset = Charset::of(label);
    let marked = by_mark(octets, charset);
    let has_nul = memchr::memchr(0, octets).is_some();
    let mut texts = Vec::new();
    if marked.is_some() || has_nul || !charset.keeps_ascii() {
        texts.extend((marked.is_some() && label.is_some()).then(|| by_label(octets, charset).0.into_owned()));
        if has_nul {
            let kept: Vec<u8> = octets.iter().copied().filter(|&octet| octet != 0).collect();
            texts.push(utf_8_or_latin(&kept).0.into_owned());
        } else {
            texts.push(utf_8_or_latin(octets).0.into_owned());
        }
    }
    let mut is_utf_8 = None;
    texts.extend(declared::charsets(octets).filter_map(|charset| {
        let says_something = match charset {
            Charset::Ascii | Charset::Unknown | Charset::Foreign => false,
            // Without a NUL there is no letter of ASCII in it.
            Charset::Utf16 | Charset::Utf32(_) => has_nul,
            // In two charsets in which ASCII is ASCII only what is none can differ.
            _ if charset.keeps_ascii() => !*is_utf_8.get_or_insert_with(|| simdutf8::basic::from_utf8(octets).is_ok()),
            _ => true,
        };
        says_something.then(|| by_label(octets, charset).0.into_owned())
    }));
    if memchr::memchr_iter(0x1b, octets).any(|at| matches!(octets.get(at + 1), Some(b'(' | b'$'))) {
        texts.push(decode(ISO_2022_JP, octets).0.into_owned());
    }
    if texts.is_empty() {
        return texts;
    }
    let first = marked.unwrap_or_else(|| by_label(octets, charset)).0;
    let mut known: Vec<String> = Vec::new();
    for text in texts {
        if text != first && !known.contains(&text) {
            known.push(text);
        }
    }
    known
}

/// What a byte order mark says it is.
fn by_mark(octets: &[u8], charset: Charset) -> Option<(Cow<'_, str>, bool)> {
    if let Some((text, bad)) = marked_utf_32(octets, matches!(charset, Charset::Utf32(_))) {
        return Some((Cow::Owned(text), bad > 0));
    }
    if let Some((encoding, mark)) = Encoding::for_bom(octets) {
        return Some(decode(encoding, octets.get(mark..).unwrap_or_default()));
    }
    has_utf_7_mark(octets).then(|| owned(utf_7(octets, false)))
}

fn by_label(octets: &[u8], charset: Charset) -> (Cow<'_, str>, bool) {
    match charset {
        Charset::Ascii => guess(octets),
        Charset::Unknown | Charset::Foreign => (guess(octets).0, true),
        Charset::Standard(encoding) => decode(encoding, octets),
        Charset::Utf16 => {
            let big = utf_16_shape(octets) == Some(Order::Big);
            decode(if big { UTF_16BE } else { UTF_16LE }, octets)
        }
        Charset::Utf7 { imap } => owned(utf_7(octets, imap)),
        Charset::Utf32(order) => {
            let (text, bad) = order.map_or_else(|| utf_32_by_shape(octets), |order| utf_32(octets, order));
            (Cow::Owned(text), bad > 0)
        }
        Charset::Hz => owned(shifted::hz(octets)),
        Charset::Iso2022 { korean } => owned(shifted::iso_2022(octets, korean)),
        Charset::Ebcdic(table) => owned(ebcdic::decode(octets, table)),
        Charset::Escaped { all } => owned(escaped::decode(octets, all)),
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
