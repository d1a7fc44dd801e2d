//! Compressed RTF (MS-OXRTFCP): an LZ77 with a dictionary of 4 KiB that begins with what every RTF has.

use std::io::{Read, Seek};

use super::Place;
use crate::Unscanned;
use crate::flow::{CHUNK, Flow};
use crate::source::le32;

/// Gives the RTF at `place` out as a member.
pub(super) fn give<R: Read + Seek>(flow: &mut Flow<'_, R>, place: Place) -> Result<(), Unscanned> {
    flow.out.begin(b"body.rtf", None)?;
    let outcome = unpack(flow, place);
    flow.out.end(outcome)
}

fn unpack<R: Read + Seek>(flow: &mut Flow<'_, R>, place: Place) -> Result<(), Unscanned> {
    let Some(head) = flow.source.array_at::<16>(place.start)? else { return Err(Unscanned::Corrupted) };
    let start = place.start + 16;
    match le32(&head, 8) {
        STORED => flow.copy(start, place.length.saturating_sub(16)),
        PACKED => inflate(flow, start, place.end(), place.length),
        _ => Err(Unscanned::Corrupted),
    }
}

/// Octets one by one, as far as a stretch goes.
struct Octets {
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    next: usize,
}

impl Octets {
    fn next<R: Read + Seek>(&mut self, flow: &Flow<'_, R>) -> Result<Option<u8>, Unscanned> {
        if self.next >= self.buffer.len() {
            let wanted = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(CHUNK).min(CHUNK);
            self.buffer.resize(wanted, 0);
            let read = flow.source.read_at(self.at, &mut self.buffer)?.len();
            self.buffer.truncate(read);
            self.at += read as u64;
            self.next = 0;
        }
        let octet = self.buffer.get(self.next).copied();
        self.next += 1;
        Ok(octet)
    }
}

fn inflate<R: Read + Seek>(flow: &mut Flow<'_, R>, start: u64, end: u64, packed: u64) -> Result<(), Unscanned> {
    let mut octets = Octets { at: start, end, buffer: Vec::new(), next: 0 };
    let mut dictionary = [0; DICTIONARY];
    let mut at = BEGINNING.len();
    dictionary.iter_mut().zip(BEGINNING).for_each(|(octet, known)| *octet = *known);
    let mut out = Vec::with_capacity(CHUNK);
    let mut put = |octet: u8, dictionary: &mut [u8; DICTIONARY], out: &mut Vec<u8>| {
        dictionary[at] = octet;
        at = (at + 1) % DICTIONARY;
        out.push(octet);
        at
    };
    let mut here = BEGINNING.len();
    let outcome = 'all: loop {
        if out.len() >= CHUNK / 2 {
            flow.out.give(&out, packed)?;
            out.clear();
        }
        let Some(control) = octets.next(flow)? else { break Err(Unscanned::PartiallyCorrupted) };
        for bit in 0..8 {
            let Some(first) = octets.next(flow)? else { break 'all Err(Unscanned::PartiallyCorrupted) };
            if control >> bit & 1 == 0 {
                here = put(first, &mut dictionary, &mut out);
                continue;
            }
            let Some(second) = octets.next(flow)? else { break 'all Err(Unscanned::PartiallyCorrupted) };
            let reference = usize::from(u16::from_be_bytes([first, second]));
            let (from, length) = (reference >> 4, (reference & 15) + 2);
            if from == here {
                // A reference to nowhere yet is the end.
                break 'all Ok(());
            }
            for step in 0..length {
                let octet = dictionary[(from + step) % DICTIONARY];
                here = put(octet, &mut dictionary, &mut out);
            }
        }
    };
    flow.out.give(&out, packed)?;
    outcome
}

const STORED: u32 = u32::from_le_bytes(*b"MELA");
const PACKED: u32 = u32::from_le_bytes(*b"LZFu");
const DICTIONARY: usize = 4096;
/// MS-OXRTFCP §2.1.2.1.
const BEGINNING: &[u8; 207] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor \
MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";
