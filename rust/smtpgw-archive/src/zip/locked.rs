//! Members that need a password, and the words that are tried on them.
//!
//! A word is right only if that is seen before anything comes out: of AES by the code over the encrypted octets, of the
//! traditional cipher by the sum of the whole member, which is unpacked once for that and dropped. A sum is no proof
//! against whoever wrote the member: he can make one that opens with two words, to noise with that which we find and to
//! something else with that which the reader is told. So what only a sum vouches for is shown, and is `Encrypted` all
//! the same. The check that stands in front of the data (one octet, or two for AES) only saves work: of 256 wrong words
//! one passes it, or all of them if whoever wrote the member wants so. What is read for nothing is therefore bounded as
//! what comes out is.

use std::io::{Read, Seek};
use std::rc::Rc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use super::counter::Counter;
use crate::source::{Source, le32};
use crate::{Fact, Unscanned};

use super::cipher::{Cipher, Clear, Derivation, Keys};
use super::data::{CHUNK, Expected, Unpacker};
use super::header::{Aes, DESCRIPTOR_MARK, Header};

/// Where the octets of a locked member are, and what is known of them.
struct Place {
    start: u64,
    packed: u64,
    unpacked: u64,
    crc: u32,
}

impl<R: Read + Seek> Unpacker<'_, R> {
    /// Unpacks a locked member, if one of the words opens it.
    pub(super) fn locked(
        &mut self,
        header: &Header,
        start: u64,
        expected: &Expected,
        used: &mut Option<u64>,
    ) -> Result<(), Unscanned> {
        let words = self.out.budget.words.all();
        if words.is_empty() {
            return Err(Unscanned::Encrypted);
        }
        let source = Rc::clone(&self.source);
        let place = self.place(&source, start, expected)?;
        for word in words {
            self.out.budget.tick()?;
            if !self.out.budget.may_try(&word) {
                break;
            }
            let opened = match header.aes {
                Some(aes) if header.method == 99 => self.try_aes(&source, &place, aes, word.as_bytes())?,
                _ => self.try_traditional(&source, &place, header, word.as_bytes())?,
            };
            let Some((clear, expected)) = opened else { continue };
            // Where there is nothing, every word is as good as another.
            if place.unpacked > 0 {
                self.out.budget.words.opened_by(&word);
                if !std::mem::replace(&mut self.is_decrypted, true) {
                    self.out.fact(Fact::Decrypted);
                }
            }
            let outcome = self.by_method(&clear, header, 0, &expected, &mut None);
            *used = Some(place.packed);
            outcome?;
            return match header.aes {
                _ if !self.is_sound(&expected) => Err(Unscanned::PartiallyCorrupted),
                None if place.unpacked > 0 => Err(Unscanned::Encrypted),
                _ => Ok(()),
            };
        }
        Err(Unscanned::Encrypted)
    }

    /// Where nothing in front of the data tells how long it is, what stands behind it does.
    fn place(&mut self, source: &Source<R>, start: u64, expected: &Expected) -> Result<Place, Unscanned> {
        let packed = match expected.sizes {
            Some((packed, _)) => packed,
            None => self.stored_length(start)?,
        };
        let mut buffer = [0; 16];
        let descriptor = source.read_at(start.saturating_add(packed), &mut buffer)?;
        let descriptor = descriptor.strip_prefix(DESCRIPTOR_MARK).unwrap_or(descriptor);
        let unpacked = expected.sizes.map_or(u64::from(le32(descriptor, 8)), |(_, unpacked)| unpacked);
        Ok(Place { start, packed, unpacked, crc: expected.crc.unwrap_or(le32(descriptor, 0)) })
    }

    /// The member in clear, if the word is right.
    fn try_traditional<'s>(
        &mut self,
        source: &'s Source<R>,
        place: &Place,
        header: &Header,
        word: &[u8],
    ) -> Result<Option<Opened<'s, R>>, Unscanned> {
        let Some(mut front) = source.array_at::<FRONT>(place.start)? else { return Ok(None) };
        let Some(length) = place.packed.checked_sub(FRONT as u64) else { return Ok(None) };
        let mut keys = Keys::new(word);
        keys.apply(&mut front);
        // Of the sum or, where that is not known beforehand, of the time. Programs do either.
        let checks = [place.crc.to_be_bytes()[0], header.time.to_be_bytes()[0]];
        if !checks.contains(&front[FRONT - 1]) {
            return Ok(None);
        }
        let clear = || Source::new(Clear::new(source, place.start + FRONT as u64, length, Cipher::Traditional(keys)));
        let expected = Expected { crc: Some(place.crc), sizes: Some((length, place.unpacked)) };
        self.out.begin_trial();
        let outcome = self.by_method(&clear()?, header, 0, &expected, &mut None);
        let is_right = outcome.is_ok() && self.is_sound(&expected);
        self.out.end_trial(length);
        match outcome {
            Err(reason) if reason.is_final() => Err(reason),
            _ if is_right => Ok(Some((clear()?, expected))),
            _ => Ok(None),
        }
    }

    /// The member in clear, if the word is right.
    fn try_aes<'s>(
        &mut self,
        source: &'s Source<R>,
        place: &Place,
        aes: Aes,
        word: &[u8],
    ) -> Result<Option<Opened<'s, R>>, Unscanned> {
        let Some(octets) = aes.key_octets() else { return Err(Unscanned::Unhandled) };
        let salt = octets / 2;
        let mut front = [0; 16 + CHECK];
        let front = source.read_at(place.start, front.get_mut(..salt + CHECK).unwrap_or(&mut []))?;
        let Some((salt, check)) = front.split_at_checked(salt) else { return Ok(None) };
        let Some(length) = place.packed.checked_sub((front.len() + CODE) as u64) else { return Ok(None) };
        let Some(derivation) = Derivation::new(word, salt) else { return Ok(None) };
        let mut made = [0; CHECK];
        derivation.stretch(2 * octets, &mut made);
        if made != check {
            return Ok(None);
        }
        let mut keys = [0; 64];
        let keys = keys.get_mut(..2 * octets).unwrap_or(&mut []);
        derivation.stretch(0, keys);
        let (cipher, code) = keys.split_at(octets);
        let start = place.start + front.len() as u64;
        if !self.has_code(source, start, length, code)? {
            return Ok(None);
        }
        let Some(cipher) = Counter::new(cipher) else { return Ok(None) };
        let clear = Source::new(Clear::new(source, start, length, Cipher::Aes(Box::new(cipher))))?;
        // The second version of the format has no sum: it would tell what is in a short member.
        let crc = (aes.version == 1).then_some(place.crc);
        Ok(Some((clear, Expected { crc, sizes: Some((length, place.unpacked)) })))
    }

    /// Whether the code behind the encrypted octets is theirs.
    fn has_code(&mut self, source: &Source<R>, start: u64, length: u64, key: &[u8]) -> Result<bool, Unscanned> {
        let Ok(mut code) = Hmac::<Sha1>::new_from_slice(key) else { return Ok(false) };
        let end = start.saturating_add(length);
        let Some(said) = source.array_at::<CODE>(end)? else { return Ok(false) };
        let mut buffer = vec![0; CHUNK];
        let mut at = start;
        self.out.budget.words.charge(length);
        while at < end {
            self.out.budget.tick()?;
            let wanted = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
            let octets = source.read_at(at, buffer.get_mut(..wanted).unwrap_or(&mut []))?;
            code.update(octets);
            at += octets.len() as u64;
        }
        Ok(code.verify_truncated_left(&said).is_ok())
    }

    /// Whether what has come out of the open member is what was promised.
    fn is_sound(&self, expected: &Expected) -> bool {
        expected.sizes.is_none_or(|(_, unpacked)| unpacked == self.out.given())
            && expected.crc.is_none_or(|crc| crc == self.out.crc())
    }
}

/// A member in clear, and what is to come out of it.
type Opened<'s, R> = (Source<Clear<'s, R>>, Expected);

/// Octets in front of what the traditional cipher has encrypted; the last of them is a check.
const FRONT: usize = 12;
/// Octets by which a wrong word for AES is known.
const CHECK: usize = 2;
/// Octets of the code behind what AES has encrypted.
const CODE: usize = 10;
