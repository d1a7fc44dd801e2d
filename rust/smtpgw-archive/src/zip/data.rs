//! One member's data: from packed octets to [`crate::Members::data`], every limit enforced while they come out.

use std::io::{Read, Seek};
use std::rc::Rc;

use flate2::{Decompress, FlushDecompress, Status};

use crate::decoder::Packing;
use crate::flow::Out;
use crate::packed::Packed;
use crate::source::Source;
use crate::{Budget, Members, Unscanned};

use super::header::{DESCRIPTOR_MARK, Header};
use super::local::Window;

/// What unpacking one zip needs, made once for all its members.
pub(super) struct Unpacker<'a, R> {
    pub(super) source: Rc<Source<R>>,
    pub(super) out: Out<'a>,
    pub(super) window: Window,
    inflate: Decompress,
    packed: Box<[u8]>,
    unpacked: Box<[u8]>,
    /// Whether a word has opened something, which is told once.
    pub(super) is_decrypted: bool,
}

/// What a header promises of a member's data; `None` where it promises nothing.
pub(super) struct Expected {
    pub(super) crc: Option<u32>,
    /// Packed, unpacked.
    pub(super) sizes: Option<(u64, u64)>,
}

impl Expected {
    /// All that a header says.
    pub(super) fn of(header: &Header) -> Self {
        Self { crc: Some(header.crc), sizes: Some((header.packed, header.unpacked)) }
    }
}

impl<'a, R: Read + Seek> Unpacker<'a, R> {
    pub(super) fn new(source: Source<R>, budget: &'a mut Budget, members: &'a mut dyn Members) -> Self {
        let out = Out::new(budget, members, source.length());
        Self {
            source: Rc::new(source),
            out,
            window: Window::new(),
            inflate: Decompress::new(false),
            packed: vec![0; CHUNK].into(),
            unpacked: vec![0; 2 * CHUNK].into(),
            is_decrypted: false,
        }
    }

    /// Hands out the member whose data begins at `start`, and says where its data ends. An error ends all unpacking.
    pub(super) fn member(&mut self, header: &Header, start: u64, expected: &Expected) -> Result<u64, Unscanned> {
        let declared_size = expected.sizes.map(|(_, unpacked)| unpacked);
        if let Some(name) = header.other_name() {
            self.out.also(name);
        }
        self.out.begin_shown(header.display_name(), &header.name, declared_size)?;
        self.out.sum();
        let mut used = None;
        let outcome = self.decode(header, start, expected, &mut used);
        self.out.end(outcome)?;
        // Where the data does not tell itself where it ends, the header does.
        let used = used.unwrap_or(expected.sizes.map_or(0, |(packed, _)| packed));
        Ok(start.saturating_add(used).min(self.source.length()))
    }

    /// Unpacks the data, and tells in `used` how many packed octets it had, as far as that is sure.
    fn decode(
        &mut self,
        header: &Header,
        start: u64,
        expected: &Expected,
        used: &mut Option<u64>,
    ) -> Result<(), Unscanned> {
        if header.is_encrypted() {
            return self.locked(header, start, expected, used);
        }
        let source = Rc::clone(&self.source);
        self.by_method(&source, header, start, expected, used)?;
        let sizes_agree = expected
            .sizes
            .is_none_or(|(packed, unpacked)| unpacked == self.out.given() && used.is_none_or(|used| used == packed));
        let crc_agrees = match (expected.crc, &used) {
            (Some(crc), _) => crc == self.out.crc(),
            (None, Some(used)) => self.descriptor_agrees(start + *used)?,
            (None, None) => false,
        };
        if sizes_agree && crc_agrees { Ok(()) } else { Err(Unscanned::PartiallyCorrupted) }
    }

    /// Unpacks what lies in `source` at `start`, the zip itself or a member of it in clear.
    pub(super) fn by_method<S: Read + Seek>(
        &mut self,
        source: &Source<S>,
        header: &Header,
        start: u64,
        expected: &Expected,
        used: &mut Option<u64>,
    ) -> Result<(), Unscanned> {
        let size = expected.sizes.map(|(_, unpacked)| unpacked);
        let packing = match header.packing() {
            STORED => return self.copy(source, start, expected, used),
            DEFLATED => return self.inflate(source, start, expected, used),
            9 => Packing::Deflate64,
            12 => Packing::Bzip2,
            14 => Packing::ZipLzma { size: if header.has_end_mark() { None } else { size } },
            20 | 93 => Packing::Zstd,
            95 => Packing::Xz,
            98 => Packing::ZipPpmd { size },
            _ => return Err(Unscanned::Unhandled),
        };
        self.stream(source, packing, start, expected, used)
    }

    /// A stored member: as many octets as the larger of its sizes says.
    fn copy<S: Read + Seek>(
        &mut self,
        source: &Source<S>,
        start: u64,
        expected: &Expected,
        used: &mut Option<u64>,
    ) -> Result<(), Unscanned> {
        let length = match expected.sizes {
            Some((packed, unpacked)) => packed.max(unpacked),
            None => self.stored_length(start)?,
        };
        let end = start.saturating_add(length).min(source.length());
        let mut at = start;
        while at < end {
            let wanted = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
            let octets = source.read_at(at, &mut self.packed[..wanted])?;
            at += octets.len() as u64;
            *used = Some(at - start);
            self.out.give(octets, at - start)?;
        }
        *used = Some(at.saturating_sub(start));
        if at.saturating_sub(start) < length { Err(Unscanned::PartiallyCorrupted) } else { Ok(()) }
    }

    /// A deflated member: up to where the stream itself says that it ends (RFC 1951).
    fn inflate<S: Read + Seek>(
        &mut self,
        source: &Source<S>,
        start: u64,
        expected: &Expected,
        used: &mut Option<u64>,
    ) -> Result<(), Unscanned> {
        self.inflate.reset(false);
        let declared = expected.sizes.map_or(u64::MAX, |(packed, _)| packed);
        let mut filled: &[u8] = &[];
        let mut at = start;
        loop {
            if filled.is_empty() {
                // Small members are read in small pieces; one that goes on beyond its size is followed.
                let left = declared.saturating_sub(at - start);
                let wanted = usize::try_from(left).unwrap_or(CHUNK).clamp(SMALL_CHUNK, CHUNK);
                filled = source.read_at(at, &mut self.packed[..wanted])?;
                at += filled.len() as u64;
            }
            let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(filled, &mut self.unpacked, FlushDecompress::None);
            let eaten = usize::try_from(self.inflate.total_in() - before_in).unwrap_or(usize::MAX);
            let given = usize::try_from(self.inflate.total_out() - before_out).unwrap_or(usize::MAX);
            filled = filled.get(eaten..).unwrap_or(&[]);
            *used = Some(self.inflate.total_in());
            self.out.give(self.unpacked.get(..given).unwrap_or(&[]), self.inflate.total_in())?;
            match status {
                Ok(Status::StreamEnd) => return Ok(()),
                Err(_) => return Err(Unscanned::PartiallyCorrupted),
                // Nothing in, nothing out: the container ends before the stream does.
                Ok(_) if eaten == 0 && given == 0 => return Err(Unscanned::PartiallyCorrupted),
                Ok(_) => {}
            }
        }
    }

    /// A member of another method: up to where the stream says that it ends, or all its octets are out.
    fn stream<S: Read + Seek>(
        &mut self,
        source: &Source<S>,
        packing: Packing,
        start: u64,
        expected: &Expected,
        used: &mut Option<u64>,
    ) -> Result<(), Unscanned> {
        let length = source.length();
        let declared = expected.sizes.map_or(length, |(packed, _)| packed.min(length));
        let at_a_time = usize::try_from(declared).unwrap_or(CHUNK).clamp(SMALL_CHUNK, CHUNK);
        let watch = self.out.budget.watch();
        let mut packed = Packed::new(source, start, length, &watch, at_a_time);
        let outcome = self.out.stream(packing, &mut packed, &watch, &mut self.unpacked, declared);
        // The others read ahead.
        if matches!(packing, Packing::Bzip2 | Packing::Xz | Packing::Zstd) {
            *used = Some(packed.position().saturating_sub(start));
        }
        outcome
    }

    /// Whether the descriptor behind the data (APPNOTE §4.3.9; its mark may be missing, its sizes may be long) has
    /// the CRC of what came out.
    fn descriptor_agrees(&mut self, at: u64) -> Result<bool, Unscanned> {
        let mut buffer = [0; 8];
        let octets = self.source.read_at(at, &mut buffer)?;
        let crc = octets.strip_prefix(DESCRIPTOR_MARK).unwrap_or(octets);
        Ok(crc.starts_with(&self.out.crc().to_le_bytes()))
    }
}

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// Octets of packed data that are read at a time; twice as many come out at a time.
pub(super) const CHUNK: usize = 32 << 10;
/// Octets that are read at least.
const SMALL_CHUNK: usize = 512;
