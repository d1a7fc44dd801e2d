//! The places that relative URLs of a page start from: `<base href=…>`.
//!
//! Browsers take the first that is no comment, others may take another: all are taken. A tag is looked through twice,
//! up to the next angle bracket whatever stands before it, and as browsers do, for whom a bracket between quotes ends
//! no tag.

use crate::attributes::{cleaned, value};
use crate::found::{Finds, TooMany};
use crate::letters::{is_blank, is_of_label};
use crate::limits::BASE_TAGS;
use crate::reference::resolved;

/// Notes those in `text`.
pub(crate) fn bases(text: &str, finds: &mut Finds<'_>) -> Result<(), TooMany> {
    let mut tags = 0;
    for bracket in memchr::memchr_iter(b'<', text.as_bytes()) {
        let Some(tag) = text.get(bracket + 1..).and_then(tag) else { continue };
        tags += 1;
        let end = memchr::memchr2(b'<', b'>', tag.as_bytes()).unwrap_or(tag.len());
        note(tag.get(..end).unwrap_or_default(), finds);
        if tags <= BASE_TAGS {
            note(tag.get(..browsers_end(tag)).unwrap_or_default(), finds);
        }
    }
    Ok(())
}

/// What stands in a tag behind its name, if that is `base`.
fn tag(text: &str) -> Option<&str> {
    let (name, behind) = text.split_at_checked(4)?;
    (name.eq_ignore_ascii_case("base") && behind.starts_with(|c| c == '/' || is_blank(c))).then_some(behind)
}

/// The first `href` of a tag.
fn note(tag: &str, finds: &mut Finds<'_>) {
    let mut rest = tag;
    while let Some(at) = memchr::memchr2(b'h', b'H', rest.as_bytes()) {
        let (before, behind) = (rest.get(..at).unwrap_or_default(), rest.get(at..).unwrap_or_default());
        let begins = !before.ends_with(is_of_label);
        rest = behind.get(1..).unwrap_or_default();
        let Some((name, behind)) = behind.split_at_checked(4) else { return };
        if !begins || !name.eq_ignore_ascii_case("href") {
            continue;
        }
        let Some(behind) = behind.trim_start_matches(is_blank).strip_prefix('=') else { continue };
        let found = match value(behind, &mut [false; 2]) {
            Some((found, _)) => found,
            // A quote that nothing closes.
            None => behind.trim_start_matches(|c| is_blank(c) || c == '"' || c == '\''),
        };
        let found = resolved(found);
        let found = cleaned(&found);
        if !found.is_empty() {
            finds.base(&found);
            return;
        }
    }
}

/// Where a tag ends for a browser: at the first closing bracket that is not within a quoted value.
fn browsers_end(tag: &str) -> usize {
    let octets = tag.as_bytes();
    let (mut at, mut value) = (0, false);
    while let Some(octet) = octets.get(at) {
        match octet {
            b'>' => return at,
            b'"' | b'\'' if value => match memchr::memchr(*octet, octets.get(at + 1..).unwrap_or_default()) {
                Some(length) => at += length + 1,
                None => return octets.len(),
            },
            _ => {}
        }
        value = *octet == b'=' || value && octet.is_ascii_whitespace();
        at += 1;
    }
    octets.len()
}
