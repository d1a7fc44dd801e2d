//! Opens a PDF that is encrypted: most have an empty word for the user and are opened by programs without a question,
//! others one of the words that are tried on archives.
//!
//! Encrypted is what no word opens, and also what says `/Encrypt` of something that is not found here, for then a
//! program may have another key. A file of revision 5 or 6 that a word has opened is [`Unscanned::Encrypted`] all the
//! same: its owner's word can give another key. The empty word is never asked for, so what it opens is what is seen.

use std::io::{Read, Seek};

use memchr::memchr_iter;

use super::cipher::Cipher;
use super::key::Key;
use super::lexer::{Lexer, Token};
use super::lock::{Lock, Locks, Name, Reader};
use super::{Id, Unpacking, id_before};
use crate::limits::PDF_STRING;
use crate::{Fact, Unscanned};

/// The keys of a file.
#[derive(Default)]
pub(super) struct Keys {
    all: Vec<Key>,
    locks: Locks,
    /// Something of the file may need another key.
    pub(super) is_locked: bool,
}

impl Keys {
    pub(super) const fn are_none(&self) -> bool {
        self.all.is_empty()
    }

    /// How a stream may be encrypted, first as programs most likely take it. `own`: the crypt filter that it names
    /// itself.
    pub(super) fn of_stream(&self, id: Id, own: Name<'_>, is_file: bool) -> Vec<Cipher> {
        let of = |key: &Key, lock: &Lock| {
            let files = lock.files.as_deref().filter(|_| is_file);
            let filters = [own, files, lock.streams.as_deref()];
            filters.into_iter().flat_map(|filter| key.ciphers(filter, id)).collect::<Vec<_>>()
        };
        self.distinct(of)
    }

    /// How a string may be encrypted.
    pub(super) fn of_strings(&self, id: Id) -> Vec<Cipher> {
        self.distinct(|key, lock| key.ciphers(lock.strings.as_deref(), id).collect())
    }

    fn distinct(&self, of: impl Fn(&Key, &Lock) -> Vec<Cipher>) -> Vec<Cipher> {
        self.all.iter().flat_map(|key| of(key, key.lock())).fold(Vec::new(), |mut ciphers, cipher| {
            if !ciphers.contains(&cipher) {
                ciphers.push(cipher);
            }
            ciphers
        })
    }
}

impl<R: Read + Seek> Unpacking<'_, R> {
    /// Looks for what the file is encrypted by, and opens it.
    pub(super) fn unlock(&mut self) -> Result<(), Unscanned> {
        let mut locks = Locks::default();
        self.mentions(&mut locks)?;
        if !locks.are_mentioned() {
            return Ok(());
        }
        self.objects(&mut locks)?;
        self.trailers(&mut locks)?;
        self.keys.is_locked = !locks.are_whole();
        let mut has_decrypted = false;
        for lock in &locks.all {
            self.out.budget.tick()?;
            let mut keys = Key::all(lock, "", &locks.ids);
            if keys.is_empty() {
                keys = self.try_words(lock, &locks.ids)?;
                self.keys.is_locked |= !keys.first().is_some_and(Key::is_proven);
                has_decrypted |= !keys.is_empty();
            }
            self.keys.all.extend(keys);
        }
        if has_decrypted {
            self.out.fact(Fact::Decrypted);
        }
        self.keys.locks = locks;
        Ok(())
    }

    fn try_words(&mut self, lock: &Lock, ids: &[Vec<u8>]) -> Result<Vec<Key>, Unscanned> {
        for word in self.out.budget.words.all() {
            self.out.budget.tick()?;
            if !self.out.budget.may_try(&word) {
                break;
            }
            let keys = Key::all(lock, &word, ids);
            if !keys.is_empty() {
                self.out.budget.words.opened_by(&word);
                return Ok(keys);
            }
        }
        Ok(Vec::new())
    }

    /// Reads what stands behind every `/Encrypt`, in whatever it is.
    fn mentions(&mut self, locks: &mut Locks) -> Result<(), Unscanned> {
        let mut at = 0;
        loop {
            let budget = &self.out.budget;
            let Some(found) = self.view.find_by(MENTION, mention, at, |_| budget.tick())? else { return Ok(()) };
            at = found + 1;
            let mut reader = Reader::of_mention(locks);
            self.view.read_object(found, budget, |token| reader.take(token))?;
        }
    }

    /// Reads all objects, some of which may be dictionaries that others refer to.
    fn objects(&mut self, locks: &mut Locks) -> Result<(), Unscanned> {
        let mut at = 0;
        loop {
            let budget = &self.out.budget;
            let Some(found) = self.view.find(b"obj", at, |_| budget.tick())? else { return Ok(()) };
            at = found + 3;
            let Some(id) = id_before(self.view.before(found)) else { continue };
            let mut reader = Reader::new(locks);
            self.view.read_object(at, budget, |token| reader.take(token))?;
            if let Some(id) = id {
                reader.end(id.number);
            }
        }
    }

    /// Reads all trailers, for the identifiers in them.
    fn trailers(&mut self, locks: &mut Locks) -> Result<(), Unscanned> {
        let mut at = 0;
        loop {
            let budget = &self.out.budget;
            let Some(found) = self.view.find(TRAILER, at, |_| budget.tick())? else { return Ok(()) };
            at = found + TRAILER.len() as u64;
            let mut reader = Reader::new(locks);
            self.view.read_object(at, budget, |token| reader.take(token))?;
        }
    }

    /// Gives the strings of all objects out in clear, each behind the name that it stands behind. Those in packed
    /// objects are not encrypted one by one.
    pub(super) fn strings(&mut self) -> Result<(), Unscanned> {
        let mut is_open = false;
        let outcome = self.all_strings(&mut is_open);
        if is_open { self.out.end(outcome) } else { outcome }
    }

    fn all_strings(&mut self, is_open: &mut bool) -> Result<(), Unscanned> {
        let (mut at, mut remark) = (0, Ok(()));
        loop {
            let budget = &self.out.budget;
            let Some(found) = self.view.find(b"obj", at, |_| budget.tick())? else { return remark };
            at = found + 3;
            let id = id_before(self.view.before(found)).flatten();
            let Some(id) = id.filter(|id| !self.keys.locks.are_in(id.number)) else { continue };
            let ciphers = self.keys.of_strings(id);
            if !ciphers.is_empty() && !self.strings_of(at, &ciphers, is_open)? {
                remark = Err(Unscanned::PartiallyCorrupted);
            }
        }
    }

    /// The strings of one object; whether they were whole.
    fn strings_of(&mut self, mut at: u64, ciphers: &[Cipher], is_open: &mut bool) -> Result<bool, Unscanned> {
        let (mut lexer, mut name, mut is_over) = (Lexer::keeping(PDF_STRING), Vec::new(), false);
        while !is_over {
            self.out.budget.tick()?;
            let mut lines = Vec::new();
            let next = self.view.read(at, &mut lexer, |token| {
                match token {
                    Token::Name(word) => name = word.to_vec(),
                    Token::Text(text) => ciphers.iter().for_each(|cipher| line(&mut lines, &name, &cipher.text(text))),
                    _ => {}
                }
                is_over = token.is_end();
                is_over
            })?;
            let Some(next) = next else { break };
            at = next;
            if !lines.is_empty() {
                if !std::mem::replace(is_open, true) {
                    self.out.begin(b"strings", None)?;
                }
                self.out.give(&lines, self.view.source().length())?;
            }
        }
        Ok(!lexer.has_cut())
    }
}

/// Writes a string as a PDF does, behind a name. Of one that is not encrypted so nothing is left.
fn line(lines: &mut Vec<u8>, name: &[u8], text: &[u8]) {
    if text.is_empty() {
        return;
    }
    lines.extend([b"/", name, b" ("].concat());
    for octet in text {
        if matches!(octet, b'(' | b')' | b'\\') {
            lines.push(b'\\');
        }
        lines.push(*octet);
    }
    lines.extend(b")\n");
}

/// Where the next name is that reads `Encrypt`, whatever of it is escaped (§7.3.5).
fn mention(octets: &[u8]) -> Option<usize> {
    memchr_iter(b'/', octets).find(|slash| {
        let mut rest = octets.get(slash + 1..).unwrap_or_default();
        WORD.iter().all(|letter| {
            let escaped = rest.split_at_checked(3).filter(|(code, _)| {
                let digits = code.strip_prefix(b"#").and_then(|digits| std::str::from_utf8(digits).ok());
                digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) == Some(*letter)
            });
            let next = rest.strip_prefix(&[*letter]).or(escaped.map(|(_, rest)| rest));
            rest = next.unwrap_or_default();
            next.is_some()
        })
    })
}

const TRAILER: &[u8] = b"trailer";
const WORD: &[u8] = b"Encrypt";
/// Octets of the longest name that reads so, with its slash.
const MENTION: usize = 1 + 3 * WORD.len();
