//! Files of one packed stream, or of several one behind the other: gzip (RFC 1952), bzip2, xz, zstd (RFC 8878).
//!
//! All streams of a file make one member, as the formats' own programs read them: hiding something in the second
//! one is the oldest trick. Zeros behind a stream are padding; anything else that is no stream of the format is
//! reported as damage, after everything before it has come out. Skippable frames of zstd are skipped as RFC 8878
//! §3.1.2 has it.

use std::cell::Cell;
use std::io::{BufRead as _, BufReader, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::StreamingDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, FrameHeaderError, ReadFrameHeaderError};

use crate::flow::{CHUNK, Out};
use crate::limits::{STREAMS, WINDOW};
use crate::source::{Section, Source, le32};
use crate::{Budget, Members, Unscanned};

/// How the streams are packed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

type Packed<'a, R> = BufReader<Section<'a, R>>;

pub(crate) fn unpack<R: Read + Seek>(
    packing: Packing,
    mut source: Source<R>,
    budget: &mut Budget,
    members: &mut dyn Members,
) -> Result<(), Unscanned> {
    let length = source.length();
    let mut out = Out::new(budget, members, length);
    let failed = Cell::new(false);
    let mut packed = BufReader::with_capacity(CHUNK, Section::new(&mut source, 0, length, &failed));
    let name = if packing == Packing::Gzip { gzip_name(&mut packed) } else { Vec::new() };
    if failed.get() {
        return Err(Unscanned::Unreadable);
    }
    out.begin(&name, None)?;
    let outcome = match all(packing, &mut packed, &mut out, length, &failed) {
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
    failed: &Cell<bool>,
) -> Result<(), Unscanned> {
    let mut buffer = vec![0; CHUNK];
    for _ in 0..STREAMS {
        out.budget.tick()?;
        match packing {
            Packing::Gzip => out.drain(&mut GzDecoder::new(&mut *packed), &mut buffer, length, failed)?,
            Packing::Bzip2 => out.drain(&mut BzDecoder::new(&mut *packed), &mut buffer, length, failed)?,
            Packing::Xz => {
                let kibioctets = u32::try_from(WINDOW >> 10).unwrap_or(u32::MAX);
                let mut decoder = XzReader::new_mem_limit(&mut *packed, false, kibioctets);
                out.drain(&mut decoder, &mut buffer, length, failed)?;
            }
            Packing::Zstd => frame(packed, out, &mut buffer, length, failed)?,
        }
        let is_over = skip_zeros(packed).map_err(|_| Unscanned::Unreadable)?;
        if is_over {
            return Ok(());
        }
    }
    Err(Unscanned::FilesLimit)
}

/// One frame of zstd.
fn frame<R: Read + Seek>(
    packed: &mut Packed<'_, R>,
    out: &mut Out<'_>,
    buffer: &mut [u8],
    length: u64,
    failed: &Cell<bool>,
) -> Result<(), Unscanned> {
    let source = &mut *packed;
    let open = AssertUnwindSafe(move || StreamingDecoder::new_with_max_window_size(source, WINDOW));
    let mut stream = match catch_unwind(open) {
        Ok(Ok(stream)) => stream,
        Ok(Err(_)) if failed.get() => return Err(Unscanned::Unreadable),
        Ok(Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. }))) => {
            let skipped = std::io::copy(&mut packed.by_ref().take(length.into()), &mut std::io::sink());
            return match skipped {
                Ok(skipped) if skipped == u64::from(length) => Ok(()),
                Ok(_) => Err(Unscanned::PartiallyCorrupted),
                Err(_) => Err(Unscanned::Unreadable),
            };
        }
        Ok(Err(
            FrameDecoderError::WindowSizeTooBig { .. }
            | FrameDecoderError::FrameHeaderError(FrameHeaderError::WindowTooBig { .. }),
        )) => return Err(Unscanned::Mailbomb),
        Ok(Err(FrameDecoderError::DictNotProvided { .. })) => return Err(Unscanned::Unhandled),
        Ok(Err(_)) | Err(_) => return Err(Unscanned::PartiallyCorrupted),
    };
    let before = out.given();
    out.drain(&mut stream, buffer, length, failed)?;
    let decoder = stream.into_frame_decoder();
    // The library computes the checksum and compares nothing. A size of 0 is one that is not told, too.
    let checksum_agrees =
        decoder.get_checksum_from_data().is_none_or(|said| decoder.get_calculated_checksum() == Some(said));
    let size_agrees = [0, out.given() - before].contains(&decoder.content_size());
    if checksum_agrees && size_agrees { Ok(()) } else { Err(Unscanned::PartiallyCorrupted) }
}

/// The name in the first header of a gzip file (RFC 1952 §2.3.1); empty if there is none.
fn gzip_name<R: Read + Seek>(packed: &mut Packed<'_, R>) -> Vec<u8> {
    let Ok(octets) = packed.fill_buf() else { return Vec::new() };
    let flags = octets.get(3).copied().unwrap_or(0);
    if flags & FNAME == 0 {
        return Vec::new();
    }
    let extra = if flags & FEXTRA == 0 { 0 } else { 2 + (le32(octets, 10) & 0xffff) as usize };
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
