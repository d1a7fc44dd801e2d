//! What the objects of a PDF say of themselves and of each other: which streams are files, scripts and forms, by what
//! names, and how a stream is packed.

use std::collections::BTreeMap;

use super::cipher::Cipher;
use super::filters::{Filter, Parms};
use super::lexer::Token;
use crate::limits::{PDF_DEPTH, PDF_FILTERS, PDF_REFERENCES};

/// What all objects together have told.
#[derive(Default)]
pub(super) struct Found {
    /// The streams that are files and the like, by their numbers.
    pub(super) files: BTreeMap<u64, File>,
    /// The objects that are a number and nothing else: how long a stream is may stand in one.
    pub(super) numbers: BTreeMap<u64, u64>,
    /// The objects that `/EF` refers to, and what the files in them are called.
    named: Vec<(u64, Vec<String>)>,
    /// The files that objects name without calling them anything.
    holders: BTreeMap<u64, Vec<u64>>,
    /// More streams than are kept.
    pub(super) has_more: bool,
    /// An encryption dictionary stands among packed objects, where only some programs look for it.
    pub(super) has_packed_lock: bool,
}

/// A stream that is a file of its own.
pub(super) struct File {
    kind: Key,
    /// What it is called.
    pub(super) names: Vec<String>,
}

impl File {
    /// The name it is shown under.
    pub(super) fn name(&self, number: u64) -> String {
        match (self.names.first(), self.kind) {
            (Some(name), _) => name.clone(),
            (None, Key::Script) => format!("script-{number}.js"),
            (None, Key::Form) => format!("form-{number}.xml"),
            (None, _) => format!("file-{number}"),
        }
    }
}

impl Found {
    fn refer(&mut self, number: u64, kind: Key, names: &[String]) {
        if self.files.len() >= PDF_REFERENCES && !self.files.contains_key(&number) {
            self.has_more = true;
            return;
        }
        let file = self.files.entry(number).or_insert(File { kind, names: Vec::new() });
        for name in names {
            if file.names.len() < NAMES && !file.names.contains(name) {
                file.names.push(name.clone());
            }
        }
    }

    fn hold(&mut self, holder: u64, files: Vec<u64>) {
        if self.holders.len() < PDF_REFERENCES {
            self.holders.insert(holder, files);
        }
    }

    /// Gives files their names where these stand in another object.
    pub(super) fn name_files(&mut self) {
        for (holder, names) in std::mem::take(&mut self.named) {
            for number in self.holders.get(&holder).cloned().unwrap_or_default() {
                self.refer(number, Key::File, &names);
            }
        }
    }

    /// Notes an object that is a number.
    pub(super) fn note(&mut self, number: u64, value: u64) {
        if self.numbers.len() < PDF_REFERENCES {
            self.numbers.insert(number, value);
        }
    }
}

/// The dictionary of one stream, or whatever the object is.
#[derive(Debug, Default)]
pub(super) struct Object {
    is_said_to_hold_objects: bool,
    has_count: bool,
    has_first: bool,
    /// It is said to be a file.
    pub(super) is_file: bool,
    pub(super) filters: Vec<Filter>,
    pub(super) parms: Vec<Parms>,
    /// How it is packed is said in another object, or more than once.
    pub(super) is_doubtful: bool,
    pub(super) length: Length,
    /// The crypt filter that it is encrypted by, if it names one itself.
    pub(super) crypt: Option<Vec<u8>>,
    /// The number that it is.
    pub(super) value: Option<u64>,
}

/// How many octets a stream is said to have.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Length {
    #[default]
    Unknown,
    Is(u64),
    /// In the object of this number.
    In(u64),
}

impl Object {
    /// Whether it holds objects (§7.5.7). Programs find that out by where they are sent to, not by its type.
    pub(super) const fn holds_objects(&self) -> bool {
        self.is_said_to_hold_objects || (self.has_count && self.has_first)
    }

    /// Whether what comes out of it is a picture.
    pub(super) fn is_picture(&self) -> bool {
        self.filters.contains(&Filter::Picture)
    }

    fn filter(&mut self, name: &[u8]) {
        if self.filters.len() < PDF_FILTERS {
            self.filters.push(Filter::of(name));
        } else {
            self.is_doubtful = true;
        }
    }
}

/// The keys that matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Key {
    #[default]
    Other,
    Type,
    Filter,
    Parms,
    Length,
    Count,
    First,
    Predictor,
    Colors,
    Bits,
    Columns,
    EarlyChange,
    /// `/F`: a file or its name; in a stream also what `/Filter` says.
    FileOrFilter,
    File,
    Script,
    Form,
    Name,
    /// `/EF`: files, by the keys that name them.
    Embedded,
}

impl Key {
    const fn of(name: &[u8]) -> Self {
        match name {
            b"Type" => Self::Type,
            b"Filter" => Self::Filter,
            b"DecodeParms" | b"DP" => Self::Parms,
            b"Length" => Self::Length,
            b"N" => Self::Count,
            b"First" => Self::First,
            b"Predictor" => Self::Predictor,
            b"Colors" => Self::Colors,
            b"BitsPerComponent" => Self::Bits,
            b"Columns" => Self::Columns,
            b"EarlyChange" => Self::EarlyChange,
            b"F" => Self::FileOrFilter,
            b"UF" | b"DOS" | b"Mac" | b"Unix" => Self::File,
            b"JS" => Self::Script,
            b"XFA" => Self::Form,
            b"Name" => Self::Name,
            b"EF" => Self::Embedded,
            _ => Self::Other,
        }
    }

    const fn names_files(self) -> bool {
        matches!(self, Self::FileOrFilter | Self::File)
    }
}

/// An open dictionary or array.
#[derive(Debug, Default)]
struct Level {
    is_dict: bool,
    /// The last key; of an array that of the dictionary it is in.
    key: Key,
    /// The value of the key is still to come.
    awaits: bool,
    names: Vec<String>,
    files: Vec<u64>,
    /// The object that its files stand in.
    holder: Option<u64>,
}

/// Reads one object, or those in a stream of objects.
pub(super) struct Reader<'f> {
    found: &'f mut Found,
    /// How strings may be encrypted.
    ciphers: &'f [Cipher],
    /// What the object is called; `None`: it is packed, or cannot be made out.
    number: Option<u64>,
    is_packed: bool,
    pub(super) object: Object,
    levels: Vec<Level>,
    /// Brackets that are open beyond the limit.
    beyond: usize,
    /// The last numbers, for those that refer to an object.
    last: [Option<u64>; 2],
}

impl<'f> Reader<'f> {
    pub(super) fn new(found: &'f mut Found, number: Option<u64>, ciphers: &'f [Cipher]) -> Self {
        let object = Object::default();
        Self { found, ciphers, number, is_packed: false, object, levels: Vec::new(), beyond: 0, last: [None; 2] }
    }

    /// Of packed objects.
    pub(super) fn of_packed(found: &'f mut Found) -> Self {
        Self { is_packed: true, ..Self::new(found, None, &[]) }
    }

    /// Takes a word.
    pub(super) fn take(&mut self, token: &Token<'_>) {
        match *token {
            Token::Number(number) => {
                self.last = [self.last[1], Some(number)];
                self.number(number);
                return;
            }
            Token::Name(name) => self.name(name),
            Token::Text(text) => self.text(text),
            Token::OpenDict => self.open(true),
            Token::OpenArray => self.open(false),
            Token::CloseDict => self.close(true),
            Token::CloseArray => self.close(false),
            Token::Word(b"R") => self.reference(),
            Token::Word(word) => self.word(word),
        }
        self.last = [None; 2];
    }

    fn name(&mut self, name: &[u8]) {
        let depth = self.levels.len();
        let Some(level) = self.levels.last_mut() else { return };
        if level.is_dict && !level.awaits {
            (level.key, level.awaits) = (Key::of(name), true);
            match level.key {
                Key::Count if depth == 1 => self.object.has_count = true,
                Key::First if depth == 1 => self.object.has_first = true,
                Key::Filter if depth == 1 => {
                    self.object.is_doubtful |= !self.object.filters.is_empty();
                    self.object.filters.clear();
                }
                Key::Parms if depth == 1 => {
                    self.object.is_doubtful |= !self.object.parms.is_empty();
                    self.object.parms.clear();
                }
                _ => {}
            }
            return;
        }
        let (key, is_own) = (level.key, if level.is_dict { depth == 1 } else { depth == 2 });
        level.awaits = false;
        match (key, name) {
            (Key::Filter, b"Standard") if self.is_packed => self.found.has_packed_lock = true,
            (Key::Name, _) if !self.object.parms.is_empty() => _ = self.object.crypt.get_or_insert(name.to_vec()),
            (Key::Type, b"ObjStm") if is_own => self.object.is_said_to_hold_objects = true,
            (Key::Type, b"EmbeddedFile") if is_own => self.object.is_file = true,
            (Key::Filter | Key::FileOrFilter, _) if is_own => self.object.filter(name),
            _ => {}
        }
    }

    fn number(&mut self, number: u64) {
        let depth = self.levels.len();
        let Some(level) = self.levels.last_mut() else {
            self.object.value.get_or_insert(number);
            return;
        };
        let key = level.key;
        if !level.is_dict {
            return;
        }
        level.awaits = false;
        if key == Key::Length && depth == 1 {
            self.object.length = Length::Is(number);
        }
        if let Some(parms) = self.object.parms.last_mut() {
            match key {
                Key::Predictor => parms.predictor = number,
                Key::Colors => parms.colors = number,
                Key::Bits => parms.bits = number,
                Key::Columns => parms.columns = number,
                Key::EarlyChange => parms.is_late = number == 0,
                _ => {}
            }
        }
    }

    fn text(&mut self, text: &[u8]) {
        let Some(level) = self.levels.last_mut() else { return };
        level.awaits = false;
        if !level.is_dict || !level.key.names_files() {
            return;
        }
        // As it stands it may be one too: readable, or not encrypted at all.
        let plain = (self.ciphers.is_empty() || is_readable(text)).then(|| text.to_vec());
        let mut names: Vec<_> = self.ciphers.iter().map(|cipher| cipher.text(text)).chain(plain).collect();
        names.retain(|name| !name.is_empty() || self.ciphers.is_empty());
        names.sort_by_key(|name| !is_readable(name));
        let room = NAMES.saturating_sub(level.names.len());
        level.names.extend(names.iter().take(room).map(|name| text_of(name)));
    }

    fn reference(&mut self) {
        let depth = self.levels.len();
        let (Some(level), Some(number)) = (self.levels.last_mut(), self.last[0]) else { return };
        level.awaits = false;
        match level.key {
            Key::FileOrFilter | Key::File => {
                self.found.refer(number, level.key, &[]);
                if level.files.len() < NAMES {
                    level.files.push(number);
                }
            }
            Key::Embedded => level.holder = Some(number),
            Key::Script | Key::Form => self.found.refer(number, level.key, &[]),
            Key::Length if depth == 1 => self.object.length = Length::In(number),
            Key::Filter | Key::Parms | Key::Predictor | Key::Columns | Key::Colors | Key::Bits => {
                self.object.is_doubtful = true;
            }
            _ => {}
        }
    }

    /// `true`, `null`, a number of another kind.
    fn word(&mut self, word: &[u8]) {
        let Some(level) = self.levels.last_mut() else { return };
        level.awaits = false;
        if level.key == Key::Parms && word == b"null" {
            self.parms();
        }
    }

    fn parms(&mut self) {
        if self.object.parms.len() < PDF_FILTERS {
            self.object.parms.push(Parms::default());
        }
    }

    fn open(&mut self, is_dict: bool) {
        let key = self.levels.last_mut().map_or(Key::Other, |level| {
            level.awaits = false;
            level.key
        });
        if self.levels.len() >= PDF_DEPTH {
            self.beyond += 1;
            return;
        }
        if key == Key::Parms && is_dict {
            self.parms();
        }
        // Of a dictionary no key is the first one's.
        let key = if is_dict { Key::Other } else { key };
        self.levels.push(Level { is_dict, key, ..Level::default() });
    }

    fn close(&mut self, is_dict: bool) {
        if self.beyond > 0 {
            self.beyond -= 1;
            return;
        }
        // Brackets that do not match: a dictionary ends the arrays in it.
        while let Some(level) = self.levels.pop() {
            if level.is_dict && !is_dict {
                self.levels.push(level);
                return;
            }
            let Level { is_dict: was_dict, names, files, holder, .. } = level;
            if names.is_empty() {
                // The name stands around what it belongs to: `<< /F (name) /EF << /F 5 0 R >> >>`, or in the object
                // around.
                if let Some(outer) = self.levels.last_mut() {
                    let room = NAMES.saturating_sub(outer.files.len());
                    outer.files.extend(files.into_iter().take(room));
                } else if let Some(number) = self.number.filter(|_| !files.is_empty()) {
                    self.found.hold(number, files);
                }
            } else {
                files.into_iter().for_each(|number| self.found.refer(number, Key::File, &names));
                if let Some(holder) = holder.filter(|_| self.found.named.len() < PDF_REFERENCES) {
                    self.found.named.push((holder, names));
                }
            }
            if was_dict == is_dict {
                return;
            }
        }
    }
}

/// The characters of a text string (§7.9.2.2).
fn text_of(text: &[u8]) -> String {
    if let Some(wide) = text.strip_prefix(b"\xfe\xff") {
        let units = wide.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        return char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    match std::str::from_utf8(text) {
        Ok(text) => text.to_owned(),
        Err(_) => text.iter().map(|&octet| char::from(octet)).collect(),
    }
}

/// Whether a string is one that whoever has no key can hardly read by chance.
fn is_readable(text: &[u8]) -> bool {
    [&b"\xfe\xff"[..], b"\xef\xbb\xbf"].iter().any(|mark| text.starts_with(mark))
        || text.iter().all(|octet| matches!(octet, b' '..=b'~'))
}

/// Names that are kept of one file, and files that one dictionary may name: five keys can do either.
const NAMES: usize = 5;
