//! Encryption dictionaries of a PDF (ISO 32000-1 §7.6.1, §7.6.5), and what else belongs to the key: the identifiers of
//! the file (§14.4), which stand somewhere else.
//!
//! A dictionary is one by what it holds. Which of several a program takes is not known, so each must be opened: also
//! what `/Encrypt` refers to, whatever it is.

use std::collections::BTreeSet;

use super::cipher::Method;
use super::lexer::Token;
use crate::limits::{PDF_DEPTH, PDF_IDS, PDF_LOCKS};

/// The name of a crypt filter, if one is given.
pub(super) type Name<'n> = Option<&'n [u8]>;

/// A dictionary of the standard security handler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lock {
    /// `/V`: the algorithm.
    version: u64,
    /// `/R`: of the handler.
    pub(super) revision: u64,
    /// `/Length`: bits of the key; octets with some programs.
    pub(super) bits: u64,
    /// `/O`, `/U`, `/OE`, `/UE`: by which the words of the owner and the user are known, and where the key is.
    pub(super) owner: Vec<u8>,
    pub(super) user: Vec<u8>,
    pub(super) owner_key: Vec<u8>,
    pub(super) user_key: Vec<u8>,
    /// `/P`.
    pub(super) permissions: u32,
    /// `/EncryptMetadata false`.
    pub(super) has_clear_metadata: bool,
    /// `/CF`: what the names of crypt filters stand for.
    filters: Vec<(Vec<u8>, Method)>,
    /// `/StmF`, `/StrF`, `/EFF`: those of streams, strings and embedded files.
    pub(super) streams: Option<Vec<u8>>,
    pub(super) strings: Option<Vec<u8>>,
    pub(super) files: Option<Vec<u8>>,
}

impl Lock {
    /// What a crypt filter does. One that is described elsewhere may do either.
    pub(super) fn methods(&self, name: Name<'_>) -> Vec<Method> {
        match name {
            _ if self.version < 4 => vec![Method::Rc4],
            None | Some(b"Identity") => vec![Method::Identity],
            Some(name) => match self.filters.iter().find(|(known, _)| known == name) {
                Some((_, method)) => vec![*method],
                None if self.version == 4 => vec![Method::Aes128, Method::Rc4],
                None => vec![Method::Aes256],
            },
        }
    }
}

/// What is found of encryption in a file.
#[derive(Default)]
pub(super) struct Locks {
    pub(super) all: Vec<Lock>,
    /// First strings of `/ID`.
    pub(super) ids: Vec<Vec<u8>>,
    /// Objects that are such dictionaries.
    numbers: BTreeSet<u64>,
    /// Objects that `/Encrypt` refers to.
    referred: BTreeSet<u64>,
    /// A dictionary is of another kind, or is not whole, or there are too many.
    is_unknown: bool,
}

impl Locks {
    /// Whether the file says anywhere that it is encrypted.
    pub(super) fn are_mentioned(&self) -> bool {
        self.is_unknown || !self.referred.is_empty() || !self.all.is_empty()
    }

    /// Whether all that it says it is encrypted by has been found.
    pub(super) fn are_whole(&self) -> bool {
        !self.is_unknown && self.referred.is_subset(&self.numbers)
    }

    /// Whether an object is such a dictionary: its own strings are not encrypted.
    pub(super) fn are_in(&self, number: u64) -> bool {
        self.numbers.contains(&number)
    }

    fn refer(&mut self, number: u64) {
        self.is_unknown |= !self.referred.contains(&number) && self.referred.len() == PDF_LOCKS;
        if self.referred.len() < PDF_LOCKS {
            self.referred.insert(number);
        }
    }

    fn add(&mut self, lock: Lock) {
        if !self.all.contains(&lock) {
            self.is_unknown |= self.all.len() == PDF_LOCKS;
            if self.all.len() < PDF_LOCKS {
                self.all.push(lock);
            }
        }
    }

    fn add_id(&mut self, id: &[u8]) {
        if self.ids.len() < PDF_IDS && !self.ids.iter().any(|known| known == id) {
            self.ids.push(id.to_vec());
        }
    }
}

/// An open dictionary or array.
#[derive(Default)]
struct Level {
    is_dict: bool,
    /// The last key; of an array that of the dictionary it is in.
    key: Vec<u8>,
    /// The value of the key is still to come.
    awaits: bool,
    /// The dictionary as a lock.
    lock: Lock,
    is_standard: bool,
    /// The dictionary as a crypt filter.
    method: Option<Method>,
}

impl Level {
    fn is_lock(&self) -> bool {
        self.is_standard && self.lock.version > 0 && !self.lock.owner.is_empty() && !self.lock.user.is_empty()
    }
}

/// Reads one object, a trailer, or what stands behind `/Encrypt`.
pub(super) struct Reader<'l> {
    locks: &'l mut Locks,
    levels: Vec<Level>,
    /// Brackets that are open beyond the limit.
    beyond: usize,
    last: [Option<u64>; 2],
    /// It is read for the value of `/Encrypt`, and this has been seen.
    value: Option<bool>,
    /// The object is a lock.
    is_lock: bool,
}

impl<'l> Reader<'l> {
    pub(super) fn new(locks: &'l mut Locks) -> Self {
        Self { locks, levels: Vec::new(), beyond: 0, last: [None; 2], value: None, is_lock: false }
    }

    /// One whose first word is `/Encrypt`.
    pub(super) fn of_mention(locks: &'l mut Locks) -> Self {
        let around = Level { is_dict: true, ..Level::default() };
        Self { levels: vec![around], value: Some(false), ..Self::new(locks) }
    }

    /// The object of this number is over.
    pub(super) fn end(self, number: u64) {
        if self.is_lock {
            if self.locks.numbers.len() < PDF_LOCKS {
                self.locks.numbers.insert(number);
            }
        } else if self.locks.referred.contains(&number) {
            self.locks.is_unknown = true;
        }
    }

    /// Takes a word; whether the value of `/Encrypt` is over.
    pub(super) fn take(&mut self, token: &Token<'_>) -> bool {
        let before = std::mem::take(&mut self.last);
        match *token {
            Token::Number(number) => {
                self.last = [before[1], Some(number)];
                self.number(number);
            }
            // A longer name.
            Token::Name(name) if self.value == Some(false) && name != b"Encrypt" => return true,
            Token::Name(name) => self.name(name),
            Token::Text(text) => self.text(text),
            Token::OpenDict => self.open(true),
            Token::OpenArray => self.open(false),
            Token::CloseDict => self.close(true),
            Token::CloseArray => self.close(false),
            Token::Word(b"R") if self.value.is_some() && self.levels.len() == 1 => {
                if let Some(number) = before[0] {
                    self.locks.refer(number);
                }
            }
            Token::Word(word) => self.word(word),
        }
        let is_number = matches!(token, Token::Number(_));
        match &mut self.value {
            Some(is_seen) if self.levels.len() == 1 => !is_number && std::mem::replace(is_seen, true),
            Some(_) => self.levels.is_empty(),
            None => false,
        }
    }

    fn name(&mut self, name: &[u8]) {
        let Some(level) = self.levels.last_mut() else { return };
        if level.is_dict && !level.awaits {
            (level.key, level.awaits) = (name.to_vec(), true);
            return;
        }
        level.awaits = false;
        match level.key.as_slice() {
            b"Filter" => level.is_standard = name == b"Standard",
            b"StmF" => level.lock.streams = Some(name.to_vec()),
            b"StrF" => level.lock.strings = Some(name.to_vec()),
            b"EFF" => level.lock.files = Some(name.to_vec()),
            b"CFM" => {
                level.method = match name {
                    b"None" => Some(Method::Identity),
                    b"V2" => Some(Method::Rc4),
                    b"AESV2" => Some(Method::Aes128),
                    b"AESV3" => Some(Method::Aes256),
                    _ => None,
                }
            }
            _ => {}
        }
    }

    fn number(&mut self, number: u64) {
        let Some(level) = self.levels.last_mut().filter(|level| level.is_dict) else { return };
        level.awaits = false;
        match level.key.as_slice() {
            b"V" => level.lock.version = number,
            b"R" => level.lock.revision = number,
            b"Length" => level.lock.bits = number,
            b"P" => level.lock.permissions = low(number),
            _ => {}
        }
    }

    fn text(&mut self, text: &[u8]) {
        let Some(level) = self.levels.last_mut() else { return };
        level.awaits = false;
        match level.key.as_slice() {
            b"O" => level.lock.owner = text.to_vec(),
            b"U" => level.lock.user = text.to_vec(),
            b"OE" => level.lock.owner_key = text.to_vec(),
            b"UE" => level.lock.user_key = text.to_vec(),
            b"ID" if !level.is_dict => {
                self.locks.add_id(text);
                level.key.clear();
            }
            _ => {}
        }
    }

    fn word(&mut self, word: &[u8]) {
        let Some(level) = self.levels.last_mut() else { return };
        level.awaits = false;
        match level.key.as_slice() {
            b"EncryptMetadata" => level.lock.has_clear_metadata = word == b"false",
            b"P" => {
                let number = std::str::from_utf8(word).ok().and_then(|word| word.parse::<i64>().ok());
                level.lock.permissions = low(number.unwrap_or(0).cast_unsigned());
            }
            _ => {}
        }
    }

    fn open(&mut self, is_dict: bool) {
        let key = self.levels.last_mut().map_or_else(Vec::new, |level| {
            level.awaits = false;
            // Of a dictionary no key is the first one's.
            if is_dict { Vec::new() } else { level.key.clone() }
        });
        if self.levels.len() >= PDF_DEPTH {
            self.beyond += 1;
            return;
        }
        self.levels.push(Level { is_dict, key, ..Level::default() });
    }

    fn close(&mut self, is_dict: bool) {
        if self.beyond > 0 {
            self.beyond -= 1;
            return;
        }
        while let Some(level) = self.levels.pop() {
            if level.is_dict && !is_dict {
                self.levels.push(level);
                return;
            }
            let (was_dict, is_lock) = (level.is_dict, level.is_lock());
            match self.levels.last_mut() {
                Some(outer) if outer.key == b"CF" => outer.lock.filters = level.lock.filters,
                Some(outer) => {
                    if let Some(method) = level.method {
                        outer.lock.filters.push((outer.key.clone(), method));
                    }
                    // Of a mention the value, which is to be one.
                    self.locks.is_unknown |= was_dict && !is_lock && self.value.is_some() && self.levels.len() == 1;
                    if is_lock {
                        self.locks.add(level.lock);
                    }
                }
                None => {
                    self.is_lock |= is_lock;
                    if is_lock {
                        self.locks.add(level.lock);
                    }
                }
            }
            if was_dict == is_dict {
                return;
            }
        }
    }
}

/// The lowest 32 bits: programs write them with a sign or without.
const fn low(number: u64) -> u32 {
    (number & 0xffff_ffff) as u32
}
