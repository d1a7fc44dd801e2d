//! ActiveMime (`editdata.mso`): the macros of an Office document that was saved as a page or as XML. No specification:
//! a header that says where its data begin, and a compound file packed by zlib (RFC 1950).
//!
//! Where the header lies, the stream is where programs have been seen to put it, or wherever one begins: whichever
//! comes first and gives something.

use std::io::{Read, Seek};

use crate::decoder::Packing;
use crate::flow::{CHUNK, Out};
use crate::packed::Packed;
use crate::source::{Source, le16};
use crate::{Budget, Members, Unscanned};

pub(crate) fn unpack<R: Read + Seek>(
    source: Source<R>,
    budget: &mut Budget,
    members: &mut dyn Members,
) -> Result<(), Unscanned> {
    let (watch, length) = (budget.watch(), source.length());
    let mut out = Out::new(budget, members, length);
    let (mut head, mut buffer) = ([0; HEAD], vec![0; CHUNK]);
    let head = source.read_at(0, &mut head)?;
    let said = usize::from(le16(head, SAYS)).saturating_add(BEHIND);
    let anywhere = (MARK.len()..head.len()).filter(|at| *at != said && !USUAL.contains(at));
    let begins = |at: &usize| head.get(*at..).is_some_and(is_zlib);
    out.begin(b"content", None)?;
    let mut outcome = Err(Unscanned::Corrupted);
    for at in std::iter::once(said).chain(USUAL).chain(anywhere).filter(begins) {
        let mut packed = Packed::new(&source, at as u64, length, &watch, CHUNK);
        outcome = out.stream(Packing::Zlib, &mut packed, &watch, &mut buffer, length);
        if outcome.is_ok() || outcome != Err(Unscanned::PartiallyCorrupted) || out.given() > 0 {
            break;
        }
    }
    // What is wrong with the only member is told there, and once.
    out.end(outcome)
}

/// The header of RFC 1950 §2.2, without a dictionary.
fn is_zlib(octets: &[u8]) -> bool {
    matches!(octets, [method, flags, ..] if method & 0x8f == 8 && flags & 0x20 == 0
        && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

/// How it begins.
pub(crate) const MARK: &[u8] = b"ActiveMime";

/// Where it stands how far behind [`BEHIND`] octets the data begin.
const SAYS: usize = 0x1e;
const BEHIND: usize = 46;

/// Where they begin in most files.
const USUAL: [usize; 2] = [0x32, 0x22a];

/// Octets in which they begin.
const HEAD: usize = 4 << 10;
