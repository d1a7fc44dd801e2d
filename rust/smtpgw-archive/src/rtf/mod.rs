//! RTF, as a container: the objects in it, which stand as hexadecimal digits (`\objdata`), and what Office keeps in the
//! same way (`\datastore`, `\themedata`).
//!
//! Of an object come out its own octets, behind the head that OLE 1 puts before them, and of a package the file in it.
//! The words by which they begin are looked for everywhere, whatever the groups around them say, for programs differ in
//! what they skip. Where digits may be counted in several ways, each way is a member.
//!
//! The text itself is no member: it stands in the open.

mod hex;
mod object;

use std::io::{Read, Seek};

use crate::flow::{CHUNK, Flow, Out};
use crate::limits::RTF_READS;
use crate::source::Source;
use crate::{Fact, Unscanned};

use hex::{Hexed, Reading};
use object::Object;

/// Whether octets begin as RTF: so much is enough for the program that wrote most of it.
pub(crate) fn begins_as_rtf(head: &[u8]) -> bool {
    head.trim_ascii_start().starts_with(b"{\\rt")
}

pub(crate) fn unpack<R: Read + Seek>(mut flow: Flow<'_, R>) -> Result<(), Unscanned> {
    let mut unpacking = Unpacking {
        left: flow.source.length().saturating_mul(RTF_READS),
        objects: 0,
        loads_from_elsewhere: false,
        buffer: vec![0; CHUNK],
        octets: Vec::with_capacity(CHUNK),
    };
    let (mut at, mut window) = (0, vec![0; CHUNK]);
    let mut outcome = Ok(());
    loop {
        flow.out.budget.tick()?;
        let octets = flow.source.read_at(at, &mut window)?;
        let is_last = octets.len() < CHUNK;
        for (word, place) in words(octets, is_last) {
            match word {
                Word::Template => unpacking.loads_from_elsewhere = true,
                Word::Data if outcome.is_ok() => {
                    outcome = unpacking.object(&mut flow, at + place as u64);
                    if let Err(reason) = outcome
                        && (reason.is_final() || reason == Unscanned::Mailbomb)
                    {
                        return outcome;
                    }
                }
                Word::Data => {}
            }
        }
        if is_last {
            break;
        }
        at += (CHUNK - LONGEST) as u64;
    }
    if unpacking.loads_from_elsewhere {
        flow.out.fact(Fact::ExternalTarget);
    }
    outcome
}

/// The words that matter.
#[derive(Clone, Copy)]
enum Word {
    /// Octets in hexadecimal digits follow.
    Data,
    /// What the document is to look like is loaded from there.
    Template,
}

/// The words among `octets`, and where each ends. One that may go on behind them is left for the next look, and so
/// is found once.
fn words(octets: &[u8], is_last: bool) -> impl Iterator<Item = (Word, usize)> {
    let until = if is_last { octets.len() } else { octets.len().saturating_sub(LONGEST) };
    memchr::memchr_iter(b'\\', octets.get(..until).unwrap_or_default()).filter_map(|at| {
        let rest = octets.get(at..)?;
        let &(text, word) = WORDS.iter().find(|(text, _)| rest.starts_with(text))?;
        let ends = !rest.get(text.len()).is_some_and(u8::is_ascii_alphabetic);
        let matters = ends && (!matches!(word, Word::Template) || is_elsewhere(rest.get(text.len()..)?));
        matters.then_some((word, at + text.len()))
    })
}

/// Whether a template is on no disk of this machine, as far as can be seen: on a server, or in escapes.
fn is_elsewhere(rest: &[u8]) -> bool {
    let place = rest.get(..PLACE).unwrap_or(rest);
    let place = place.get(..memchr::memchr(b'}', place).unwrap_or(place.len())).unwrap_or_default();
    [&b"//"[..], b"\\\\\\\\", b"\\'", b"\\u"].iter().any(|mark| memchr::memmem::find(place, mark).is_some())
}

struct Unpacking {
    /// Octets that may still be read for objects.
    left: u64,
    objects: usize,
    loads_from_elsewhere: bool,
    buffer: Vec<u8>,
    octets: Vec<u8>,
}

/// What a group holds.
struct Surveyed {
    /// The first octets of it.
    head: Vec<u8>,
    /// How many there are.
    size: u64,
    /// Octets of the container that they stand in.
    packed: u64,
    has_hidden: bool,
    has_inner: bool,
}

impl Unpacking {
    /// Gives out what stands in the group whose data begin at `start`.
    fn object<R: Read + Seek>(&mut self, flow: &mut Flow<'_, R>, start: u64) -> Result<(), Unscanned> {
        let Flow { source, out, .. } = flow;
        let shown = self.survey(source, out, start, Reading::Shown)?;
        let others = [(Reading::All, shown.has_hidden), (Reading::Own, shown.has_inner)];
        self.objects += 1;
        self.give(source, out, start, Reading::Shown, &shown)?;
        for (reading, _) in others.into_iter().filter(|(_, differs)| *differs) {
            let other = self.survey(source, out, start, reading)?;
            self.give(source, out, start, reading, &other)?;
        }
        Ok(())
    }

    fn survey<R: Read + Seek>(
        &mut self,
        source: &Source<R>,
        out: &mut Out<'_>,
        start: u64,
        reading: Reading,
    ) -> Result<Surveyed, Unscanned> {
        let (mut head, mut size) = (Vec::new(), 0);
        let (hexed, packed) = self.read(source, out, start, reading, &mut |_, octets| {
            let room = HEAD.saturating_sub(head.len());
            head.extend_from_slice(octets.get(..room).unwrap_or(octets));
            size += octets.len() as u64;
            Ok(())
        })?;
        Ok(Surveyed { head, size, packed, has_hidden: hexed.has_hidden, has_inner: hexed.has_inner })
    }

    fn give<R: Read + Seek>(
        &mut self,
        source: &Source<R>,
        out: &mut Out<'_>,
        start: u64,
        reading: Reading,
        surveyed: &Surveyed,
    ) -> Result<(), Unscanned> {
        if surveyed.size == 0 {
            return Ok(());
        }
        let mut given = Vec::new();
        let name = format!("object-{}.bin", self.objects);
        let object = Object::read(&surveyed.head, surveyed.size);
        if let Some(object) = &object {
            self.loads_from_elsewhere |= object.is_linked;
            given.push((name.clone(), object.start, u64::MAX));
            if let Some(file) = &object.package {
                given.push((file.name.clone(), object.start + file.start, file.size));
            }
        } else {
            given.push((name.clone(), 0, u64::MAX));
        }
        // Whatever stands before a compound file, some program finds it.
        let compound = memchr::memmem::find(&surveyed.head, COMPOUND).map(|at| at as u64);
        given.extend(compound.filter(|at| given.iter().all(|(_, from, _)| from != at)).map(|at| (name, at, u64::MAX)));
        for (name, from, length) in given {
            out.begin(name.as_bytes(), None)?;
            let (mut skip, mut left) = (from, length);
            let outcome = self.read(source, out, start, reading, &mut |out, octets| {
                let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(octets.len());
                skip -= skipped as u64;
                let octets = octets.get(skipped..).unwrap_or_default();
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(octets.len());
                left -= taken as u64;
                out.give(octets.get(..taken).unwrap_or_default(), surveyed.packed)
            });
            out.end(outcome.map(|_| ()))?;
        }
        Ok(())
    }

    /// Reads the group through; what was noted of it, and how many octets of the container it takes.
    fn read<R: Read + Seek>(
        &mut self,
        source: &Source<R>,
        out: &mut Out<'_>,
        start: u64,
        reading: Reading,
        take: &mut Take<'_>,
    ) -> Result<(Hexed, u64), Unscanned> {
        let (mut hexed, mut at) = (Hexed::new(reading), start);
        // Most that are no objects are short.
        let mut wanted = SHORT;
        while !hexed.over {
            out.budget.tick()?;
            if self.left == 0 {
                // Groups in groups, each of which holds all the others.
                return Err(Unscanned::Nested);
            }
            let octets = source.read_at(at, self.buffer.get_mut(..wanted).unwrap_or_default())?;
            if octets.is_empty() {
                break;
            }
            self.octets.clear();
            let taken = hexed.push(octets, &mut self.octets) as u64;
            self.left = self.left.saturating_sub(taken.max(SHORT as u64));
            at += taken;
            wanted = (2 * wanted).min(CHUNK);
            if !self.octets.is_empty() {
                take(out, &self.octets)?;
            }
        }
        Ok((hexed, at - start))
    }
}

/// Takes what a group gives, piece by piece.
type Take<'a> = dyn FnMut(&mut Out<'_>, &[u8]) -> Result<(), Unscanned> + 'a;

const WORDS: [(&[u8], Word); 4] = [
    (b"\\objdata", Word::Data),
    (b"\\datastore", Word::Data),
    (b"\\themedata", Word::Data),
    (b"\\template", Word::Template),
];

/// Octets of the longest word, and of what shows that it ends.
const LONGEST: usize = 12;

/// Octets of a template's place that are looked at.
const PLACE: usize = 512;

/// Octets of a group that are read first.
const SHORT: usize = 256;

/// Octets of an object that tell what it is.
const HEAD: usize = 4 << 10;

/// How a compound file begins (MS-CFB §2.2).
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
