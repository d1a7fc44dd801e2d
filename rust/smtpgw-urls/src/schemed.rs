//! URLs that name their scheme: `https://host/path` in running text, up to a blank, a quote or an angle bracket.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use crate::found::{Finds, TooMany};
use crate::letters::{ends_url, is_blank, is_punctuation};
use crate::limits::BRACKETED;

/// Notes those in `text`. Where they stand.
pub(crate) fn find(text: &str, finds: &mut Finds<'_>) -> Result<Vec<Range<usize>>, TooMany> {
    let octets = text.as_bytes();
    let mut taken: Vec<Range<usize>> = Vec::new();
    for colon in memchr::memchr_iter(b':', octets) {
        if taken.last().is_some_and(|last| colon < last.end) || !matches!(octets.get(colon + 1), Some(b'/' | b'\\')) {
            continue;
        }
        let Some(rest) = text.get(colon + 1..) else { continue };
        let Some(start) = text.get(..colon).and_then(before_scheme) else { continue };
        let end = colon + 1 + rest.find(ends_url).unwrap_or(rest.len());
        let Some(url) = text.get(start..end) else { continue };
        taken.push(start..end);
        finds.candidate(url.trim_end_matches(is_punctuation))?;
        // RFC 3986 appendix C: between angle brackets a URL may be broken into lines.
        if start > 0
            && octets.get(start - 1) == Some(&b'<')
            && let Some(whole) = text.get(start..).and_then(bracketed)
        {
            let whole: String = whole.chars().filter(|character| !is_blank(*character)).collect();
            finds.candidate(&whole)?;
        }
    }
    Ok(taken)
}

/// The schemes of the web, longer ones before those that they end with.
const SCHEMES: [&str; 6] = ["https", "http", "ftp", "wss", "ws", ""];

/// Where the scheme begins that `text` ends with.
pub(crate) fn before_scheme(text: &str) -> Option<usize> {
    let octets = text.as_bytes();
    let ends_with = |scheme: &&str| {
        let tail = octets.len().checked_sub(scheme.len()).and_then(|start| octets.get(start..));
        !scheme.is_empty() && tail.is_some_and(|tail| tail.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    SCHEMES.iter().find(|scheme| ends_with(scheme)).map(|scheme| octets.len() - scheme.len())
}

/// Whether `text` begins with a scheme of the web and a colon; tabs and line ends before it are no part of it.
pub(crate) fn begins_with_scheme(text: &str) -> bool {
    let Some((before, _)) = text.split_once(':') else { return false };
    let name = before.trim_end_matches(['\t', '\r', '\n']);
    SCHEMES.iter().any(|scheme| !scheme.is_empty() && name.eq_ignore_ascii_case(scheme))
}

/// What stands up to the closing bracket, if that is not far.
fn bracketed(text: &str) -> Option<&str> {
    let octets = text.as_bytes();
    let near = octets.get(..octets.len().min(4 * BRACKETED + 1))?;
    let end = memchr::memchr2(b'<', b'>', near).filter(|end| octets.get(*end) == Some(&b'>'))?;
    text.get(..end).filter(|whole| whole.chars().count() <= BRACKETED)
}
