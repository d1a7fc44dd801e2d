//! Office documents in a single file of XML: flat OPC (`pkg:package`, ISO/IEC 29500-2 as Word and PowerPoint write it),
//! and the forms of Word and Excel 2003. What is no text stands in it as base64, macros and embedded objects among it.
//!
//! | element                          | what comes out                                    |
//! |----------------------------------|---------------------------------------------------|
//! | `binaryData`, of flat OPC        | its octets, by the name of the part they are of   |
//! | `xmlData`, of flat OPC           | the XML in it as it stands, likewise              |
//! | `binData`, of Word 2003          | its octets, by its own name                       |
//!
//! Prefixes of names are whatever the document declares, so they do not count.

mod base64;
mod tags;

use std::io::{Read, Seek};

use memchr::memmem;

use crate::Unscanned;
use crate::flow::{CHUNK, Flow};

use base64::Base64;
use tags::{Tag, Tags};

/// Whether octets begin as XML, and have one of the elements somewhere.
pub(crate) fn begins_as_office_xml(head: &[u8]) -> bool {
    let text = match head {
        [0xef, 0xbb, 0xbf, rest @ ..] | [0xff, 0xfe, rest @ ..] | [0xfe, 0xff, rest @ ..] => rest,
        _ => head,
    };
    let mut begin = text.iter().filter(|octet| **octet != 0).take(BEGIN);
    if begin.find(|octet| !octet.is_ascii_whitespace()) != Some(&b'<') {
        return false;
    }
    let wide = |word: &[u8]| word.iter().flat_map(|&octet| [octet, 0]).collect::<Vec<u8>>();
    if memchr::memchr(0, text.get(..BEGIN).unwrap_or(text)).is_some() {
        // Either order; the last octet of the one is not needed.
        let marks = MARKS.map(wide);
        return marks.iter().any(|mark| memmem::find(text, mark.get(..mark.len() - 1).unwrap_or(mark)).is_some());
    }
    MARKS.iter().any(|mark| memmem::find(text, mark).is_some())
}

pub(crate) fn unpack<R: Read + Seek>(mut flow: Flow<'_, R>) -> Result<(), Unscanned> {
    let (mut tags, mut window) = (Tags::default(), vec![0; CHUNK]);
    let mut state = Open::default();
    let mut at = 0;
    loop {
        flow.out.budget.tick()?;
        let octets = flow.source.read_at(at, &mut window)?;
        if octets.is_empty() {
            break;
        }
        at += octets.len() as u64;
        let mut rest = octets;
        while !rest.is_empty() {
            let (taken, tag) = tags.next(rest);
            rest = rest.get(taken..).unwrap_or_default();
            if let Some(tag) = tag
                && let Some(stretch) = state.see(&tag)
            {
                stretch.give(&mut flow, Ok(()))?;
            }
        }
    }
    let mut outcome = Ok(());
    for kind in [Kind::Base64, Kind::Xml] {
        if let Some(stretch) = state.close(kind, flow.source.length()) {
            outcome = Err(Unscanned::PartiallyCorrupted);
            stretch.give(&mut flow, outcome)?;
        }
    }
    outcome
}

/// What is open. The two kinds do not mind each other: what looks like one may stand in the other.
#[derive(Default)]
struct Open {
    /// The name of the part.
    part: Vec<u8>,
    base64: Option<(Vec<u8>, u64)>,
    xml: Option<(Vec<u8>, u64)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Base64,
    Xml,
}

/// A member: what it is, its name, and where it stands.
struct Stretch {
    kind: Kind,
    name: Vec<u8>,
    start: u64,
    end: u64,
}

impl Open {
    /// Sees a tag; a member, if that ends with it.
    fn see(&mut self, tag: &Tag<'_>) -> Option<Stretch> {
        let name = tag.name();
        let kind = match name {
            b"part" if !tag.is_end() && self.xml.is_none() => {
                self.part = tag.attribute(b"name").unwrap_or_default().to_vec();
                return None;
            }
            b"binaryData" | b"binData" => Kind::Base64,
            b"xmlData" => Kind::Xml,
            _ => return None,
        };
        if tag.is_end() {
            return self.close(kind, tag.start);
        }
        let own = if name == b"binData" { tag.attribute(b"name") } else { None };
        let name = own.unwrap_or(&self.part);
        let name = name.strip_prefix(b"/").unwrap_or(name).to_vec();
        let open = self.open(kind);
        if open.is_none() && !tag.is_empty() {
            *open = Some((name, tag.end));
        }
        None
    }

    const fn open(&mut self, kind: Kind) -> &mut Option<(Vec<u8>, u64)> {
        match kind {
            Kind::Base64 => &mut self.base64,
            Kind::Xml => &mut self.xml,
        }
    }

    /// What is open ends at `end`.
    fn close(&mut self, kind: Kind, end: u64) -> Option<Stretch> {
        let (name, start) = self.open(kind).take()?;
        Some(Stretch { kind, name, start, end })
    }
}

impl Stretch {
    fn give<R: Read + Seek>(self, flow: &mut Flow<'_, R>, remark: Result<(), Unscanned>) -> Result<(), Unscanned> {
        let length = self.end.saturating_sub(self.start);
        if self.kind == Kind::Xml {
            return flow.stored(&self.name, self.start, length, remark);
        }
        flow.out.begin(&self.name, None)?;
        let outcome = self.decode(flow, length).and(remark);
        flow.out.end(outcome)
    }

    fn decode<R: Read + Seek>(&self, flow: &mut Flow<'_, R>, length: u64) -> Result<(), Unscanned> {
        let (mut base64, mut at) = (Base64::default(), self.start);
        let wanted = usize::try_from(length).unwrap_or(CHUNK).min(CHUNK);
        let (mut buffer, mut decoded) = (vec![0; wanted], Vec::with_capacity(wanted));
        while at < self.end {
            let wanted = usize::try_from(self.end - at).unwrap_or(CHUNK).min(CHUNK);
            let octets = flow.source.read_at(at, buffer.get_mut(..wanted).unwrap_or_default())?;
            if octets.is_empty() {
                return Err(Unscanned::PartiallyCorrupted);
            }
            at += octets.len() as u64;
            decoded.clear();
            base64.push(octets, &mut decoded);
            flow.out.give(&decoded, length)?;
        }
        Ok(())
    }
}

/// The elements by which such a document is known.
const MARKS: [&[u8]; 2] = [b"binaryData", b"binData"];

/// Octets in which XML shows itself.
const BEGIN: usize = 64;
