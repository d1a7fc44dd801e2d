//! Containers: whatever they say of themselves, what comes out is within the limits, and is the same in whatever pieces
//! they are read.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::time::Duration;

use smtpgw_archive::{Budget, Format, HEAD, Limits, Member, Members, TAIL, Unscanned, detect, unpack};

use crate::cuts::Cuts;

/// Small enough that small inputs reach each of them.
fn limits() -> Limits {
    Limits {
        total: 3 << 20,
        member: 2 << 20,
        ratio: 100,
        members: 50,
        depth: 3,
        duration: Duration::from_secs(3_600),
        password_tries: 2,
        disabled: Vec::new(),
    }
}

/// What came out.
#[derive(Debug, Default, PartialEq)]
struct Unpacked {
    names: Vec<String>,
    octets: Vec<u64>,
    /// Of all data in their order, so that they need not be kept.
    digest: u64,
    outcomes: Vec<Result<(), Unscanned>>,
}

impl Members for Unpacked {
    fn begin(&mut self, member: Member<'_>) {
        assert_eq!(self.names.len(), self.outcomes.len(), "the member before has ended");
        assert!(!member.path.chars().any(char::is_control), "a name for people has no controls");
        self.names.push(member.path.into_owned());
        self.octets.push(0);
    }

    fn data(&mut self, octets: &[u8]) {
        assert!(!octets.is_empty() && self.names.len() > self.outcomes.len(), "data belong to an open member");
        if let Some(count) = self.octets.last_mut() {
            *count += octets.len() as u64;
        }
        for octet in octets {
            self.digest = (self.digest ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn end(&mut self, outcome: Result<(), Unscanned>) {
        self.outcomes.push(outcome);
        assert_eq!(self.names.len(), self.outcomes.len(), "a member ends once");
    }
}

/// Gives octets in pieces, as few at a time as it likes.
struct Slow<'a>(Cursor<&'a [u8]>, Cuts);

impl Read for Slow<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let size = self.1.size().min(into.len());
        self.0.read(into.get_mut(..size).unwrap_or_default())
    }
}

impl Seek for Slow<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

fn unpacked<'a>(format: Format, source: impl Read + Seek + 'a) -> (Result<(), Unscanned>, Unpacked) {
    let mut budget = Budget::new(limits(), || Duration::ZERO);
    // The first one opens the seeds.
    budget.set_words(|| ["secret", "infected", "a", "\u{e9}"].map(str::to_owned).into());
    let mut members = Unpacked::default();
    let outcome = unpack(format, source, &mut budget, &mut members);
    assert_eq!(members.names.len(), members.outcomes.len(), "every member ends, whatever becomes of the container");
    let total: u64 = members.octets.iter().sum();
    assert!(total <= limits().total && members.octets.iter().all(|count| *count <= limits().member));
    assert!(members.names.len() <= limits().members);
    assert_eq!(budget.unpacked(), total, "what came out was counted");
    (outcome, members)
}

fn holds(format: Format, octets: &[u8]) {
    let _ = detect(
        octets.get(..HEAD.min(octets.len())).unwrap_or_default(),
        octets.get(octets.len().saturating_sub(TAIL)..).unwrap_or_default(),
    );
    let slow = Slow(Cursor::new(octets), Cuts::of(octets));
    assert_eq!(unpacked(format, slow), unpacked(format, Cursor::new(octets)), "in pieces (left) and whole (right)");
}

/// As [`Format::Zip`].
pub fn zip(octets: &[u8]) {
    holds(Format::Zip, octets);
}

/// As [`Format::SevenZip`].
pub fn sevenzip(octets: &[u8]) {
    holds(Format::SevenZip, octets);
}

/// As [`Format::Rar`].
pub fn rar(octets: &[u8]) {
    holds(Format::Rar, octets);
}

/// As [`Format::Cab`].
pub fn cab(octets: &[u8]) {
    holds(Format::Cab, octets);
}

/// As [`Format::Cfb`].
pub fn cfb(octets: &[u8]) {
    holds(Format::Cfb, octets);
}

/// As [`Format::Rtf`].
pub fn rtf(octets: &[u8]) {
    holds(Format::Rtf, octets);
}

/// As [`Format::PackedRtf`].
pub fn packed_rtf(octets: &[u8]) {
    holds(Format::PackedRtf, octets);
}

/// As [`Format::OfficeXml`].
pub fn office_xml(octets: &[u8]) {
    holds(Format::OfficeXml, octets);
}

/// As [`Format::Embedded`].
pub fn embedded(octets: &[u8]) {
    holds(Format::Embedded, octets);
}

/// As [`Format::ActiveMime`].
pub fn active_mime(octets: &[u8]) {
    holds(Format::ActiveMime, octets);
}

/// As [`Format::Pdf`].
pub fn pdf(octets: &[u8]) {
    holds(Format::Pdf, octets);
}

/// As [`Format::Cms`].
pub fn cms(octets: &[u8]) {
    holds(Format::Cms, octets);
}

/// As [`Format::Tnef`].
pub fn tnef(octets: &[u8]) {
    holds(Format::Tnef, octets);
}

/// As [`Format::Iso`].
pub fn iso(octets: &[u8]) {
    holds(Format::Iso, octets);
}

/// As [`Format::Tar`].
pub fn tar(octets: &[u8]) {
    holds(Format::Tar, octets);
}

/// As [`Format::Cpio`].
pub fn cpio(octets: &[u8]) {
    holds(Format::Cpio, octets);
}

/// As [`Format::Ar`].
pub fn ar(octets: &[u8]) {
    holds(Format::Ar, octets);
}

/// As [`Format::Gzip`].
pub fn gzip(octets: &[u8]) {
    holds(Format::Gzip, octets);
}

/// As [`Format::Bzip2`].
pub fn bzip2(octets: &[u8]) {
    holds(Format::Bzip2, octets);
}

/// As [`Format::Xz`].
pub fn xz(octets: &[u8]) {
    holds(Format::Xz, octets);
}

/// As [`Format::Lzma`].
pub fn lzma(octets: &[u8]) {
    holds(Format::Lzma, octets);
}

/// As [`Format::Zstd`].
pub fn zstd(octets: &[u8]) {
    holds(Format::Zstd, octets);
}
