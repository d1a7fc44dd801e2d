//! The two ways in which members of a zip are encrypted, and the octets behind them in clear: the traditional one
//! (APPNOTE §6.1), and AES as `WinZip` has described it (APPNOTE §7.2: AE-1, AE-2).

use std::io::{self, Read, Seek, SeekFrom};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use super::counter::Counter;
use crate::source::Source;

/// A cipher somewhere in its stream.
#[derive(Clone)]
pub(super) enum Cipher {
    Traditional(Keys),
    Aes(Box<Counter>),
}

/// The state of the traditional cipher.
#[derive(Clone, Copy)]
pub(super) struct Keys([u32; 3]);

impl Keys {
    pub(super) fn new(password: &[u8]) -> Self {
        let mut keys = Self([0x1234_5678, 0x2345_6789, 0x3456_7890]);
        password.iter().for_each(|&octet| keys.update(octet));
        keys
    }

    fn update(&mut self, octet: u8) {
        let [first, second, third] = &mut self.0;
        *first = crc_step(*first, octet);
        *second = second.wrapping_add(*first & 0xff).wrapping_mul(0x0808_8405).wrapping_add(1);
        *third = crc_step(*third, (*second >> 24) as u8);
    }

    pub(super) fn apply(&mut self, octets: &mut [u8]) {
        for octet in octets {
            let mix = self.0[2] & 0xffff | 2;
            *octet ^= (mix.wrapping_mul(mix ^ 1) >> 8) as u8;
            self.update(*octet);
        }
    }
}

/// One step of the sum that zips use, without what is done at its beginning and end.
const fn crc_step(sum: u32, octet: u8) -> u32 {
    CRC_TABLE[((sum ^ octet as u32) & 0xff) as usize] ^ (sum >> 8)
}

static CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut sum = index as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { 0xedb8_8320 ^ (sum >> 1) } else { sum >> 1 };
            bit += 1;
        }
        table[index] = sum;
        index += 1;
    }
    table
};

/// What the keys of AES are made of: a word and the salt of the member.
pub(super) struct Derivation<'a> {
    word: Hmac<Sha1>,
    salt: &'a [u8],
}

impl<'a> Derivation<'a> {
    pub(super) fn new(word: &[u8], salt: &'a [u8]) -> Option<Self> {
        Some(Self { word: Hmac::new_from_slice(word).ok()?, salt })
    }

    /// The stretch of `out.len()` octets from `start` on of what PBKDF2 makes (RFC 8018 §5.2), and of its blocks only
    /// those that are needed: two octets tell most wrong words apart, at a quarter of the price.
    pub(super) fn stretch(&self, start: usize, out: &mut [u8]) {
        let mut made = None;
        for (at, octet) in (start..).zip(out) {
            let index = at / SHA1;
            if made.is_none_or(|(block, _)| block != index) {
                made = Some((index, self.block(index)));
            }
            *octet = made.and_then(|(_, block)| block.get(at % SHA1).copied()).unwrap_or(0);
        }
    }

    fn block(&self, index: usize) -> [u8; SHA1] {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX).to_be_bytes();
        let mut last: [u8; SHA1] =
            self.word.clone().chain_update(self.salt).chain_update(number).finalize().into_bytes().into();
        let mut sum = last;
        for _ in 1..ROUNDS {
            last = self.word.clone().chain_update(last).finalize().into_bytes().into();
            sum.iter_mut().zip(last).for_each(|(sum, octet)| *sum ^= octet);
        }
        sum
    }
}

/// A member's packed octets in clear, as if they were a container of their own.
pub(super) struct Clear<'s, R> {
    source: &'s Source<R>,
    start: u64,
    length: u64,
    first: Cipher,
    cipher: Cipher,
    /// Octets that the cipher has gone through.
    done: u64,
    at: u64,
}

impl<'s, R: Read + Seek> Clear<'s, R> {
    pub(super) fn new(source: &'s Source<R>, start: u64, length: u64, cipher: Cipher) -> Self {
        Self { source, start, length, first: cipher.clone(), cipher, done: 0, at: 0 }
    }

    fn some(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(self.done)).unwrap_or(usize::MAX);
        let wanted = into.len().min(left);
        let octets = into.get_mut(..wanted).unwrap_or(&mut []);
        let count = self.source.read_at(self.start + self.done, octets).map_err(io::Error::other)?.len();
        let octets = octets.get_mut(..count).unwrap_or(&mut []);
        match &mut self.cipher {
            Cipher::Traditional(keys) => keys.apply(octets),
            Cipher::Aes(counter) => counter.apply(octets),
        }
        self.done += count as u64;
        Ok(count)
    }
}

impl<R: Read + Seek> Read for Clear<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at < self.done {
            // A stream has no middle: from its beginning again. Decoders go back once, to the beginning.
            (self.cipher, self.done) = (self.first.clone(), 0);
        }
        let mut skipped = [0; 4096];
        while self.done < self.at {
            let wanted = usize::try_from(self.at - self.done).unwrap_or(usize::MAX).min(skipped.len());
            if self.some(skipped.get_mut(..wanted).unwrap_or(&mut []))? == 0 {
                return Ok(0);
            }
        }
        let count = self.some(into)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl<R: Read + Seek> Seek for Clear<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// Octets of a SHA-1.
const SHA1: usize = 20;
/// Rounds of PBKDF2, the same in every zip.
const ROUNDS: usize = 1000;
