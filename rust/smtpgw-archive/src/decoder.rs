//! The ways in which a stream of octets is packed, and the decoder for each.
//!
//! All of them are libraries that read a stream and know nothing of files. Whatever asks for memory is asked for its
//! size first.

use std::io::{self, Read, Seek};

use bzip2::bufread::BzDecoder;
use deflate64::Deflate64Decoder;
use flate2::bufread::{GzDecoder, ZlibDecoder};
use lzma_rust2::{LzmaReader, XzReader, lzma_get_memory_usage_by_props};
use ppmd_rust::{Ppmd8Decoder, RestoreMethod};

use crate::Unscanned;
use crate::limits::WINDOW;
use crate::packed::Packed;
use crate::source::{le16, le32, le64};
use crate::zstd::Frames;

/// How one stream is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    /// RFC 1950.
    Zlib,
    Bzip2,
    Xz,
    /// All frames that follow each other.
    Zstd,
    Deflate64,
    /// With the header of the `.lzma` files.
    LzmaAlone,
    /// As in a zip (APPNOTE §5.8.8): two octets of version, two that tell the length of the properties, these, and
    /// the stream. Where the size is not told, a mark in the stream ends it.
    ZipLzma {
        size: Option<u64>,
    },
    /// As in a zip (APPNOTE §5.10): two octets of parameters, and the stream, which does not tell where it ends.
    ZipPpmd {
        size: Option<u64>,
    },
}

impl Packing {
    /// The decoder for the stream at the position of `packed`.
    pub(crate) fn open<'p, R: Read + Seek>(self, packed: &'p mut Packed<'_, R>) -> io::Result<Box<dyn Read + 'p>> {
        Ok(match self {
            Self::Gzip => Box::new(GzDecoder::new(packed)),
            Self::Zlib => Box::new(ZlibDecoder::new(packed)),
            Self::Bzip2 => Box::new(BzDecoder::new(packed)),
            Self::Xz => Box::new(XzReader::new_mem_limit(packed, false, kibioctets(WINDOW))),
            Self::Zstd => Box::new(Frames::new(packed)),
            Self::Deflate64 => Box::new(Deflate64Decoder::with_buffer(packed)),
            Self::LzmaAlone => {
                let mut header = [0; 13];
                packed.read_exact(&mut header)?;
                lzma(packed, header[0], le32(&header, 1), le64(&header, 5))?
            }
            Self::ZipLzma { size } => {
                let mut header = [0; 9];
                packed.read_exact(&mut header)?;
                if le16(&header, 2) != 5 {
                    return Err(io::ErrorKind::Unsupported.into());
                }
                lzma(packed, header[4], le32(&header, 5), size.unwrap_or(u64::MAX))?
            }
            Self::ZipPpmd { size } => {
                let mut header = [0; 2];
                packed.read_exact(&mut header)?;
                let parameters = u32::from(le16(&header, 0));
                let (order, mebioctets, method) =
                    ((parameters & 15) + 1, ((parameters >> 4) & 0xff) + 1, parameters >> 12);
                let method = match method {
                    0 => RestoreMethod::Restart,
                    1 => RestoreMethod::CutOff,
                    _ => return Err(io::ErrorKind::Unsupported.into()),
                };
                if u64::from(mebioctets) << 20 > WINDOW {
                    return Err(io::ErrorKind::OutOfMemory.into());
                }
                let decoder = Ppmd8Decoder::new(packed, order, mebioctets << 20, method).map_err(io::Error::other)?;
                Box::new(decoder.take(size.unwrap_or(u64::MAX)))
            }
        })
    }
}

/// A stream of LZMA. A size of all ones is one that is not told.
fn lzma<'p, R: Read + Seek>(
    packed: &'p mut Packed<'_, R>,
    properties: u8,
    dictionary: u32,
    size: u64,
) -> io::Result<Box<dyn Read + 'p>> {
    // More than comes out is never needed, and encoders write the same dictionary for every size.
    let needed = u64::from(dictionary).min(size.max(4096));
    let dictionary = u32::try_from(needed).unwrap_or(u32::MAX);
    if lzma_get_memory_usage_by_props(dictionary, properties)? > kibioctets(WINDOW) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    // Told the size, the library would take a match that goes beyond it for damage and drop it.
    let reader = LzmaReader::new_with_props(packed, u64::MAX, properties, dictionary, None)?;
    Ok(Box::new(Lzma { reader: Some(reader), left: size, has_size: size != u64::MAX }))
}

/// A stream of LZMA that gives back what the library has read behind its end: another may follow.
struct Lzma<'p, 'a, R> {
    reader: Option<LzmaReader<&'p mut Packed<'a, R>>>,
    /// Octets that are still to come out.
    left: u64,
    has_size: bool,
}

impl<R: Read + Seek> Lzma<'_, '_, R> {
    fn end(&mut self) {
        let Some((packed, unused)) = self.reader.take().map(LzmaReader::into_parts) else { return };
        packed.return_to(packed.position().saturating_sub(unused.len() as u64));
        // A stream that tells its size may have a mark at its end as well, which nobody reads.
        if self.has_size && packed.left() <= LZMA_END {
            packed.skip_all();
        }
    }
}

impl<R: Read + Seek> Read for Lzma<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = match (&mut self.reader, buffer.get_mut(..room)) {
            (Some(reader), Some(buffer)) if room > 0 => reader.read(buffer)?,
            _ => 0,
        };
        self.left -= count as u64;
        if !buffer.is_empty() && (count == 0 || self.left == 0) {
            self.end();
        }
        Ok(count)
    }
}

/// Octets of the mark at the end of a stream of LZMA, at most, and of what its decoder has not asked for.
const LZMA_END: u64 = 12;

const fn kibioctets(octets: u64) -> u32 {
    (octets >> 10) as u32
}

/// What an error of a decoder means. One that asks for more memory than [`WINDOW`] is a bomb before it has gone off.
pub(crate) fn reason_of(error: &io::Error) -> Unscanned {
    match error.kind() {
        io::ErrorKind::OutOfMemory => Unscanned::Mailbomb,
        io::ErrorKind::Unsupported => Unscanned::Unhandled,
        io::ErrorKind::QuotaExceeded => Unscanned::FilesLimit,
        _ => Unscanned::PartiallyCorrupted,
    }
}
