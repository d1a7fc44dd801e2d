//! The local headers of a stretch, from its first octet to its last: of a zip without a usable directory, or of what
//! lies between the members that the directory knows.
//!
//! Behind a member the search goes on where its data ended, so each octet is searched once and unpacked once.

use std::io::{Read, Seek};

use memchr::memmem;

use crate::Unscanned;
use crate::source::{Source, le32, le64};

use super::data::Unpacker;
use super::header::{CENTRAL_MARK, DESCRIPTOR_MARK, Header, LOCAL_MARK};

/// Hands out every member that has a local header between `start` and `end`, and says how many there were. Among octets
/// that are something else, a mark alone is no header: with `is_strict`, what follows must make sense as one.
pub(super) fn walk<R: Read + Seek>(
    unpacker: &mut Unpacker<'_, R>,
    start: u64,
    end: u64,
    is_strict: bool,
) -> Result<usize, Unscanned> {
    let mut found = 0;
    let mut at = start;
    while let Some(local) = unpacker.search(at, end, |octets| octets.starts_with(LOCAL_MARK))? {
        let header = Header::local(&unpacker.source, local)?;
        let Some(header) = header.filter(|header| !is_strict || header.is_sensible()) else {
            at = local + LOCAL_MARK.len() as u64;
            continue;
        };
        at = header.end;
        found += 1;
        if header.is_folder() && !header.has_descriptor() {
            unpacker.out.budget.begin_member()?;
            continue;
        }
        at = unpacker.member(&header, header.end, &header.expected())?.max(header.end);
    }
    Ok(found)
}

impl<R: Read + Seek> Unpacker<'_, R> {
    /// How long a stored member is whose size stands behind it: up to a descriptor that says just this size, or up
    /// to the next header.
    pub(super) fn stored_length(&mut self, start: u64) -> Result<u64, Unscanned> {
        let mut at = start;
        loop {
            let is_mark =
                |octets: &[u8]| [LOCAL_MARK, CENTRAL_MARK, DESCRIPTOR_MARK].iter().any(|mark| octets.starts_with(mark));
            let Some(mark) = self.search(at, u64::MAX, is_mark)? else {
                return Ok(self.source.length().saturating_sub(start));
            };
            let length = mark - start;
            let mut buffer = [0; 16];
            let octets = self.source.read_at(mark, &mut buffer)?;
            let is_end = !octets.starts_with(DESCRIPTOR_MARK)
                || u64::from(le32(octets, 8)) == length
                || le64(octets, 8) == length;
            if is_end {
                return Ok(length);
            }
            at = mark + DESCRIPTOR_MARK.len() as u64;
        }
    }

    /// The first position from `at` on and before `end` where `PK` begins four octets that `is_wanted` wants.
    fn search(&mut self, at: u64, end: u64, is_wanted: impl Fn(&[u8]) -> bool) -> Result<Option<u64>, Unscanned> {
        let mut at = at;
        let end = end.min(self.source.length());
        loop {
            self.out.budget.tick()?;
            if at >= end {
                return Ok(None);
            }
            let octets = self.window.from(&self.source, at)?;
            let within = usize::try_from(end - at + MARK_REST).unwrap_or(usize::MAX).min(octets.len());
            let octets = octets.get(..within).unwrap_or(octets);
            let found = memmem::find_iter(octets, b"PK").find(|&index| is_wanted(&octets[index..]));
            if let Some(index) = found {
                return Ok(Some(at + index as u64));
            }
            if at + octets.len() as u64 >= self.source.length() {
                return Ok(None);
            }
            // A mark may begin in the last three octets.
            at += (octets.len() as u64).saturating_sub(MARK_REST);
        }
    }
}

/// A stretch of the container that is being searched. Kept between searches, so that marks close to each other do not
/// cost a whole window each.
pub(super) struct Window {
    octets: Box<[u8]>,
    start: u64,
    filled: usize,
}

impl Window {
    pub(super) fn new() -> Self {
        Self { octets: Box::default(), start: 0, filled: 0 }
    }

    /// The octets from `at` on: more than can hide a mark, or all that are left.
    fn from<R: Read + Seek>(&mut self, source: &Source<R>, at: u64) -> Result<&[u8], Unscanned> {
        let end = self.start + self.filled as u64;
        let is_held = self.start <= at && at <= end && (end - at > MARK_REST || end == source.length());
        if !is_held {
            if self.octets.is_empty() {
                self.octets = vec![0; WINDOW].into();
            }
            self.filled = 0;
            self.filled = source.read_at(at, &mut self.octets)?.len();
            self.start = at;
        }
        let skipped = usize::try_from(at - self.start).unwrap_or(usize::MAX);
        Ok(self.octets[..self.filled].get(skipped..).unwrap_or(&[]))
    }
}

/// Octets that are searched at a time.
const WINDOW: usize = 64 << 10;
/// Octets of a mark without its first.
const MARK_REST: u64 = 3;
