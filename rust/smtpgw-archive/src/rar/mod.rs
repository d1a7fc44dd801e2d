//! RAR, versions 4 and 5, listed: there is no library for it under a licence that could ship here.
//!
//! Every file is a member with its name and size. One that is only stored comes out; any other is `Unhandled`, or
//! `Encrypted`, or `Multipart` where it goes on in another volume. Headers that are encrypted hide everything.

mod five;
mod four;

use std::io::{Read, Seek};

use crate::Unscanned;
use crate::flow::Flow;
use crate::member::display_name;

pub(crate) fn unpack<R: Read + Seek>(mut flow: Flow<'_, R>) -> Result<(), Unscanned> {
    match flow.source.array_at::<8>(0)? {
        Some(mark) if mark == *b"Rar!\x1a\x07\x01\x00" => five::walk(&mut flow),
        Some(mark) if mark.starts_with(b"Rar!\x1a\x07\x00") => four::walk(&mut flow),
        Some(_) => Err(Unscanned::Unhandled),
        None => Err(Unscanned::Corrupted),
    }
}

/// What either version says of a file.
struct File {
    name: String,
    is_folder: bool,
    is_encrypted: bool,
    /// Whether it comes from the volume before or goes on in the next one.
    is_split: bool,
    is_stored: bool,
    size: u64,
    crc: Option<u32>,
    /// Where its octets are, and how many.
    start: u64,
    packed: u64,
}

impl File {
    /// Hands it out. An error ends all unpacking.
    fn give<R: Read + Seek>(&self, flow: &mut Flow<'_, R>) -> Result<(), Unscanned> {
        if self.is_folder && self.packed == 0 {
            return flow.out.budget.begin_member();
        }
        flow.out.begin_shown(display_name(&self.name), self.name.as_bytes(), Some(self.size))?;
        flow.out.sum();
        let outcome = if self.is_encrypted {
            Err(Unscanned::Encrypted)
        } else if self.is_split {
            Err(Unscanned::Multipart)
        } else if self.is_stored {
            flow.copy(self.start, self.packed).and_then(|()| {
                let is_sound = self.packed == self.size && self.crc.is_none_or(|crc| crc == flow.out.crc());
                if is_sound { Ok(()) } else { Err(Unscanned::PartiallyCorrupted) }
            })
        } else {
            Err(Unscanned::Unhandled)
        };
        flow.out.end(outcome)
    }
}

/// How the walk through the blocks ended.
fn outcome(has_end: bool, is_damaged: bool, is_volume: bool) -> Result<(), Unscanned> {
    match (is_volume, is_damaged || !has_end) {
        (true, _) => Err(Unscanned::Multipart),
        (false, true) => Err(Unscanned::PartiallyCorrupted),
        (false, false) => Ok(()),
    }
}
