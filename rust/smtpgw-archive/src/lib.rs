#![forbid(unsafe_code)]
//! Bounded unpacking of containers: bytes in, members out. No async, no clock of its own, nothing of mail.
//!
//! ```text
//!            detect(head, tail)                      Budget (one a message, shared by all its containers)
//!                   │                                   │ counts octets, members and time while they come out
//!  source ──► unpack(format, source, …) ──► zip, tar, … ┴──► Members::begin · data… · end(outcome)
//! ```
//!
//! - [`detect`] looks at content; what a message declares never decides.
//! - [`unpack`] hands each member to a [`Members`] in pieces and never holds one whole. Its own result is about the
//!   container; what is wrong with one member is in that member's [`Members::end`].
//! - [`Budget`] carries the limits of one message. Nested containers are the caller's work, because the caller
//!   keeps the members: it unpacks one that is a container itself after the outer one is done, telling its depth
//!   by [`Budget::set_depth`].
//! - [`Unscanned`] names why something was not looked at. There is no other error and no silent omission.
//!
//! Invariants, tested: no panic on any input; memory does not grow with the container; time is linear in the octets
//! of the container and those that come out; no size that a container declares is believed.

mod active_mime;
mod ar;
mod budget;
mod cab;
mod cfb;
mod chained;
mod cms;
mod cpio;
mod decoder;
mod embedded;
mod error;
mod facts;
mod flow;
mod format;
mod iso;
mod limits;
mod member;
mod office_xml;
mod others;
mod packed;
mod pdf;
mod rar;
mod rtf;
mod sevenzip;
mod sfx;
mod sight;
mod source;
mod streams;
mod tar;
mod tnef;
mod words;
mod zip;
mod zstd;

use std::io::{Read, Seek};

pub use budget::Budget;
pub use error::Unscanned;
pub use format::{Format, HEAD, TAIL, detect, detect_all};
pub use limits::Limits;
pub use member::{Fact, Member, Members};

use decoder::Packing;
use facts::Office;
use flow::Flow;
use limits::PLACES;
use source::Source;

/// Unpacks a container of the given format, from its first octet to its last.
///
/// # Errors
/// Says what of the container as a whole was not looked at; members that came out before stay valid. A limit that
/// concerns one member only is told in [`Members::end`] instead, and unpacking goes on.
pub fn unpack<R: Read + Seek>(
    format: Format,
    mut source: R,
    budget: &mut Budget,
    members: &mut dyn Members,
) -> Result<(), Unscanned> {
    if budget.limits().disabled.contains(&format) {
        return Err(Unscanned::DisabledFormat);
    }
    let mut places = Source::new(&mut source)?.places(format)?;
    let mut outcome = if places.len() > PLACES { Err(Unscanned::FilesLimit) } else { Ok(()) };
    places.truncate(PLACES);
    for place in places {
        budget.open()?;
        let one = Source::new(&mut source).and_then(|source| unpack_one(format, source.behind(place), budget, members));
        budget.close();
        outcome = outcome.and(one);
        if one.is_err_and(Unscanned::is_final) {
            return one;
        }
    }
    outcome
}

/// Unpacks the container that a source is.
fn unpack_one<R: Read + Seek>(
    format: Format,
    source: Source<R>,
    budget: &mut Budget,
    members: &mut dyn Members,
) -> Result<(), Unscanned> {
    match format {
        Format::Zip => {
            let mut office = Office::new(members);
            let outcome = zip::unpack(source, budget, &mut office);
            office.tell();
            outcome
        }
        Format::Gzip => streams::unpack(Packing::Gzip, source, budget, members),
        Format::Bzip2 => streams::unpack(Packing::Bzip2, source, budget, members),
        Format::Xz => streams::unpack(Packing::Xz, source, budget, members),
        Format::Lzma => streams::unpack(Packing::LzmaAlone, source, budget, members),
        Format::Zstd => streams::unpack(Packing::Zstd, source, budget, members),
        Format::Cfb => cfb::unpack(source, budget, members),
        Format::Rtf => rtf::unpack(Flow::new(source, budget, members)),
        Format::PackedRtf => tnef::unpack_rtf(Flow::new(source, budget, members)),
        Format::OfficeXml => {
            let mut office = Office::new(members);
            let outcome = office_xml::unpack(Flow::new(source, budget, &mut office));
            office.tell();
            outcome
        }
        Format::Embedded => embedded::unpack(Flow::new(source, budget, members)),
        Format::Pdf => pdf::unpack(source, budget, members),
        Format::ActiveMime => active_mime::unpack(source, budget, members),
        Format::Cms => cms::unpack(Flow::new(source, budget, members)),
        Format::Ar => ar::unpack(Flow::new(source, budget, members)),
        Format::Cpio => cpio::unpack(Flow::new(source, budget, members)),
        Format::Iso => iso::unpack(Flow::new(source, budget, members)),
        Format::Rar => rar::unpack(Flow::new(source, budget, members)),
        Format::Cab => cab::unpack(source, budget, members),
        Format::SevenZip => sevenzip::unpack(source, budget, members),
        Format::Tnef => tnef::unpack(Flow::new(source, budget, members)),
        Format::Tar => tar::unpack(Flow::new(source, budget, members)),
        // Known by sight, so that nobody takes it for clean.
        _ => Err(Unscanned::Unhandled),
    }
}
