//! Streams of a PDF on their way out: whether one is given, what decrypts it, where it ends, and the objects in it.
//!
//! What a stream of an encrypted file is encrypted by is seen from what comes out, for a file may have several keys,
//! streams that are left in clear, and programs differ in what they do with crypt filters. So each way is tried on the
//! beginning of a stream, and all those are gone that lead to no damage; with decoders that take anything, all. If none
//! is left it is the first.

use std::cell::Cell;
use std::io::{self, Read, Seek};

use super::cipher::Cipher;
use super::filters::{self, Filter};
use super::lexer::Lexer;
use super::object::{Length, Object, Reader};
use super::{Id, Pass, Unpacking};
use crate::Unscanned;
use crate::chained::BLOCK;
use crate::decoder::reason_of;
use crate::flow::CHUNK;
use crate::limits::{PDF_OBJECTS, PDF_PROBE, PDF_PROBED};
use crate::packed::{Packed, Watch};

/// The member that packed objects go to.
#[derive(Default)]
pub(super) struct Objects {
    count: usize,
    is_open: bool,
    outcome: Option<Unscanned>,
    /// A limit was hit.
    is_full: bool,
}

impl<'a, R: Read + Seek> Unpacking<'a, R> {
    /// Gives a stream out, if this is the pass for it.
    pub(super) fn stream(&mut self, pass: Pass, object: &Object, id: Option<Id>, start: u64) -> Result<(), Unscanned> {
        if object.is_picture() {
            return Ok(());
        }
        if object.holds_objects() {
            return if pass == Pass::Objects { self.packed_objects(object, id, start) } else { Ok(()) };
        }
        let file = id.and_then(|id| self.found.files.get(&id.number));
        // Of one whose number cannot be made out, nobody knows who names it.
        if file.is_none() && !object.is_file && id.is_some() {
            return Ok(());
        }
        self.has_files = true;
        if pass == Pass::Objects {
            return Ok(());
        }
        let number = id.unwrap_or_default().number;
        let name = file.map_or_else(|| format!("file-{number}"), |file| file.name(number));
        let other = file.and_then(|file| file.names.get(1).cloned());
        let data = self.extent(object, start)?;
        for reading in self.readings(object, id, true, &data)? {
            other.clone().into_iter().for_each(|other| self.out.also(other));
            self.out.begin(name.as_bytes(), None)?;
            let outcome = self.decode(object, &data, &reading, false);
            self.out.end(outcome)?;
        }
        Ok(())
    }

    /// Gives the objects in a stream out, and reads them.
    fn packed_objects(&mut self, object: &Object, id: Option<Id>, start: u64) -> Result<(), Unscanned> {
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
        let data = self.extent(object, start)?;
        for reading in self.readings(object, id, false, &data)? {
            if let Err(reason) = self.decode(object, &data, &reading, true) {
                self.objects.outcome.get_or_insert(reason);
                if reason.is_final() {
                    return Err(reason);
                }
                self.objects.is_full |= reason == Unscanned::Mailbomb;
            }
        }
        Ok(())
    }

    pub(super) fn end_objects(&mut self) -> Result<(), Unscanned> {
        if !std::mem::take(&mut self.objects.is_open) {
            return Ok(());
        }
        let outcome = self.objects.outcome.take();
        self.out.end(outcome.map_or(Ok(()), Err))
    }

    /// The ways in which a stream may be encrypted that lead to something.
    fn readings(
        &mut self,
        object: &Object,
        id: Option<Id>,
        is_file: bool,
        data: &Data,
    ) -> Result<Vec<Reading>, Unscanned> {
        if self.keys.are_none() {
            return Ok(vec![Reading { cipher: None, remark: Ok(()) }]);
        }
        let own = object.filters.contains(&Filter::Crypt).then(|| object.crypt.as_deref().unwrap_or(b"Identity"));
        let ciphers = self.keys.of_stream(id.unwrap_or_default(), own, is_file);
        // Most keys are made with what the object is called.
        let remark = if id.is_none() { Err(Unscanned::Encrypted) } else { Ok(()) };
        let mut readings: Vec<_> = ciphers.into_iter().map(|cipher| Reading { cipher: Some(cipher), remark }).collect();
        readings.push(Reading { cipher: None, remark });
        let mut sound = Vec::new();
        for reading in &readings {
            self.out.budget.tick()?;
            if self.is_sound(object, data, reading)? {
                sound.push(reading.clone());
            }
        }
        if sound.is_empty() {
            readings.truncate(1);
            return Ok(readings);
        }
        Ok(sound)
    }

    /// Whether the beginning of a stream leads to no damage.
    fn is_sound(&self, object: &Object, data: &Data, reading: &Reading) -> Result<bool, Unscanned> {
        let filters = self.filters(object, data, reading)?;
        if filters.first() == Some(&Filter::Flate) && !is_zlib(&self.head(data, reading)?) {
            return Ok(false);
        }
        // Its own, for a limit that is hit here is none of the file.
        let (watch, left) = (self.out.budget.watch(), Cell::new(PDF_PROBED));
        let octets = self.clear(data, reading, PDF_PROBE, &watch)?;
        let Ok(mut octets) = filters::open(octets, &filters, &object.parms, &watch, &left) else { return Ok(true) };
        let (mut beginning, mut given) = ([0; BEGINNING], 0);
        while given < BEGINNING {
            match octets.read(beginning.get_mut(given..).unwrap_or_default()) {
                Ok(0) => break,
                Ok(count) => given += count,
                Err(_) => return Ok(watch.trouble().is_some()),
            }
        }
        Ok(true)
    }

    /// The octets of a stream as they are packed, or so many of them.
    fn clear<'p>(
        &self,
        data: &Data,
        reading: &Reading,
        most: u64,
        watch: &'p Watch,
    ) -> Result<Box<dyn Read + 'p>, Unscanned>
    where
        'a: 'p,
    {
        let end = match &reading.cipher {
            Some(cipher) if cipher.has_blocks() => data.end_of_blocks,
            _ => data.end,
        };
        let end = end.min(data.start.saturating_add(most));
        let at_a_time = usize::try_from(most).unwrap_or(CHUNK).min(CHUNK);
        let packed = Packed::new(self.view.source(), data.start, end, watch, at_a_time);
        match &reading.cipher {
            None => Ok(Box::new(packed)),
            Some(cipher) => cipher.clear(packed).map_err(|error| watch.trouble().unwrap_or(reason_of(&error))),
        }
    }

    /// The first two octets of a stream as it is packed.
    fn head(&self, data: &Data, reading: &Reading) -> Result<Vec<u8>, Unscanned> {
        let mut head = Vec::new();
        let octets = self.clear(data, reading, 3 * BLOCK as u64, self.watch)?;
        let outcome = octets.take(2).read_to_end(&mut head);
        outcome.map(|_| head).map_err(|error| self.watch.trouble().unwrap_or(reason_of(&error)))
    }

    /// How a stream is packed. Where that stands in another object, or twice, its beginning tells.
    fn filters(&self, object: &Object, data: &Data, reading: &Reading) -> Result<Vec<Filter>, Unscanned> {
        if object.is_doubtful && object.filters.is_empty() && is_zlib(&self.head(data, reading)?) {
            return Ok(vec![Filter::Flate]);
        }
        Ok(object.filters.clone())
    }

    /// Gives what a stream unpacks to into the member that is open, and reads the objects in it if there are.
    fn decode(&mut self, object: &Object, data: &Data, reading: &Reading, has_objects: bool) -> Result<(), Unscanned> {
        let filters = self.filters(object, data, reading)?;
        let length = self.view.source().length();
        let (watch, left) = (self.watch, self.into_decoders);
        let packed = self.clear(data, reading, u64::MAX, watch)?;
        let mut octets = match filters::open(packed, &filters, &object.parms, watch, left) {
            Ok(octets) => octets,
            Err(reason) => {
                // As it stands is better than not at all.
                let mut packed = self.clear(data, reading, u64::MAX, watch)?;
                return self.out.drain(&mut packed, watch, &mut self.buffer, length).and(Err(reason));
            }
        };
        let outcome = if has_objects {
            let mut tapped = Tapped { octets, lexer: Lexer::default(), reader: Reader::of_packed(&mut self.found) };
            let outcome = self.out.drain(&mut tapped, watch, &mut self.buffer, length);
            // The last word may have nothing behind it, and the next stream's first one does not belong to it.
            tapped.see(b"\n");
            outcome.and(self.out.give(b"\n", length))
        } else {
            self.out.drain(&mut octets, watch, &mut self.buffer, length)
        };
        outcome.and(data.remark).and(reading.remark)
    }

    /// Where the data of a stream end, if the file says so: by their length if that is right, or where the word stands.
    fn extent(&mut self, object: &Object, start: u64) -> Result<Data, Unscanned> {
        let all = self.view.source().length();
        let remark = if object.is_doubtful { Err(Unscanned::PartiallyCorrupted) } else { Ok(()) };
        let whole = |end: u64| Data { start, end, end_of_blocks: end, remark };
        let length = match object.length {
            Length::Is(length) => Some(length),
            Length::In(number) => self.found.numbers.get(&number).copied(),
            Length::Unknown => None,
        };
        // It ends by itself, if anything is there: encrypted, nothing is a start and a block to fill up.
        let ends_by_itself = object.filters.first() == Some(&Filter::Flate);
        let nothing = if self.keys.are_none() { 0 } else { 2 * BLOCK as u64 };
        if let Some(end) = length.and_then(|length| start.checked_add(length))
            && end <= all
            && (!ends_by_itself || end - start <= nothing)
            && self.view.from(end)?.trim_ascii_start().starts_with(END)
        {
            return Ok(whole(end));
        }
        if ends_by_itself {
            return Ok(whole(all));
        }
        let budget = &self.out.budget;
        let word = self.view.find(END, start, |_| budget.tick())?;
        self.view.spend(word.unwrap_or(all) - start)?;
        let Some(word) = word else { return Ok(Data { remark: Err(Unscanned::PartiallyCorrupted), ..whole(all) }) };
        let line = match self.view.before(word) {
            [.., b'\r', b'\n'] => 2,
            [.., b'\r' | b'\n'] => 1,
            _ => 0,
        };
        let end = word.saturating_sub(line).max(start);
        // What looks like the end of a line may be that of the last block.
        let blocks = start + (end - start).next_multiple_of(BLOCK as u64);
        Ok(Data { end_of_blocks: if blocks <= word { blocks } else { end }, ..whole(end) })
    }
}

/// Where the data of a stream are.
#[derive(Clone, Copy)]
struct Data {
    start: u64,
    end: u64,
    /// Where they end if they are blocks.
    end_of_blocks: u64,
    /// What is not sure of them.
    remark: Result<(), Unscanned>,
}

/// One way in which a stream may be encrypted.
#[derive(Clone)]
struct Reading {
    cipher: Option<Cipher>,
    remark: Result<(), Unscanned>,
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

/// The header of RFC 1950 §2.2.
fn is_zlib(octets: &[u8]) -> bool {
    matches!(octets, [method, flags, ..] if method & 0x8f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

const END: &[u8] = b"endstream";
/// Octets by which damage is known.
const BEGINNING: usize = 64;
