//! How streams of a PDF are packed (ISO 32000-1 §7.4): a chain of decoders, each of which reads the one before.
//!
//! A decoder gives what it could make before it tells of damage, as programs show it. What the ones in the middle make
//! is bounded as well: a chain may blow octets up and throw them away again.

use std::cell::Cell;
use std::io::{self, BufRead as _, BufReader, Read};

use flate2::{Decompress, FlushDecompress, Status};

use super::lzw::Lzw;
use super::predictor::Predictor;
use crate::Unscanned;
use crate::flow::CHUNK;
use crate::packed::Watch;

/// One way of packing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Flate,
    Lzw,
    Hex,
    Base85,
    RunLength,
    /// Encryption of its own, or none (`/Identity`).
    Crypt,
    /// A picture comes out, for a screen.
    Picture,
    Unknown,
}

impl Filter {
    /// By its name, or the short one of images within pages, which programs take everywhere.
    pub(super) const fn of(name: &[u8]) -> Self {
        match name {
            b"FlateDecode" | b"Fl" => Self::Flate,
            b"LZWDecode" | b"LZW" => Self::Lzw,
            b"ASCIIHexDecode" | b"AHx" => Self::Hex,
            b"ASCII85Decode" | b"A85" => Self::Base85,
            b"RunLengthDecode" | b"RL" => Self::RunLength,
            b"Crypt" => Self::Crypt,
            b"DCTDecode" | b"DCT" | b"JPXDecode" | b"JBIG2Decode" | b"CCITTFaxDecode" | b"CCF" => Self::Picture,
            _ => Self::Unknown,
        }
    }
}

/// What a decoder is told (§7.4.4.3).
#[derive(Clone, Copy, Debug)]
pub(super) struct Parms {
    pub(super) predictor: u64,
    pub(super) colors: u64,
    pub(super) bits: u64,
    pub(super) columns: u64,
    /// LZW: codes grow when they have to, and not one earlier.
    pub(super) is_late: bool,
}

impl Default for Parms {
    fn default() -> Self {
        Self { predictor: 1, colors: 1, bits: 8, columns: 1, is_late: false }
    }
}

/// The decoder for a chain. `left` is how many octets may go into decoders, of all streams together.
pub(super) fn open<'p>(
    packed: impl Read + 'p,
    filters: &[Filter],
    parms: &[Parms],
    watch: &'p Watch,
    left: &'p Cell<u64>,
) -> Result<Box<dyn Read + 'p>, Unscanned> {
    let mut reader: Box<dyn Read + 'p> = Box::new(packed);
    for (at, filter) in filters.iter().enumerate() {
        let parms = parms.get(at).copied().unwrap_or_default();
        let octets = Octets(BufReader::with_capacity(CHUNK, Metered { reader, watch, left }));
        reader = match filter {
            Filter::Flate => Predictor::open(Box::new(Inflate::new(octets)), &parms)?,
            Filter::Lzw => Predictor::open(Box::new(Lzw::new(octets, parms.is_late)), &parms)?,
            Filter::Hex => Box::new(Hex { octets, is_over: false }),
            Filter::Base85 => Box::new(Base85::new(octets)),
            Filter::RunLength => Box::new(RunLength { octets, left: 0, again: None }),
            // Without a key it is none.
            Filter::Crypt => Box::new(octets.0),
            Filter::Picture | Filter::Unknown => return Err(Unscanned::Unhandled),
        };
    }
    Ok(reader)
}

/// Octets on their way into a decoder, counted.
pub(super) struct Metered<'p> {
    reader: Box<dyn Read + 'p>,
    watch: &'p Watch,
    left: &'p Cell<u64>,
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.watch.check()?;
        let count = self.reader.read(buffer)?;
        let left = self.left.get().saturating_sub(count as u64);
        self.left.set(left);
        if left == 0 { Err(self.watch.stop(Unscanned::Mailbomb)) } else { Ok(count) }
    }
}

/// The same, one by one.
pub(super) struct Octets<'p>(BufReader<Metered<'p>>);

impl Octets<'_> {
    pub(super) fn next(&mut self) -> io::Result<Option<u8>> {
        let octet = self.0.fill_buf()?.first().copied();
        self.0.consume(usize::from(octet.is_some()));
        Ok(octet)
    }
}

/// Fills a buffer with what `next` makes. Damage behind something good is told the next time it is asked.
pub(super) fn fill(buffer: &mut [u8], mut next: impl FnMut() -> io::Result<Option<u8>>) -> io::Result<usize> {
    for (at, place) in buffer.iter_mut().enumerate() {
        match next() {
            Ok(Some(octet)) => *place = octet,
            Ok(None) => return Ok(at),
            Err(_) if at > 0 => return Ok(at),
            Err(error) => return Err(error),
        }
    }
    Ok(buffer.len())
}

pub(super) fn damage() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// `/FlateDecode`: RFC 1951 behind the two octets of RFC 1950. Its sum is not looked at: programs show what came out
/// before it.
struct Inflate<'p> {
    octets: Octets<'p>,
    inflate: Decompress,
    header: u8,
    is_over: bool,
    is_damaged: bool,
}

impl<'p> Inflate<'p> {
    fn new(octets: Octets<'p>) -> Self {
        Self { octets, inflate: Decompress::new(false), header: HEADER, is_over: false, is_damaged: false }
    }
}

impl Read for Inflate<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.header > 0 {
            // Nothing at all is no damage: so some programs pack nothing.
            self.is_over |= self.octets.next()?.is_none() && self.header == HEADER;
            self.header -= 1;
        }
        while !self.is_over && !buffer.is_empty() {
            if self.is_damaged {
                return Err(damage());
            }
            let packed = self.octets.0.fill_buf()?;
            let is_end = packed.is_empty();
            let before = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(packed, buffer, FlushDecompress::None);
            let used = usize::try_from(self.inflate.total_in() - before.0).unwrap_or(usize::MAX);
            let made = usize::try_from(self.inflate.total_out() - before.1).unwrap_or(usize::MAX);
            self.octets.0.consume(used);
            self.is_over = matches!(status, Ok(Status::StreamEnd));
            self.is_damaged = status.is_err() || (!self.is_over && made == 0 && (is_end || used == 0));
            if made > 0 {
                return Ok(made);
            }
        }
        Ok(0)
    }
}

/// `/ASCIIHexDecode` (§7.4.2).
struct Hex<'p> {
    octets: Octets<'p>,
    is_over: bool,
}

impl Hex<'_> {
    fn digit(&mut self) -> io::Result<Option<u8>> {
        while !self.is_over {
            match self.octets.next()? {
                None | Some(b'>') => self.is_over = true,
                Some(octet) => {
                    if let Some(digit) = char::from(octet).to_digit(16) {
                        return Ok(u8::try_from(digit).ok());
                    }
                }
            }
        }
        Ok(None)
    }
}

impl Read for Hex<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        fill(buffer, || {
            let Some(high) = self.digit()? else { return Ok(None) };
            Ok(Some(16 * high + self.digit()?.unwrap_or(0)))
        })
    }
}

/// `/ASCII85Decode` (§7.4.3).
struct Base85<'p> {
    octets: Octets<'p>,
    made: [u8; 4],
    /// Octets of `made` that have not been given.
    left: usize,
    is_first: bool,
    is_over: bool,
}

impl<'p> Base85<'p> {
    fn new(octets: Octets<'p>) -> Self {
        Self { octets, made: [0; 4], left: 0, is_first: true, is_over: false }
    }

    /// The next group of up to five digits.
    fn group(&mut self) -> io::Result<()> {
        let (mut value, mut count) = (0_u64, 0);
        while count < 5 {
            match self.octets.next()? {
                Some(b'z') if count == 0 => count = 5,
                Some(digit @ b'!'..=b'u') => {
                    value = 85 * value + u64::from(digit - b'!');
                    count += 1;
                }
                // `<~`, as other programs than PDF's begin.
                Some(b'~') if self.is_first && count == 1 && value == u64::from(b'<' - b'!') => (value, count) = (0, 0),
                None | Some(b'~') => {
                    self.is_over = true;
                    break;
                }
                Some(_) => {}
            }
            self.is_first &= count < 2;
        }
        self.left = usize::saturating_sub(count, 1);
        for _ in count..5 {
            value = 85 * value + 84;
        }
        self.made = u32::try_from(value & u64::from(u32::MAX)).unwrap_or(0).to_be_bytes();
        self.made.copy_within(..self.left, 4 - self.left);
        Ok(())
    }
}

impl Read for Base85<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        fill(buffer, || {
            while self.left == 0 {
                if self.is_over {
                    return Ok(None);
                }
                self.group()?;
            }
            self.left -= 1;
            Ok(self.made.get(3 - self.left).copied())
        })
    }
}

/// `/RunLengthDecode` (§7.4.5).
struct RunLength<'p> {
    octets: Octets<'p>,
    left: usize,
    /// What comes again; without it octets come as they are.
    again: Option<u8>,
}

impl Read for RunLength<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        fill(buffer, || {
            if self.left == 0 {
                match self.octets.next()? {
                    None | Some(128) => {
                        // It stays at its end.
                        self.octets.0.get_mut().reader = Box::new(io::empty());
                        let held = self.octets.0.buffer().len();
                        self.octets.0.consume(held);
                        return Ok(None);
                    }
                    Some(length @ ..128) => (self.left, self.again) = (usize::from(length) + 1, None),
                    Some(length) => {
                        self.left = 257 - usize::from(length);
                        self.again = Some(self.octets.next()?.ok_or_else(damage)?);
                    }
                }
            }
            self.left -= 1;
            match self.again {
                Some(octet) => Ok(Some(octet)),
                None => self.octets.next()?.ok_or_else(damage).map(Some),
            }
        })
    }
}

/// Octets in front of what `/FlateDecode` has packed.
const HEADER: u8 = 2;
