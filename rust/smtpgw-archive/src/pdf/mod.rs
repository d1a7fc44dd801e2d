//! PDF, as a container (ISO 32000-1): the files embedded in it (§7.11.4), its scripts and forms, and the objects that
//! stand in packed streams (§7.5.7), where annotations and their links are in most files of today.
//!
//! | stream                                                 | member                                       |
//! |--------------------------------------------------------|----------------------------------------------|
//! | of `/Type /ObjStm`, or with `/N` and `/First`          | `objects`, all of them one behind the other  |
//! | of `/Type /EmbeddedFile`, or that a `/F`, `/UF` names  | the file, by its name                        |
//! | that a `/JS` or `/XFA` names                           | `script-5.js`, `form-5.xml`                  |
//!
//! Pages, pictures and fonts stay where they are, however many. No table says where objects are: every `obj` in the
//! file begins one, also one within a string, a comment or a stream, for a table can send a program anywhere. A file is
//! read once, and once more if it has members beside the objects.
//!
//! One that is encrypted is opened by the empty word, as every program does, or by one that is tried on archives
//! (`lock`, `key`, `unlock`). Its strings, which are encrypted one by one, are a member more, `strings`; it is read
//! twice more. What no word opens is [`Unscanned::Encrypted`], and its streams come out as they stand.

mod cipher;
mod filters;
mod key;
mod lexer;
mod lock;
mod lzw;
mod object;
mod predictor;
mod stream;
mod unlock;
mod view;

use std::cell::Cell;
use std::io::{Read, Seek};
use std::sync::LazyLock;

use memchr::memmem::{self, Finder};

use crate::flow::{CHUNK, Out};
use crate::limits::PDF_HEADER;
use crate::packed::Watch;
use crate::source::Source;
use crate::{Budget, Members, Unscanned};

use lexer::Token;
use object::{Found, Object, Reader};
use stream::Objects;
use unlock::Keys;
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
        buffer: vec![0; CHUNK],
        objects: Objects::default(),
        has_files: false,
        keys: Keys::default(),
    };
    unpacking.unlock()?;
    let first = unpacking.pass(Pass::Objects);
    unpacking.end_objects()?;
    first?;
    unpacking.found.name_files();
    if !unpacking.keys.are_none() {
        unpacking.strings()?;
    }
    if unpacking.has_files || !unpacking.found.files.is_empty() {
        unpacking.pass(Pass::Files)?;
    }
    let more = if unpacking.found.has_more { Err(Unscanned::FilesLimit) } else { Ok(()) };
    let is_locked = unpacking.keys.is_locked || unpacking.found.has_packed_lock;
    more.and(if is_locked { Err(Unscanned::Encrypted) } else { Ok(()) })
}

/// What a pass over the file gives out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    Objects,
    Files,
}

struct Unpacking<'a, R> {
    view: View<'a, R>,
    out: Out<'a>,
    watch: &'a Watch,
    found: Found,
    /// Octets that may still go into decoders.
    into_decoders: &'a Cell<u64>,
    buffer: Vec<u8>,
    objects: Objects,
    /// A stream says that it is a file.
    has_files: bool,
    /// What the file is encrypted by.
    keys: Keys,
}

impl<R: Read + Seek> Unpacking<'_, R> {
    fn pass(&mut self, pass: Pass) -> Result<(), Unscanned> {
        let mut at = 0;
        loop {
            let budget = &self.out.budget;
            let Some(found) = self.view.find(b"obj", at, |_| budget.tick())? else { return Ok(()) };
            at = found + 3;
            let Some(id) = id_before(self.view.before(found)) else { continue };
            let (object, data) = self.object(at, id)?;
            match (data, id, object.value) {
                (Some(data), ..) => self.stream(pass, &object, id, data)?,
                (None, Some(id), Some(value)) if pass == Pass::Objects => self.found.note(id.number, value),
                _ => {}
            }
        }
    }

    /// Reads the object that begins at `at`, and where the data of its stream begin, if it is one.
    fn object(&mut self, at: u64, id: Option<Id>) -> Result<(Object, Option<u64>), Unscanned> {
        let ciphers = id.map(|id| self.keys.of_strings(id)).unwrap_or_default();
        let mut reader = Reader::new(&mut self.found, id.map(|id| id.number), &ciphers);
        let mut is_stream = false;
        let end = self.view.read_object(at, self.out.budget, |token| {
            is_stream = *token == Token::Word(b"stream");
            reader.take(token);
            false
        })?;
        let object = reader.object;
        let data = if is_stream { Some(self.data(end)?) } else { None };
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
}

/// What an object is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Id {
    number: u64,
    generation: u64,
}

/// What the object is called whose `obj` stands behind these octets: `5 0 obj`. `None`: no object begins there, as in
/// `endobj`; `Some(None)`: that cannot be made out.
fn id_before(octets: &[u8]) -> Option<Option<Id>> {
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
    Some(generation.and_then(|generation| Some(Id { number: number()?, generation })))
}
