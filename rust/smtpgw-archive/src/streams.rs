//! Files of one packed stream, or of several one behind the other: gzip (RFC 1952), bzip2, xz, zstd (RFC 8878), lzma.
//!
//! All streams of a file make one member, as the formats' own programs read them: hiding something in the second
//! one is the oldest trick. Zeros behind a stream are padding; anything else that is no stream of the format is
//! reported as damage, after everything before it has come out.

use std::io::{BufRead as _, Read, Seek};

use crate::decoder::Packing;
use crate::flow::{CHUNK, Out};
use crate::limits::STREAMS;
use crate::packed::{Packed, Watch};
use crate::source::{Source, le16};
use crate::{Budget, Members, Unscanned};

pub(crate) fn unpack<R: Read + Seek>(
    packing: Packing,
    source: Source<R>,
    budget: &mut Budget,
    members: &mut dyn Members,
) -> Result<(), Unscanned> {
    let length = source.length();
    let watch = budget.watch();
    let mut out = Out::new(budget, members, length);
    let mut packed = Packed::new(&source, 0, length, &watch, CHUNK);
    let name = if packing == Packing::Gzip { gzip_name(&mut packed) } else { Vec::new() };
    if let Some(reason) = watch.trouble() {
        return Err(reason);
    }
    out.begin(&name, None)?;
    let outcome = match all(packing, &mut packed, &mut out, length, &watch) {
        Err(Unscanned::PartiallyCorrupted) if out.given() == 0 => Err(Unscanned::Corrupted),
        outcome => outcome,
    };
    // What is wrong with the only member is told there, and once.
    out.end(outcome)
}

/// Every stream of the file, into the member that is open.
fn all<R: Read + Seek>(
    packing: Packing,
    packed: &mut Packed<'_, R>,
    out: &mut Out<'_>,
    length: u64,
    watch: &Watch,
) -> Result<(), Unscanned> {
    let mut buffer = vec![0; CHUNK];
    for _ in 0..STREAMS {
        out.budget.tick()?;
        out.stream(packing, packed, watch, &mut buffer, length)?;
        match skip_zeros(packed) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(_) => return Err(watch.trouble().unwrap_or(Unscanned::Unreadable)),
        }
    }
    Err(Unscanned::FilesLimit)
}

/// The name in the first header of a gzip file (RFC 1952 §2.3.1); empty if there is none.
fn gzip_name<R: Read + Seek>(packed: &mut Packed<'_, R>) -> Vec<u8> {
    let Ok(octets) = packed.fill_buf() else { return Vec::new() };
    let flags = octets.get(3).copied().unwrap_or(0);
    if flags & FNAME == 0 {
        return Vec::new();
    }
    let extra = if flags & FEXTRA == 0 { 0 } else { 2 + usize::from(le16(octets, 10)) };
    let name = octets.get(10 + extra..).unwrap_or(&[]);
    name.iter().copied().take_while(|&octet| octet != 0).collect()
}

/// Goes on to the next octet that is not zero; whether there is none.
fn skip_zeros<R: Read + Seek>(packed: &mut Packed<'_, R>) -> std::io::Result<bool> {
    loop {
        let octets = packed.fill_buf()?;
        if octets.is_empty() {
            return Ok(true);
        }
        let (zeros, held) = (octets.iter().take_while(|&&octet| octet == 0).count(), octets.len());
        packed.consume(zeros);
        if zeros < held {
            return Ok(false);
        }
    }
}

const FEXTRA: u8 = 4;
const FNAME: u8 = 8;
