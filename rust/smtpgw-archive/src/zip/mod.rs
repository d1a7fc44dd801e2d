//! Zip (PKWARE APPNOTE 6.3): stored and deflated members, ZIP64, data before and after.
//!
//! The reading is the directory's at the end of the file, as nearly every program reads. Where there is no directory
//! that agrees with itself, the local headers are walked from the first octet to the last, as programs for repair
//! do, and the container is reported as damaged whatever comes out.
//!
//! | directory | members come from | outcome |
//! |---|---|---|
//! | found; its records are as many as it says | directory | `Ok` |
//! | says it is one volume of several | local headers | `Multipart` |
//! | empty, and no local header anywhere | – | `Ok` |
//! | anything else | local headers | `PartiallyCorrupted`, `Corrupted` when there are none |
//!
//! What the headers say of a member's size never cuts it short: deflate tells itself where it ends, and a stored
//! member is taken as the larger of its two sizes. So what comes out holds what any reader would take, and a
//! disagreement is told at the member's end. The structure is read here and not by a library because libraries
//! make one choice at each of these points, silently.

mod data;
mod directory;
mod header;
mod local;

use std::io::{Read, Seek};

use crate::source::Source;
use crate::{Budget, Members, Unscanned};

use data::Unpacker;
use directory::Found;

pub(crate) fn unpack<R: Read + Seek>(
    source: Source<R>,
    budget: &mut Budget,
    members: &mut dyn Members,
) -> Result<(), Unscanned> {
    let mut unpacker = Unpacker::new(source, budget, members);
    match directory::find(&mut unpacker)? {
        Found::Directory(directory) => directory.walk(&mut unpacker),
        Found::Empty => match local::walk(&mut unpacker)? {
            0 => Ok(()),
            _ => Err(Unscanned::PartiallyCorrupted),
        },
        Found::Volume => local::walk(&mut unpacker).and(Err(Unscanned::Multipart)),
        Found::Nothing => match local::walk(&mut unpacker)? {
            0 => Err(Unscanned::Corrupted),
            _ => Err(Unscanned::PartiallyCorrupted),
        },
    }
}
