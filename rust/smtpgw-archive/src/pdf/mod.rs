//! PDF, as a container (ISO 32000-1): the files embedded in it (§7.11.4), its scripts and forms, and the objects that stand in
//! packed streams (§7.5.7), where annotations and their links are in most files of today.
//!
//! | stream                                                 | member                                       |
//! |--------------------------------------------------------|----------------------------------------------|
//! | of `/Type /ObjStm`, or with `/N` and `/First`          | `objects`, all of them one behind the other  |
//! | of `/Type /EmbeddedFile`, or that a `/F`, `/UF` names  | the file, by its name                        |
//! | that a `/JS` or `/XFA` names                           | `script-5.js`, `form-5.xml`                  |
//!
//! Pages, pictures and fonts stay where they are, however many. No table says where objects are: every `obj` in the file
//! begins one, also one within a string, a comment or a stream, for a table can send a program anywhere. A file is read
//! once, and once more if it has members beside the objects.
//!
//! One that is encrypted is [`Unscanned::Encrypted`], also if a program opens it without asking for a password.

mod filters;
mod lexer;
mod lzw;
mod object;
mod predictor;
mod view;

use std::cell::Cell;
use std::io::{self, Read, Seek};
use std::sync::LazyLock;

use memchr::memmem::{self, Finder};

use crate::flow::{CHUNK, Out};
use crate::limits::{PDF_HEADER, PDF_OBJECTS, PDF_READS};
use crate::packed::{Packed, Watch};
use crate::source::Source;
use crate::{Budget, Members, Unscanned};

use filters::Filter;
use lexer::{Lexer, Token};
use object::{Found, Length, Object, Reader};
use view::View;

/// Whether octets begin as a PDF does, or have the mark a little later and an object somewhere: so programs take it.
pub(crate) fn begins_as_pdf(head: &[u8]) -> bool {
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"%PDF-"));
    let begin = head.get(..PDF_HEADER).unwrap_or(head);
    match FINDER.find(begin) {
        Some(0) => true,
        Some(_) => memmem::find_iter(head, b" obj")
            .any(|at| head.get(..at).and_then(<[u8]>::last).is_some_and(u8::is_ascii_digit)),
        None => false,
    }
}

pub(crate) fn unpack<R: Read + Seek>(
    source: Source<R>,
    budget: &mut Budget,
    members: &mut dyn Members,
) -> Result<(), Unscanned> {
    let watch = budget.watch();
    let into_decoders = Cell::new(budget.limits().total.max(source.length()));
    let mut unpacking = Unpacking {
        view: View::new(&source),
        out: Out::new(budget, members, source.length()),
        watch: &watch,
        found: Found::default(),
        into_decoders: &into_decoders,
        left: source.length().saturating_mul(PDF_READS),
        buffer: vec![0; CHUNK],
        objects: Objects::default(),
        has_files: false,
        outcome: Ok(()),
    };
    let first = unpacking.pass(Pass::Objects);
    unpacking.end_objects()?;
    first?;
    if unpacking.has_files || !unpacking.found.files.is_empty() {
        unpacking.pass(Pass::Files)?;
    }
    let more = if unpacking.found.has_more { Err(Unscanned::FilesLimit) } else { Ok(()) };
    let is_encrypted = unpacking.found.is_encrypted || unpacking.view.is_encrypted;
    let encrypted = if is_encrypted { Err(Unscanned::Encrypted) } else { Ok(()) };
    more.and(encrypted).and(unpacking.outcome)
}

/// What a pass over the file gives out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    Objects,
    Files,
}

/// The member that packed objects go to.
#[derive(Default)]
struct Objects {
    count: usize,
    is_open: bool,
    outcome: Option<Unscanned>,
    /// A limit was hit.
    is_full: bool,
}

struct Unpacking<'a, R> {
    view: View<'a, R>,
    out: Out<'a>,
    watch: &'a Watch,
    found: Found,
    /// Octets that may still go into decoders.
    into_decoders: &'a Cell<u64>,
    /// Octets that may still be read as objects, or for the end of a stream.
    left: u64,
    buffer: Vec<u8>,
    objects: Objects,
    /// A stream says that it is a file.
    has_files: bool,
    outcome: Result<(), Unscanned>,
}

impl<R: Read + Seek> Unpacking<'_, R> {
    fn pass(&mut self, pass: Pass) -> Result<(), Unscanned> {
        let mut at = 0;
        loop {
            let budget = &self.out.budget;
            let Some(found) = self.view.find(b"obj", at, |_| budget.tick())? else { return Ok(()) };
            at = found + 3;
            let Some(number) = number_before(self.view.before(found)) else { continue };
            let (object, data) = self.object(at)?;
            match (data, number, object.value) {
                (Some(data), ..) => self.stream(pass, &object, number, data)?,
                (None, Some(number), Some(value)) if pass == Pass::Objects => self.found.note(number, value),
                _ => {}
            }
        }
    }

    /// Reads the object that begins at `at`, and where the data of its stream begin, if it is one.
    fn object(&mut self, mut at: u64) -> Result<(Object, Option<u64>), Unscanned> {
        let mut lexer = Lexer::default();
        let mut reader = Reader::new(&mut self.found);
        let (mut is_over, mut is_stream) = (false, false);
        while !is_over {
            self.out.budget.tick()?;
            let octets = self.view.from(at)?;
            if octets.is_empty() {
                break;
            }
            let taken = lexer.push(octets, |token| {
                if let Token::Word(word) = token {
                    is_stream = word == b"stream";
                    is_over = is_stream || word.ends_with(b"obj");
                }
                reader.take(&token);
                is_over
            });
            at += taken as u64;
            self.left = self.left.saturating_sub(taken as u64);
            if self.left == 0 {
                // Objects in objects, each of which holds all the others.
                return Err(Unscanned::Nested);
            }
        }
        let object = reader.object;
        let data = if is_stream { Some(self.data(at)?) } else { None };
        Ok((object, data))
    }

    /// Where data begin, behind the word that announces them: on the next line.
    fn data(&mut self, at: u64) -> Result<u64, Unscanned> {
        let octets = self.view.from(at)?;
        let blanks = octets.iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
        let end = match octets.get(blanks..).unwrap_or_default() {
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => 0,
        };
        Ok(at + (blanks + end) as u64)
    }

    /// Gives a stream out, if this is the pass for it.
    fn stream(&mut self, pass: Pass, object: &Object, number: Option<u64>, data: u64) -> Result<(), Unscanned> {
        if object.is_picture() {
            return Ok(());
        }
        if object.holds_objects() {
            return if pass == Pass::Objects { self.packed_objects(object, data) } else { Ok(()) };
        }
        let file = number.and_then(|number| self.found.files.get(&number));
        // Of one whose number cannot be made out, nobody knows who names it.
        if file.is_none() && !object.is_file && number.is_some() {
            return Ok(());
        }
        self.has_files = true;
        if pass == Pass::Objects {
            return Ok(());
        }
        let number = number.unwrap_or(0);
        let name = file.map_or_else(|| format!("file-{number}"), |file| file.name(number));
        file.and_then(|file| file.names.get(1).cloned()).into_iter().for_each(|other| self.out.also(other));
        self.out.begin(name.as_bytes(), None)?;
        let outcome = self.decode(object, data, false);
        self.out.end(outcome)
    }

    /// Gives the objects in a stream out, and reads them.
    fn packed_objects(&mut self, object: &Object, data: u64) -> Result<(), Unscanned> {
        if self.objects.is_full {
            return Ok(());
        }
        if self.out.given() >= PDF_OBJECTS {
            self.end_objects()?;
        }
        if !self.objects.is_open {
            self.objects.count += 1;
            let name =
                if self.objects.count == 1 { "objects".into() } else { format!("objects-{}", self.objects.count) };
            self.out.begin(name.as_bytes(), None)?;
            self.objects.is_open = true;
        }
        if let Err(reason) = self.decode(object, data, true) {
            self.objects.outcome.get_or_insert(reason);
            if reason.is_final() {
                return Err(reason);
            }
            self.objects.is_full = reason == Unscanned::Mailbomb;
        }
        Ok(())
    }

    fn end_objects(&mut self) -> Result<(), Unscanned> {
        if !std::mem::take(&mut self.objects.is_open) {
            return Ok(());
        }
        let outcome = self.objects.outcome.take();
        self.out.end(outcome.map_or(Ok(()), Err))
    }

    /// Gives what a stream unpacks to into the member that is open, and reads the objects in it if there are.
    fn decode(&mut self, object: &Object, start: u64, has_objects: bool) -> Result<(), Unscanned> {
        let (mut filters, mut remark) = (object.filters.clone(), Ok(()));
        if object.is_doubtful {
            remark = Err(Unscanned::PartiallyCorrupted);
            if filters.is_empty() && is_zlib(self.view.from(start)?) {
                filters.push(Filter::Flate);
            }
        }
        let source = self.view.source();
        let end = match filters.first() {
            // It ends by itself.
            Some(Filter::Flate) => source.length(),
            _ => {
                let end = self.end(object, start)?;
                remark = if end.is_none() { Err(Unscanned::PartiallyCorrupted) } else { remark };
                end.unwrap_or(source.length())
            }
        };
        let packed = Packed::new(source, start, end, self.watch, CHUNK);
        let length = source.length();
        let mut octets = match filters::open(packed, &filters, &object.parms, self.watch, self.into_decoders) {
            Ok(octets) => octets,
            Err(reason) => {
                // As it stands is better than not at all.
                let mut packed = Packed::new(source, start, end, self.watch, CHUNK);
                return self.out.drain(&mut packed, self.watch, &mut self.buffer, length).and(Err(reason));
            }
        };
        let outcome = if has_objects {
            let mut tapped = Tapped { octets, lexer: Lexer::default(), reader: Reader::new(&mut self.found) };
            let outcome = self.out.drain(&mut tapped, self.watch, &mut self.buffer, length);
            // The last word may have nothing behind it, and the next stream's first one does not belong to it.
            tapped.see(b"\n");
            outcome.and(self.out.give(b"\n", length))
        } else {
            self.out.drain(&mut octets, self.watch, &mut self.buffer, length)
        };
        outcome.and(remark)
    }

    /// Where the data of a stream end, if the file says so: by their length if that is right, or where the word stands.
    fn end(&mut self, object: &Object, start: u64) -> Result<Option<u64>, Unscanned> {
        let length = match object.length {
            Length::Is(length) => Some(length),
            Length::In(number) => self.found.numbers.get(&number).copied(),
            Length::Unknown => None,
        };
        if let Some(end) = length.and_then(|length| start.checked_add(length))
            && end <= self.view.source().length()
            && self.view.from(end)?.trim_ascii_start().starts_with(END)
        {
            return Ok(Some(end));
        }
        let (budget, left) = (&self.out.budget, &mut self.left);
        let end = self.view.find(END, start, |count| {
            budget.tick()?;
            *left = left.saturating_sub(count);
            if *left == 0 { Err(Unscanned::Nested) } else { Ok(()) }
        })?;
        Ok(end.map(|end| {
            let line = match self.view.before(end) {
                [.., b'\r', b'\n'] => 2,
                [.., b'\r' | b'\n'] => 1,
                _ => 0,
            };
            end.saturating_sub(line).max(start)
        }))
    }
}

/// Objects on their way out of a stream, read as they pass.
struct Tapped<'p, 'f> {
    octets: Box<dyn Read + 'p>,
    lexer: Lexer,
    reader: Reader<'f>,
}

impl Tapped<'_, '_> {
    fn see(&mut self, octets: &[u8]) {
        let reader = &mut self.reader;
        self.lexer.push(octets, |token| {
            reader.take(&token);
            false
        });
    }
}

impl Read for Tapped<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.octets.read(buffer)?;
        self.see(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// The number of the object whose `obj` stands behind these octets: `5 0 obj`. `None`: no object begins there, as in
/// `endobj`; `Some(None)`: its number cannot be made out.
fn number_before(octets: &[u8]) -> Option<Option<u64>> {
    if octets.last().is_none_or(u8::is_ascii_alphabetic) {
        return None;
    }
    let mut rest = octets;
    let mut number = || {
        rest = rest.trim_ascii_end();
        let digits = rest.iter().rev().take_while(|octet| octet.is_ascii_digit()).count();
        let (before, digits) = rest.split_at(rest.len() - digits);
        rest = before;
        std::str::from_utf8(digits).ok()?.parse::<u64>().ok()
    };
    let generation = number();
    Some(generation.and_then(|_| number()))
}

/// The header of RFC 1950 §2.2.
fn is_zlib(octets: &[u8]) -> bool {
    matches!(octets, [method, flags, ..] if method & 0x8f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

const END: &[u8] = b"endstream";
