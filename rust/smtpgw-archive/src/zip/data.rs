//! One member's data: from packed octets to [`Members::data`], every limit enforced while they come out.

use std::io::{Read, Seek};

use flate2::{Crc, Decompress, FlushDecompress, Status};

use crate::source::Source;
use crate::{Budget, Member, Members, Unscanned};

use super::header::{DESCRIPTOR_MARK, Header};
use super::local::Window;

/// What unpacking one zip needs, made once for all its members.
pub(super) struct Unpacker<'a, R> {
    pub(super) source: Source<R>,
    pub(super) budget: &'a mut Budget,
    pub(super) members: &'a mut dyn Members,
    pub(super) window: Window,
    inflate: Decompress,
    packed: Box<[u8]>,
    unpacked: Box<[u8]>,
}

/// What a header promises of a member's data; `None` where it promises nothing.
pub(super) struct Expected {
    pub(super) crc: Option<u32>,
    /// Packed, unpacked.
    pub(super) sizes: Option<(u64, u64)>,
}

/// How far a member's data went.
struct Progress {
    /// Packed octets used.
    packed: u64,
    /// Octets that came out.
    given: u64,
    crc: Crc,
}

impl<'a, R: Read + Seek> Unpacker<'a, R> {
    pub(super) fn new(source: Source<R>, budget: &'a mut Budget, members: &'a mut dyn Members) -> Self {
        Self {
            source,
            budget,
            members,
            window: Window::new(),
            inflate: Decompress::new(false),
            packed: vec![0; CHUNK].into(),
            unpacked: vec![0; 2 * CHUNK].into(),
        }
    }

    /// Hands out the member whose data begins at `start`, and says where its data ends. An error ends all unpacking.
    pub(super) fn member(&mut self, header: &Header, start: u64, expected: &Expected) -> Result<u64, Unscanned> {
        self.budget.begin_member()?;
        self.members.begin(Member {
            path: header.display_name(),
            raw_name: &header.name,
            declared_size: expected.sizes.map(|(_, unpacked)| unpacked),
        });
        let mut progress = Progress { packed: 0, given: 0, crc: Crc::new() };
        let outcome = self.decode(header, start, expected, &mut progress);
        self.members.end(outcome);
        match outcome {
            Err(reason) if reason.is_final() => Err(reason),
            Err(Unscanned::Mailbomb) if self.budget.is_exhausted() => Err(Unscanned::Mailbomb),
            Err(Unscanned::Encrypted | Unscanned::Unhandled) => {
                let packed = expected.sizes.map_or(0, |(packed, _)| packed);
                Ok(start.saturating_add(packed).min(self.source.length()))
            }
            _ => Ok(start + progress.packed),
        }
    }

    fn decode(
        &mut self,
        header: &Header,
        start: u64,
        expected: &Expected,
        progress: &mut Progress,
    ) -> Result<(), Unscanned> {
        if header.is_encrypted() {
            return Err(Unscanned::Encrypted);
        }
        match header.method {
            STORED => self.copy(start, expected, progress)?,
            DEFLATED => self.inflate(start, expected, progress)?,
            _ => return Err(Unscanned::Unhandled),
        }
        let sizes_agree = expected.sizes.is_none_or(|sizes| sizes == (progress.packed, progress.given));
        let crc_agrees = match expected.crc {
            Some(crc) => crc == progress.crc.sum(),
            None => self.descriptor_agrees(start + progress.packed, progress)?,
        };
        if sizes_agree && crc_agrees { Ok(()) } else { Err(Unscanned::PartiallyCorrupted) }
    }

    /// A stored member: as many octets as the larger of its sizes says.
    fn copy(&mut self, start: u64, expected: &Expected, progress: &mut Progress) -> Result<(), Unscanned> {
        let length = match expected.sizes {
            Some((packed, unpacked)) => packed.max(unpacked),
            None => self.stored_length(start)?,
        };
        let end = start.saturating_add(length).min(self.source.length());
        let mut at = start;
        while at < end {
            let wanted = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
            let octets = self.source.read_at(at, &mut self.packed[..wanted])?;
            at += octets.len() as u64;
            progress.packed += octets.len() as u64;
            give(self.budget, self.members, self.source.length(), octets, progress)?;
        }
        if at - start < length { Err(Unscanned::PartiallyCorrupted) } else { Ok(()) }
    }

    /// A deflated member: up to where the stream itself says that it ends (RFC 1951).
    fn inflate(&mut self, start: u64, expected: &Expected, progress: &mut Progress) -> Result<(), Unscanned> {
        self.inflate.reset(false);
        let declared = expected.sizes.map_or(u64::MAX, |(packed, _)| packed);
        let mut filled: &[u8] = &[];
        let mut at = start;
        loop {
            if filled.is_empty() {
                // Small members are read in small pieces; one that goes on beyond its size is followed.
                let left = declared.saturating_sub(at - start);
                let wanted = usize::try_from(left).unwrap_or(CHUNK).clamp(SMALL_CHUNK, CHUNK);
                filled = self.source.read_at(at, &mut self.packed[..wanted])?;
                at += filled.len() as u64;
            }
            let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(filled, &mut self.unpacked, FlushDecompress::None);
            let used = usize::try_from(self.inflate.total_in() - before_in).unwrap_or(usize::MAX);
            let given = usize::try_from(self.inflate.total_out() - before_out).unwrap_or(usize::MAX);
            filled = filled.get(used..).unwrap_or(&[]);
            progress.packed += used as u64;
            let octets = self.unpacked.get(..given).unwrap_or(&[]);
            give(self.budget, self.members, self.source.length(), octets, progress)?;
            match status {
                Ok(Status::StreamEnd) => return Ok(()),
                Err(_) => return Err(Unscanned::PartiallyCorrupted),
                // Nothing in, nothing out: the container ends before the stream does.
                Ok(_) if used == 0 && given == 0 => return Err(Unscanned::PartiallyCorrupted),
                Ok(_) => {}
            }
        }
    }

    /// Whether the descriptor behind the data (APPNOTE §4.3.9; its mark may be missing, its sizes may be long) has
    /// the CRC of what came out.
    fn descriptor_agrees(&mut self, at: u64, progress: &Progress) -> Result<bool, Unscanned> {
        let mut buffer = [0; 8];
        let octets = self.source.read_at(at, &mut buffer)?;
        let crc = octets.strip_prefix(DESCRIPTOR_MARK).unwrap_or(octets);
        Ok(crc.starts_with(&progress.crc.sum().to_le_bytes()))
    }
}

/// Hands on what came out of a member, as far as the limits allow.
fn give(
    budget: &mut Budget,
    members: &mut dyn Members,
    container: u64,
    octets: &[u8],
    progress: &mut Progress,
) -> Result<(), Unscanned> {
    budget.tick()?;
    let taken = budget.take(octets.len(), progress.given, progress.packed, container);
    let (within, beyond) = octets.split_at(taken);
    if !within.is_empty() {
        progress.crc.update(within);
        progress.given += within.len() as u64;
        members.data(within);
    }
    if beyond.is_empty() { Ok(()) } else { Err(Unscanned::Mailbomb) }
}

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// Octets of packed data that are read at a time; twice as many come out at a time.
const CHUNK: usize = 32 << 10;
/// Octets that are read at least.
const SMALL_CHUNK: usize = 512;
