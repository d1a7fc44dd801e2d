//! Zip (PKWARE APPNOTE 6.3): ZIP64, data before and after, and every method that programs in use write: stored,
//! deflate, deflate64, bzip2, LZMA, zstd, xz, PPMd.
//!
//! The reading is the directory's at the end of the file, as nearly every program reads. But programs that repair,
//! stream or search read the local headers; so these are read as well, and where they say something else than the
//! directory, or are not in it, both come out and the container is reported as damaged. Where no directory agrees with
//! itself, the local headers are all there is.
//!
//! | directory | members come from | outcome |
//! |---|---|---|
//! | found; its records are as many as it says | directory, local headers that differ | `Ok`; if any does, `PartiallyCorrupted` |
//! | several | all of them, local headers that differ | `PartiallyCorrupted` |
//! | says it is one volume of several | local headers | `Multipart` |
//! | empty, and no local header anywhere | – | `Ok` |
//! | anything else | local headers | `PartiallyCorrupted`, `Corrupted` when there are none |
//!
//! What the headers say of a member's size never cuts it short: packed streams tell themselves where they end, and a
//! stored member is taken as the larger of its two sizes. So what comes out holds what any reader would take, and a
//! disagreement is told at the member's end. The structure is read here and not by a library because libraries
//! make one choice at each of these points, silently.
//!
//! Members that need a password are opened if one of the budget's words is proved to be it.

mod cipher;
mod counter;
mod data;
mod directory;
mod header;
mod local;
mod locked;
mod readings;

use std::io::{Read, Seek};

use crate::source::Source;
use crate::{Budget, Members, Unscanned};

use data::Unpacker;
use directory::{Directory, Found};
use readings::Readings;

pub(crate) fn unpack<R: Read + Seek>(
    source: Source<R>,
    budget: &mut Budget,
    members: &mut dyn Members,
) -> Result<(), Unscanned> {
    let length = source.length();
    // Among octets that are something else first, a mark alone is no header.
    let is_strict = source.array_at::<2>(0)?.is_none_or(|begin| begin != *b"PK");
    let mut unpacker = Unpacker::new(source, budget, members);
    match directory::find(&mut unpacker)? {
        Found::Directories(directories) => by_directories(&mut unpacker, &directories),
        Found::Empty => match local::walk(&mut unpacker, 0, length, is_strict)? {
            0 => Ok(()),
            _ => Err(Unscanned::PartiallyCorrupted),
        },
        Found::Volume => local::walk(&mut unpacker, 0, length, is_strict).and(Err(Unscanned::Multipart)),
        Found::Nothing => match local::walk(&mut unpacker, 0, length, is_strict)? {
            0 => Err(Unscanned::Corrupted),
            _ => Err(Unscanned::PartiallyCorrupted),
        },
    }
}

fn by_directories<R: Read + Seek>(unpacker: &mut Unpacker<'_, R>, directories: &[Directory]) -> Result<(), Unscanned> {
    let mut readings = Readings::default();
    for (n, directory) in directories.iter().enumerate() {
        // A directory in a member is that of a zip in the zip, which is opened when its turn comes.
        if n > 0 && readings.covers(directory.end) {
            continue;
        }
        readings.differ |= n > 0;
        directory.walk(unpacker, &mut readings)?;
    }
    readings.walk_gaps(unpacker)?;
    if readings.differ { Err(Unscanned::PartiallyCorrupted) } else { Ok(()) }
}
