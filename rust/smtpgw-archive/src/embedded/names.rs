//! What a text calls the files in it: the names to which a page saves (`download="a.exe"`, `link.download = "a.exe"`,
//! `setAttribute("download", "a.exe")`), and those of attachments in a calendar (`X-FILENAME=a.exe`).
//!
//! A file and its name stand near each other and in either order, so names are gathered before the files are met. Whose
//! a name is remains a guess: one that is given to two files harms nobody.

use std::io::{Read, Seek};

use memchr::memmem;

use crate::Unscanned;
use crate::flow::{CHUNK, Flow};
use crate::limits::EMBEDDED_NAMES;

/// Names in the order in which they stand, and where.
#[derive(Default)]
pub(super) struct Names(Vec<(u64, Vec<u8>)>);

impl Names {
    /// Those of a text.
    pub(super) fn read<R: Read + Seek>(flow: &Flow<'_, R>) -> Result<Self, Unscanned> {
        let (mut names, mut at, mut window) = (Self::default(), 0, vec![0; CHUNK]);
        loop {
            flow.out.budget.tick()?;
            let octets = flow.source.read_at(at, &mut window)?;
            let is_last = octets.len() < CHUNK;
            let until = octets.len() - if is_last { 0 } else { BEHIND };
            names.gather(at, octets, until);
            if is_last || names.0.len() >= EMBEDDED_NAMES {
                return Ok(names);
            }
            at += until as u64;
        }
    }

    /// Takes those that begin before `until`.
    fn gather(&mut self, at: u64, octets: &[u8], until: usize) {
        // In UTF-16, of which places need not be exact, every other octet.
        let is_wide = memchr::memchr(0, octets).is_some();
        let text: Vec<u8> = octets.iter().filter(|octet| **octet != 0).map(u8::to_ascii_lowercase).collect();
        let shown: Vec<u8> = octets.iter().filter(|octet| **octet != 0).copied().collect();
        let scale = if is_wide { 2 } else { 1 };
        let mut found: Vec<_> = WORDS
            .iter()
            .flat_map(|word| memmem::find_iter(&text, word).map(|place| (place, place + word.len())))
            .filter(|(place, _)| place * scale < until)
            .collect();
        found.sort_unstable();
        for (place, end) in found {
            let rest = shown.get(end..).unwrap_or_default();
            if let Some(name) = name(rest.get(..BEHIND / 2).unwrap_or(rest))
                && self.0.len() < EMBEDDED_NAMES
            {
                self.0.push((at + (place * scale) as u64, name.to_vec()));
            }
        }
    }

    /// The name of what stands at `at`: one right before it, or else, if `any`, the next or the last.
    pub(super) fn near(&self, at: u64, any: bool) -> Option<&[u8]> {
        let behind = self.0.partition_point(|(place, _)| *place < at);
        let last = behind.checked_sub(1).and_then(|last| self.0.get(last));
        let close = last.filter(|(place, _)| at - place <= NEAR);
        let other = || self.0.get(behind).or(last).filter(|_| any);
        close.or_else(other).map(|(_, name)| name.as_slice())
    }
}

/// What is said behind the word: in quotes, or up to what cannot be in a name.
fn name(rest: &[u8]) -> Option<&[u8]> {
    let between =
        |octet: &u8| matches!(octet, b'=' | b',' | b':' | b'"' | b'\'' | b'`' | b'\\') || octet.is_ascii_whitespace();
    let start = rest.iter().take(BETWEEN).take_while(|octet| between(octet)).count();
    let (before, value) = rest.split_at_checked(start)?;
    if !before.iter().any(|octet| matches!(octet, b'=' | b',' | b':')) {
        return None;
    }
    let quote = before.iter().rev().find(|octet| matches!(octet, b'"' | b'\'' | b'`'));
    let is_end = |octet: &u8| match quote {
        Some(quote) => octet == quote || matches!(octet, b'\n' | b'<'),
        None => octet.is_ascii_whitespace() || b"\"'`<>;:,(){}+".contains(octet),
    };
    let length = value.iter().position(is_end)?;
    let name = value.get(..length).unwrap_or_default();
    let name = name.strip_suffix(b"\\").unwrap_or(name);
    (!name.is_empty() && (quote.is_some() || name.contains(&b'.'))).then_some(name)
}

/// What names stand behind.
const WORDS: [&[u8]; 2] = [b"download", b"filename"];

/// Octets behind a word in which its name is, in either width.
const BEHIND: usize = 1_024;

/// Octets between a word and its name.
const BETWEEN: usize = 16;

/// Octets between a name and the file behind it that stands in the same tag, or property.
const NEAR: u64 = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_tags_scripts_and_properties() {
        let table: &[(&[u8], Option<&[u8]>)] = &[
            (b"=\"a b.exe\" href", Some(b"a b.exe")),
            (b" = 'a.exe';", Some(b"a.exe")),
            (b"\", \"a.exe\")", Some(b"a.exe")),
            (b"=a.exe>", Some(b"a.exe")),
            (b"=a.com:AAAA", Some(b"a.com")),
            (b" href=\"x\"", None),
            (b"=name;", None),
            (b"s are here", None),
            (b"", None),
        ];
        for (rest, expected) in table {
            assert_eq!(name(rest), *expected, "{}", rest.escape_ascii());
        }
    }

    #[test]
    fn the_nearest_counts() {
        let names = Names(vec![(10, b"a".to_vec()), (5_000, b"b".to_vec())]);
        assert_eq!(names.near(20, false), Some(&b"a"[..]));
        assert_eq!((names.near(2_000, false), names.near(2_000, true)), (None, Some(&b"b"[..])));
        assert_eq!((names.near(9_000, true), Names::default().near(1, true)), (Some(&b"b"[..]), None));
    }
}
