//! A folder of a 7z: coders bound to each other, packed streams at one end and the octets of its files at the other.

use std::io::{self, Read, Seek};

use aes::Aes256;
use aes::cipher::KeyInit as _;
use bzip2::read::BzDecoder;
use deflate64::Deflate64Decoder;
use flate2::read::DeflateDecoder;
use lzma_rust2::filter::bcj::BcjReader;
use lzma_rust2::filter::bcj2::Bcj2Reader;
use lzma_rust2::filter::delta::DeltaReader;
use lzma_rust2::{Lzma2Reader, LzmaReader};
use ppmd_rust::Ppmd7Decoder;

use crate::Unscanned;
use crate::chained::Chained;
use crate::flow::CHUNK;
use crate::limits::WINDOW;
use crate::packed::{Packed, Watch};
use crate::source::{Source, le32};

use super::key::{Key, Lock};

/// How the octets of some files are packed.
#[derive(Default)]
pub(super) struct Folder {
    pub(super) coders: Vec<Coder>,
    /// Which input of the folder takes which output; both are counted through all coders.
    pub(super) bound: Vec<(usize, usize)>,
    /// The inputs that take packed streams, in their order.
    pub(super) packed: Vec<usize>,
    /// Octets of each output. Every coder has one.
    pub(super) sizes: Vec<u64>,
    pub(super) crc: Option<u32>,
}

/// One step of unpacking.
pub(super) struct Coder {
    pub(super) id: u64,
    pub(super) inputs: usize,
    pub(super) properties: Vec<u8>,
}

/// Octets of a packed stream: from, to.
pub(super) type Stretch = (u64, u64);

impl Folder {
    pub(super) fn outputs(&self) -> usize {
        self.coders.len()
    }

    /// The output that nothing takes: the octets of the files.
    fn main(&self) -> Option<usize> {
        (0..self.outputs()).find(|output| self.bound.iter().all(|(_, bound)| bound != output))
    }

    /// Octets that it unpacks to.
    pub(super) fn size(&self) -> u64 {
        self.main().and_then(|main| self.sizes.get(main)).copied().unwrap_or(0)
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.coders.iter().any(|coder| coder.id == AES)
    }

    /// How it is encrypted. Programs do it once; where it is done more often no single key opens it.
    pub(super) fn lock(&self) -> Result<Lock, Unscanned> {
        let mut locks = self.coders.iter().filter(|coder| coder.id == AES);
        match (locks.next().and_then(|coder| Lock::read(&coder.properties)), locks.next()) {
            (Some(lock), None) => Ok(lock),
            _ => Err(Unscanned::Encrypted),
        }
    }

    /// Whether all its coders are known, and their windows together within the limit.
    pub(super) fn check(&self) -> Result<(), Unscanned> {
        let mut memory = 0;
        for (coder, &size) in self.coders.iter().zip(&self.sizes) {
            memory += match coder.id {
                LZMA | LZMA2 => u64::from(coder.dictionary(size)?) + (1 << 16),
                PPMD => u64::from(le32(&coder.properties, 1)),
                COPY | DELTA | DEFLATE | DEFLATE64 | BZIP2 | BCJ2 | AES => 0,
                id if bcj(id, io::empty()).is_some() => 0,
                _ => return Err(Unscanned::Unhandled),
            };
        }
        if memory > WINDOW { Err(Unscanned::Mailbomb) } else { Ok(()) }
    }

    /// The octets of the files, from packed streams that lie at `stretches`.
    pub(super) fn open<'a, R: Read + Seek>(
        &self,
        source: &'a Source<R>,
        stretches: &[Stretch],
        watch: &'a Watch,
        key: Option<&Key>,
    ) -> io::Result<Box<dyn Read + 'a>> {
        let main = self.main().ok_or(io::ErrorKind::InvalidData)?;
        self.output(main, self.outputs(), &Place { source, stretches, watch, key })
    }

    /// The octets of an output. Depth is at most the number of coders, which has a limit; `left` ends a circle.
    fn output<'a, R: Read + Seek>(
        &self,
        output: usize,
        left: usize,
        place: &Place<'a, '_, R>,
    ) -> io::Result<Box<dyn Read + 'a>> {
        let damaged = || io::Error::from(io::ErrorKind::InvalidData);
        let left = left.checked_sub(1).ok_or_else(damaged)?;
        let coder = self.coders.get(output).ok_or_else(damaged)?;
        let size = *self.sizes.get(output).ok_or_else(damaged)?;
        let first: usize = self.coders.iter().take(output).map(|coder| coder.inputs).sum();
        let mut inputs = (first..first + coder.inputs).map(|input| {
            if let Some((_, output)) = self.bound.iter().find(|(bound, _)| *bound == input) {
                return self.output(*output, left, place);
            }
            let stream = self.packed.iter().position(|packed| *packed == input).ok_or_else(damaged)?;
            let (start, end) = *place.stretches.get(stream).ok_or_else(damaged)?;
            let packed = Packed::new(place.source, start, end, place.watch, CHUNK);
            Ok(Box::new(packed) as Box<dyn Read + 'a>)
        });
        if coder.id == BCJ2 {
            let inputs = inputs.collect::<io::Result<Vec<_>>>()?;
            return Ok(Box::new(Bcj2Reader::try_new(inputs, size)?.take(size)));
        }
        let input = inputs.next().ok_or_else(damaged)??;
        if inputs.next().is_some() {
            return Err(damaged());
        }
        Ok(Box::new(coder.open(input, size, place.key)?.take(size)))
    }
}

/// Where packed streams are.
struct Place<'a, 's, R> {
    source: &'a Source<R>,
    stretches: &'s [Stretch],
    watch: &'a Watch,
    key: Option<&'s Key>,
}

impl Coder {
    /// The window of an LZMA coder that gives `size` octets. More than these is never needed.
    fn dictionary(&self, size: u64) -> Result<u32, Unscanned> {
        let dictionary = match (self.id, self.properties.as_slice()) {
            (LZMA2, &[40]) => u32::MAX,
            (LZMA2, &[bits @ 0..=39]) => (2 | (u32::from(bits) & 1)) << (bits / 2 + 11),
            (LZMA, properties) if properties.len() == 5 => le32(properties, 1),
            _ => return Err(Unscanned::Corrupted),
        };
        Ok(u32::try_from(size.max(4096)).unwrap_or(u32::MAX).min(dictionary))
    }

    fn open<'a>(&self, input: Box<dyn Read + 'a>, size: u64, key: Option<&Key>) -> io::Result<Box<dyn Read + 'a>> {
        let properties = self.properties.as_slice();
        let first = properties.first().copied().unwrap_or(0);
        let dictionary = || self.dictionary(size).map_err(|_| io::ErrorKind::InvalidData);
        Ok(match self.id {
            COPY => input,
            // Told the size, the library would take a match that goes beyond it for damage and drop it.
            LZMA => Box::new(LzmaReader::new_with_props(input, u64::MAX, first, dictionary()?, None)?),
            LZMA2 => Box::new(Lzma2Reader::new(input, dictionary()?, None)),
            PPMD => Box::new(Ppmd7Decoder::new(input, first.into(), le32(properties, 1)).map_err(io::Error::other)?),
            DEFLATE => Box::new(DeflateDecoder::new(input)),
            DEFLATE64 => Box::new(Deflate64Decoder::new(input)),
            BZIP2 => Box::new(BzDecoder::new(input)),
            AES => {
                let (Some(key), Some(lock)) = (key, Lock::read(properties)) else {
                    return Err(io::ErrorKind::InvalidData.into());
                };
                Box::new(Chained::new(input, Aes256::new(key.into()), lock.start))
            }
            DELTA => Box::new(DeltaReader::new(input, usize::from(first) + 1)),
            id => bcj(id, input).ok_or(io::ErrorKind::Unsupported)?,
        })
    }
}

/// The filter for the addresses in programs of one kind of machine.
fn bcj<'a>(id: u64, input: impl Read + 'a) -> Option<Box<dyn Read + 'a>> {
    Some(Box::new(match id {
        0x04 | 0x0303_0103 => BcjReader::new_x86(input, 0),
        0x05 | 0x0303_0205 => BcjReader::new_ppc(input, 0),
        0x06 | 0x0303_0401 => BcjReader::new_ia64(input, 0),
        0x07 | 0x0303_0501 => BcjReader::new_arm(input, 0),
        0x08 | 0x0303_0701 => BcjReader::new_arm_thumb(input, 0),
        0x09 | 0x0303_0805 => BcjReader::new_sparc(input, 0),
        0x0a => BcjReader::new_arm64(input, 0),
        0x0b => BcjReader::new_riscv(input, 0),
        _ => return None,
    }))
}

const COPY: u64 = 0x00;
const DELTA: u64 = 0x03;
const LZMA2: u64 = 0x21;
const LZMA: u64 = 0x03_0101;
const BCJ2: u64 = 0x0303_011b;
const PPMD: u64 = 0x03_0401;
const DEFLATE: u64 = 0x04_0108;
const DEFLATE64: u64 = 0x04_0109;
const BZIP2: u64 = 0x04_0202;
const AES: u64 = 0x06f1_0701;
