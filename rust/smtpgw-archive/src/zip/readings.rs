//! What of a zip has been read, so that all of it is: members in two directories once, and what lies between the
//! members that a directory knows as well.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::io::{Read, Seek};
use std::ops::Range;

use crate::Unscanned;

use super::data::Unpacker;
use super::directory::Directory;
use super::header::Header;
use super::local;

/// How far a zip has been read.
#[derive(Default)]
pub(super) struct Readings {
    /// Local headers with the data behind them: of two readings the shorter.
    pub(super) covered: Vec<Range<u64>>,
    /// Whether two readings of it differ.
    pub(super) differ: bool,
    /// What directories before the present one had, and the present one.
    seen: HashSet<u64>,
    present: HashSet<u64>,
    /// Where the present one is.
    directory: Option<u64>,
}

impl Readings {
    /// Whether no directory before this one has the member as this one does. Twice in one directory is twice.
    pub(super) fn is_new(&mut self, directory: &Directory, position: u64, header: &Header) -> bool {
        if self.directory.replace(directory.start) != Some(directory.start) {
            self.seen.extend(self.present.drain());
        }
        let mut hasher = DefaultHasher::new();
        (position, &header.name, header.flags, header.method, header.aes).hash(&mut hasher);
        (header.crc, header.packed, header.unpacked).hash(&mut hasher);
        let key = hasher.finish();
        self.present.insert(key);
        !self.seen.contains(&key)
    }

    /// Whether a position lies in a member.
    pub(super) fn covers(&self, position: u64) -> bool {
        self.covered.iter().any(|member| member.contains(&position))
    }

    /// Hands out the members with a local header that no directory knows.
    pub(super) fn walk_gaps<R: Read + Seek>(&mut self, unpacker: &mut Unpacker<'_, R>) -> Result<(), Unscanned> {
        self.covered.sort_unstable_by_key(|member| member.start);
        let mut at = 0;
        let end = unpacker.source.length();
        let members = self.covered.iter().cloned().chain(std::iter::once(end..end));
        for member in members {
            if member.start.saturating_sub(at) >= LOCAL && local::walk(unpacker, at, member.start, true)? > 0 {
                self.differ = true;
            }
            at = at.max(member.end);
        }
        Ok(())
    }
}

/// Octets of the shortest local header.
const LOCAL: u64 = 30;
