//! The charsets that a page names within itself: `<meta charset=…>`, `<meta http-equiv=… content="…; charset=…">`, and
//! `<?xml … encoding=…?>`.
//!
//! Browsers look for the first one near the beginning, and obey it where nobody else has told them, as with a page that
//! is opened from a file; other programs obey it before the charset of the part. All are looked at, for comments and
//! broken tags hide them from some programs and not from others.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::label::Charset;

/// The charsets, each label once, in the order of the page. Linear. What is no label of a charset that can be read does
/// not count: browsers pass over it and look on.
pub(super) fn charsets(octets: &[u8]) -> impl Iterator<Item = Charset> {
    let mut charsets: Vec<(String, Charset)> = Vec::new();
    let page = octets.get(..PAGE).unwrap_or(octets);
    let mut rest = page;
    while let Some(at) = memchr::memchr(b'<', rest) {
        rest = rest.get(at + 1..).unwrap_or_default();
        let word: &[u8] = match rest {
            [b'm' | b'M', ..] if begins(rest, b"meta") => b"charset",
            [b'?', ..] if begins(rest, b"?xml") => b"encoding",
            _ => continue,
        };
        let tag = rest.get(..memchr::memchr2(b'>', b'<', rest).unwrap_or(rest.len())).unwrap_or_default();
        let tag = tag.get(..TAG).unwrap_or(tag);
        for label in values(&resolved(tag), word) {
            if charsets.len() < LABELS && !charsets.iter().any(|(known, _)| *known == label) {
                let charset = Charset::of(Some(&label));
                if !matches!(charset, Charset::Unknown | Charset::Foreign) {
                    charsets.push((label, charset));
                }
            }
        }
        rest = rest.get(tag.len()..).unwrap_or_default();
    }
    charsets.into_iter().map(|(_, charset)| charset)
}

/// What follows each `word` and an equals sign in a tag.
fn values(tag: &[u8], word: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = tag;
    while let Some(at) = rest.windows(word.len()).position(|octets| octets.eq_ignore_ascii_case(word)) {
        rest = rest.get(at + word.len()..).unwrap_or_default();
        let Some(value) = rest.trim_ascii_start().strip_prefix(b"=").map(<[u8]>::trim_ascii_start) else { continue };
        let value = value.trim_ascii_start();
        let value = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value).trim_ascii_start();
        let end = value.iter().position(|octet| b" \t\r\n\x0c;\"'/>?".contains(octet)).unwrap_or(value.len());
        let label = String::from_utf8_lossy(value.get(..end).unwrap_or_default()).to_ascii_lowercase();
        if !label.is_empty() {
            found.push(label);
        }
    }
    found
}

/// A tag with the references to characters of ASCII resolved that are numbers.
fn resolved(tag: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memmem::find(tag, b"&#").is_none() {
        return Cow::Borrowed(tag);
    }
    let (mut out, mut rest) = (Vec::with_capacity(tag.len()), tag);
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let reference = (first == b'&').then(|| after.strip_prefix(b"#")).flatten().and_then(|number| {
            let (number, radix) = match number {
                [b'x' | b'X', number @ ..] => (number, 16),
                _ => (number, 10),
            };
            let end = number.iter().position(|&digit| !char::from(digit).is_digit(radix)).unwrap_or(number.len());
            let digits = core::str::from_utf8(number.get(..end)?).ok()?;
            let letter = u8::from_str_radix(digits.trim_start_matches('0'), radix).ok().filter(u8::is_ascii)?;
            let behind = number.get(end..)?;
            Some((letter, behind.strip_prefix(b";").unwrap_or(behind)))
        });
        let (letter, behind) = reference.unwrap_or((first, rest));
        out.push(letter);
        rest = behind;
    }
    Cow::Owned(out)
}

fn begins(octets: &[u8], word: &[u8]) -> bool {
    octets.get(..word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word))
}

/// Octets of a page in which it says what it is. Browsers look at 1024, and some at more if there is nothing in these.
const PAGE: usize = 64 << 10;

/// Octets of one tag that are looked at.
const TAG: usize = 1 << 10;

/// Labels that one page may have. Real ones have one.
const LABELS: usize = 8;
