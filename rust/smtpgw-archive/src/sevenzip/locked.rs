//! Headers and folders of a 7z that need a password, and the words that are tried on them.
//!
//! A word is taken for right by the sums of what comes out, before anything does: of a header by its own, of a folder
//! by those of its first files, until these have as many octets as the sum, below which a wrong key may fit by chance.
//! The format has nothing that would be a proof against whoever wrote it: he can make an archive that opens with two
//! words to two things. So what a word opens is shown, and is `Encrypted` all the same.

use std::io::{Read, Seek};

use crate::flow::{Out, guarded};
use crate::packed::Watch;
use crate::source::Source;
use crate::{Budget, Unscanned};

use super::folder::{Folder, Stretch};
use super::header::{File, Stream};
use super::key::{Key, Keys};
use super::{crc, whole};

/// The octets of an encrypted header.
pub(super) fn header<R: Read + Seek>(
    source: &Source<R>,
    folder: &Folder,
    stretches: &[Stretch],
    watch: &Watch,
    keys: &mut Keys,
    budget: &mut Budget,
) -> Result<Vec<u8>, Unscanned> {
    let lock = folder.lock()?;
    for word in budget.words.all() {
        if !budget.may_try(&word) {
            break;
        }
        let key = keys.of(&lock, &word, budget)?;
        budget.words.charge(folder.size().max(packed(source, stretches)));
        match whole(source, folder, stretches, watch, Some(&key)) {
            Ok(octets) if folder.crc == Some(crc(&octets)) => {
                budget.words.opened_by(&word);
                keys.has_opened = true;
                return Ok(octets);
            }
            Err(reason) if reason.is_final() => return Err(reason),
            _ => {}
        }
    }
    Err(Unscanned::Encrypted)
}

/// The key of an encrypted folder.
#[allow(clippy::too_many_arguments, reason = "what a folder is unpacked with, and the keys")]
pub(super) fn key<R: Read + Seek>(
    source: &Source<R>,
    folder: &Folder,
    stretches: &[Stretch],
    files: &[(Stream, Option<&File>)],
    watch: &Watch,
    buffer: &mut [u8],
    keys: &mut Keys,
    out: &mut Out<'_>,
) -> Result<Key, Unscanned> {
    let lock = folder.lock()?;
    for word in out.budget.words.all() {
        if !out.budget.may_try(&word) {
            break;
        }
        let key = keys.of(&lock, &word, out.budget)?;
        let packed = packed(source, stretches);
        let Ok(mut stream) = guarded(|| folder.open(source, stretches, watch, Some(&key))) else {
            watch.trouble().map_or(Ok(()), Err)?;
            continue;
        };
        let mut proved: u64 = 0;
        let mut is_right = false;
        for (held, _) in files {
            out.begin_trial();
            let outcome = out.drain_some(&mut stream, watch, buffer, packed, &mut { held.size });
            is_right = outcome.is_ok() && held.crc == Some(out.crc());
            out.end_trial(packed);
            match outcome {
                Err(reason) if reason.is_final() => return Err(reason),
                _ => proved = proved.saturating_add(held.size),
            }
            if !is_right || proved >= SUM {
                break;
            }
        }
        if is_right {
            out.budget.words.opened_by(&word);
            keys.has_opened = true;
            return Ok(key);
        }
    }
    Err(Unscanned::Encrypted)
}

/// Octets of packed streams.
pub(super) fn packed<R: Read + Seek>(source: &Source<R>, stretches: &[Stretch]) -> u64 {
    stretches.iter().fold(0u64, |sum, (start, end)| sum.saturating_add(end - start)).min(source.length())
}

/// Octets of a sum.
const SUM: u64 = 4;
