//! The blocks of a folder (MS-CAB §2.6) as one stream of octets.

use std::io::{self, Read, Seek};

use flate2::{Decompress, FlushDecompress, Status};
use lzxd::{Lzxd, WindowSize};

use crate::Unscanned;
use crate::packed::Watch;
use crate::source::{Source, le16, le32};

/// How the blocks of a folder are packed.
#[derive(Clone, Copy)]
pub(super) enum Packing {
    Stored,
    /// Deflate, each block with the octets of the one before as its dictionary (MS-MCI).
    Mszip,
    Lzx(WindowSize),
}

impl Packing {
    /// By the number in the folder's header.
    pub(super) fn of(number: u16) -> Result<Self, Unscanned> {
        Ok(match (number & 15, number >> 8 & 31) {
            (0, _) => Self::Stored,
            (1, _) => Self::Mszip,
            (3, 15) => Self::Lzx(WindowSize::KB32),
            (3, 16) => Self::Lzx(WindowSize::KB64),
            (3, 17) => Self::Lzx(WindowSize::KB128),
            (3, 18) => Self::Lzx(WindowSize::KB256),
            (3, 19) => Self::Lzx(WindowSize::KB512),
            (3, 20) => Self::Lzx(WindowSize::MB1),
            (3, 21) => Self::Lzx(WindowSize::MB2),
            _ => return Err(Unscanned::Unhandled),
        })
    }
}

/// The octets of a folder.
pub(super) struct Blocks<'a, R> {
    source: &'a Source<R>,
    watch: &'a Watch,
    at: u64,
    left: u16,
    reserve: u64,
    coder: Coder,
    /// Octets of the block that is open, and how many of them are given.
    block: Vec<u8>,
    given: usize,
    is_damaged: bool,
    goes_on: bool,
}

enum Coder {
    Stored,
    Mszip(Box<Decompress>),
    Lzx(Box<Lzxd>),
}

impl<'a, R: Read + Seek> Blocks<'a, R> {
    pub(super) fn new(
        source: &'a Source<R>,
        watch: &'a Watch,
        packing: Packing,
        at: u64,
        left: u16,
        reserve: u64,
    ) -> Self {
        let coder = match packing {
            Packing::Stored => Coder::Stored,
            Packing::Mszip => Coder::Mszip(Box::new(Decompress::new(false))),
            Packing::Lzx(window) => Coder::Lzx(Box::new(Lzxd::new(window))),
        };
        Self { source, watch, at, left, reserve, coder, block: Vec::new(), given: 0, is_damaged: false, goes_on: false }
    }

    /// Whether a sum was wrong so far.
    pub(super) fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// Whether the rest of a block is in the next cabinet.
    pub(super) fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// Opens the next block.
    fn next(&mut self) -> io::Result<()> {
        self.watch.check()?;
        self.left -= 1;
        let header = self.octets::<8>(self.at)?;
        let (sum, packed, size) = (le32(&header, 0), usize::from(le16(&header, 4)), usize::from(le16(&header, 6)));
        let mut data = vec![0; packed];
        let start = self.at + 8 + self.reserve;
        let complete = self.source.read_at(start, &mut data).map_err(|reason| self.watch.stop(reason))?.len();
        if complete < packed {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.is_damaged |= sum != 0 && sum != checksum(&header[4..], checksum(&data, 0));
        self.at = start + packed as u64;
        if size == 0 {
            self.goes_on = true;
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let outcome = self.coder.open(&data, size, &mut self.block);
        self.given = 0;
        outcome
    }

    fn octets<const N: usize>(&self, at: u64) -> io::Result<[u8; N]> {
        let octets = self.source.array_at::<N>(at).map_err(|reason| self.watch.stop(reason))?;
        octets.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl Coder {
    /// Unpacks one block in the place of the one before. What came out before damage is there as well.
    fn open(&mut self, data: &[u8], size: usize, block: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Stored => {
                block.clear();
                block.extend_from_slice(data);
            }
            Self::Mszip(inflate) => {
                inflate.reset(false);
                if !block.is_empty() {
                    let history = &block[block.len().saturating_sub(HISTORY)..];
                    inflate.set_dictionary(history).map_err(io::Error::other)?;
                }
                let Some(data) = data.strip_prefix(b"CK") else {
                    block.clear();
                    return Err(io::ErrorKind::InvalidData.into());
                };
                block.clear();
                block.resize(size, 0);
                let status = inflate.decompress(data, block, FlushDecompress::Finish);
                block.truncate(usize::try_from(inflate.total_out()).unwrap_or(0));
                if !matches!(status, Ok(Status::StreamEnd)) && block.len() < size {
                    return Err(io::ErrorKind::InvalidData.into());
                }
            }
            Self::Lzx(decoder) => {
                block.clear();
                block.extend_from_slice(decoder.decompress_next(data, size).map_err(io::Error::other)?);
            }
        }
        if block.len() == size { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

impl<R: Read + Seek> Read for Blocks<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.block.len() {
            if self.left == 0 {
                return Ok(0);
            }
            match self.next() {
                Ok(()) => {}
                // Told when what the block still had is out.
                Err(error) if self.given < self.block.len() => {
                    self.left = 0;
                    self.is_damaged = true;
                    _ = error;
                }
                Err(error) => {
                    self.left = 0;
                    return Err(error);
                }
            }
        }
        let octets = self.block.get(self.given..).unwrap_or(&[]);
        let count = octets.len().min(buffer.len());
        buffer[..count].copy_from_slice(&octets[..count]);
        self.given += count;
        Ok(count)
    }
}

/// MS-CAB §3.1: little-endian words xored together; the odd octets at the end the other way round.
fn checksum(octets: &[u8], seed: u32) -> u32 {
    let words = octets.chunks_exact(4);
    let rest = words.remainder().iter().fold(0, |rest, &octet| rest << 8 | u32::from(octet));
    words.fold(seed, |sum, word| sum ^ le32(word, 0)) ^ rest
}

/// Octets of the blocks before that a block may refer to.
const HISTORY: usize = 32 << 10;
