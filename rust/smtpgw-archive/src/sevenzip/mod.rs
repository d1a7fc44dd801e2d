//! 7z: solid or not, packed headers, every coder that 7-Zip writes by default or is asked for. Read here and not by a
//! library, because none has a limit for memory and for what comes out.
//!
//! Files of a solid folder come out of one stream, one behind the other: where one is more than its limit the rest of
//! it is unpacked and dropped to reach the next. An encrypted header hides even the names: if none of the budget's
//! words opens it, nothing comes out; otherwise each encrypted file that none opens stays closed. All of that is
//! `Encrypted`, and what a word has opened is as well (see [`locked`]).

mod folder;
mod header;
mod key;
mod locked;

use std::borrow::Cow;
use std::io::{Read, Seek};

use crate::flow::{CHUNK, Dropped, Out, skip};
use crate::limits::{SEVENZIP_HEADER, SEVENZIP_HEADERS};
use crate::member::display_name;
use crate::packed::Watch;
use crate::source::{Source, le32, le64};
use crate::{Budget, Fact, Members, Unscanned};

use folder::{Folder, Stretch};
use header::{File, Kind, Stream, Tables};
use key::{Key, Keys};

pub(crate) fn unpack<R: Read + Seek>(
    source: Source<R>,
    budget: &mut Budget,
    members: &mut dyn Members,
) -> Result<(), Unscanned> {
    let watch = budget.watch();
    let limit = budget.members_left();
    let mut keys = Keys::default();
    let (tables, is_damaged) = tables(&source, &watch, limit, &mut keys, budget)?;
    let is_decrypted = keys.has_opened;
    let mut out = Out::new(budget, members, source.length());
    if is_decrypted {
        out.fact(Fact::Decrypted);
    }
    let (source, watch, buffer) = (&source, &watch, vec![0; CHUNK]);
    let mut unpacking = Unpacking { source, watch, buffer, dropped: Dropped::default(), keys };
    let mut files = tables.files.iter();
    let mut streams = tables.streams.iter().copied();
    let mut pack = tables.pack_start.saturating_add(SIGNATURE as u64);
    let mut pack_sizes = tables.pack_sizes.iter();
    let mut lacks_files = false;
    for (folder, &count) in tables.folders.iter().zip(&tables.streams_of) {
        let stretches: Vec<Stretch> = (&mut pack_sizes)
            .take(folder.packed.len())
            .map(|size| {
                let start = pack;
                pack = pack.saturating_add(*size);
                (start, pack)
            })
            .collect();
        let held: Vec<_> =
            (&mut streams).take(count).map(|stream| (stream, with_stream(&mut files, &mut out))).collect();
        lacks_files |= held.iter().any(|(_, file)| !matches!(file, Ok(Some(_))));
        let mut named = Vec::with_capacity(held.len());
        for (stream, file) in held {
            named.push((stream, file?));
        }
        unpacking.folder(&mut out, folder, &stretches, &named)?;
    }
    while let Some(file) = with_stream(&mut files, &mut out)? {
        // Listed, and there is nothing of it.
        begin(&mut out, Some(file), None)?;
        out.end(Err(Unscanned::Corrupted))?;
        lacks_files = true;
    }
    match is_damaged || lacks_files {
        // Another word may show another list.
        _ if is_decrypted => Err(Unscanned::Encrypted),
        true => Err(Unscanned::PartiallyCorrupted),
        false => Ok(()),
    }
}

/// Goes on to the next file that has octets. Empty ones on the way are members without any.
fn with_stream<'t>(
    files: &mut impl Iterator<Item = &'t File>,
    out: &mut Out<'_>,
) -> Result<Option<&'t File>, Unscanned> {
    for file in files {
        if file.has_stream {
            return Ok(Some(file));
        }
        if file.is_folder {
            out.budget.begin_member()?;
        } else {
            begin(out, Some(file), Some(0))?;
            out.end(Ok(()))?;
        }
    }
    Ok(None)
}

/// What the archive holds, and whether sums of its headers were wrong.
fn tables<R: Read + Seek>(
    source: &Source<R>,
    watch: &Watch,
    members: usize,
    keys: &mut Keys,
    budget: &mut Budget,
) -> Result<(Tables, bool), Unscanned> {
    let signature = source.array_at::<SIGNATURE>(0)?.ok_or(Unscanned::Corrupted)?;
    let mut is_damaged = crc(&signature[12..]) != le32(&signature, 8);
    let (offset, size, sum) = (le64(&signature, 12), le64(&signature, 20), le32(&signature, 28));
    if size == 0 {
        // Nothing in it, or not finished.
        let is_empty = source.length() == SIGNATURE as u64 && !is_damaged;
        return if is_empty { Ok((Tables::default(), false)) } else { Err(Unscanned::Corrupted) };
    }
    if size > SEVENZIP_HEADER {
        return Err(Unscanned::Mailbomb);
    }
    let start = offset.saturating_add(SIGNATURE as u64);
    if start.saturating_add(size) > source.length() {
        return Err(Unscanned::Corrupted);
    }
    let mut octets = vec![0; usize::try_from(size).unwrap_or(0)];
    source.read_at(start, &mut octets)?;
    is_damaged |= crc(&octets) != sum;
    for _ in 0..SEVENZIP_HEADERS {
        let packed = match header::read(&octets, members)? {
            Kind::Plain(tables) => return Ok((tables, is_damaged)),
            Kind::Packed(tables) => tables,
        };
        let folder = packed.folders.first().ok_or(Unscanned::Corrupted)?;
        folder.check()?;
        if folder.size() > SEVENZIP_HEADER {
            return Err(Unscanned::Mailbomb);
        }
        let mut at = packed.pack_start.saturating_add(SIGNATURE as u64);
        let stretches: Vec<Stretch> = packed
            .pack_sizes
            .iter()
            .map(|size| {
                let start = at;
                at = at.saturating_add(*size);
                (start, at)
            })
            .collect();
        octets = if folder.is_encrypted() {
            locked::header(source, folder, &stretches, watch, keys, budget)?
        } else {
            whole(source, folder, &stretches, watch, None)?
        };
        is_damaged |= folder.crc.is_some_and(|said| said != crc(&octets));
    }
    Err(Unscanned::Unhandled)
}

/// The octets of a header that is packed.
fn whole<R: Read + Seek>(
    source: &Source<R>,
    folder: &Folder,
    stretches: &[Stretch],
    watch: &Watch,
    key: Option<&Key>,
) -> Result<Vec<u8>, Unscanned> {
    let mut octets = Vec::new();
    let read = crate::flow::guarded(|| folder.open(source, stretches, watch, key)?.read_to_end(&mut octets));
    match (read, watch.trouble()) {
        (_, Some(reason)) => Err(reason),
        (Ok(_), None) if octets.len() as u64 == folder.size() => Ok(octets),
        _ => Err(Unscanned::Corrupted),
    }
}

/// What unpacking needs, made once.
struct Unpacking<'a, R> {
    source: &'a Source<R>,
    watch: &'a Watch,
    buffer: Vec<u8>,
    dropped: Dropped,
    keys: Keys,
}

impl<R: Read + Seek> Unpacking<'_, R> {
    /// Hands out the files of one folder. An error ends all unpacking.
    fn folder(
        &mut self,
        out: &mut Out<'_>,
        folder: &Folder,
        stretches: &[Stretch],
        files: &[(Stream, Option<&File>)],
    ) -> Result<(), Unscanned> {
        let packed = locked::packed(self.source, stretches);
        let key = folder.check().and_then(|()| self.key(out, folder, stretches, files));
        let opened = key.and_then(|key| {
            crate::flow::guarded(|| folder.open(self.source, stretches, self.watch, key.as_ref()))
                .map_err(|error| self.watch.trouble().unwrap_or(crate::decoder::reason_of(&error)))
        });
        let mut stream = match opened {
            Ok(stream) => Ok(stream),
            Err(reason) if reason.is_final() => return Err(reason),
            Err(Unscanned::PartiallyCorrupted) => Err(Unscanned::Corrupted),
            Err(reason) => Err(reason),
        };
        let is_decrypted = matches!(key, Ok(Some(_)));
        let mut position = 0;
        for (held, file) in files {
            begin(out, *file, Some(held.size))?;
            let mut left = held.size;
            let outcome = match &mut stream {
                Ok(stream) => {
                    let outcome = out.drain_some(stream, self.watch, &mut self.buffer, packed, &mut left);
                    if outcome == Err(Unscanned::PartiallyCorrupted) {
                        self.again(out, (folder, key.ok().flatten()), stretches, position, held.size, packed)?;
                    }
                    outcome.and_then(|()| {
                        let is_sound = held.crc.is_none_or(|said| said == out.crc());
                        if is_sound { Ok(()) } else { Err(Unscanned::PartiallyCorrupted) }
                    })
                }
                Err(reason) => Err(*reason),
            };
            let outcome = match outcome {
                Ok(()) | Err(Unscanned::PartiallyCorrupted) if is_decrypted => Err(Unscanned::Encrypted),
                outcome => outcome,
            };
            position += held.size;
            out.end(outcome)?;
            if left > 0
                && let Ok(open) = &mut stream
            {
                let reason = match outcome {
                    Err(Unscanned::Mailbomb) => self.dropped.skip(out, open, left, self.watch, &mut self.buffer),
                    _ => Err(Unscanned::Corrupted),
                };
                if let Err(reason) = reason {
                    stream = Err(reason);
                }
            }
        }
        Ok(())
    }

    /// The key of a folder, if it needs one.
    fn key(
        &mut self,
        out: &mut Out<'_>,
        folder: &Folder,
        stretches: &[Stretch],
        files: &[(Stream, Option<&File>)],
    ) -> Result<Option<Key>, Unscanned> {
        if !folder.is_encrypted() {
            return Ok(None);
        }
        let had_opened = self.keys.has_opened;
        let Self { source, watch, buffer, keys, .. } = self;
        let key = locked::key(source, folder, stretches, files, watch, buffer, keys, out)?;
        if !had_opened {
            out.fact(Fact::Decrypted);
        }
        Ok(Some(key))
    }

    /// The folder once more, up to the damage in steps of one octet: what a step makes is lost when it meets damage.
    fn again(
        &mut self,
        out: &mut Out<'_>,
        (folder, key): (&Folder, Option<Key>),
        stretches: &[Stretch],
        position: u64,
        size: u64,
        packed: u64,
    ) -> Result<(), Unscanned> {
        let Ok(mut stream) = crate::flow::guarded(|| folder.open(self.source, stretches, self.watch, key.as_ref()))
        else {
            return Ok(());
        };
        let given = out.given();
        if skip(&mut stream, position.saturating_add(given), &mut self.buffer) {
            let step = self.buffer.get_mut(..1).unwrap_or(&mut []);
            match out.drain_some(&mut stream, self.watch, step, packed, &mut (size - given)) {
                Err(reason) if reason.is_final() => return Err(reason),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A member begins; its name is UTF-16.
fn begin(out: &mut Out<'_>, file: Option<&File>, size: Option<u64>) -> Result<(), Unscanned> {
    let raw = file.map_or(&[][..], |file| &file.name);
    let units = raw.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    let name: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    let shown = if name.is_empty() { Cow::Borrowed("content") } else { display_name(&name) };
    out.begin_shown(shown, raw, size)?;
    out.sum();
    Ok(())
}

fn crc(octets: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(octets);
    crc.sum()
}

/// Octets of the signature and what stands behind it.
const SIGNATURE: usize = 32;
