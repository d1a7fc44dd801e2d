//! The encryption of a 7z: AES with a key of 256 bits in chained blocks, and the key, which a word and a salt give after half
//! a million rounds of SHA-256, so that words are dear to try.
//!
//! Nothing in the archive says whether a key is right but the sums of what it unpacks to. The rounds are counted by the
//! budget's clock, and more of them than programs write are refused.

use std::io::{self, Read};

use aes::cipher::{BlockCipherDecrypt as _, KeyInit as _};
use aes::{Aes256, Block};
use sha2::{Digest as _, Sha256};

use crate::limits::{SEVENZIP_CYCLES, SEVENZIP_KEYS};
use crate::words::Word;
use crate::{Budget, Unscanned};

/// A key.
pub(super) type Key = [u8; 32];

/// What a coder says of its encryption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lock {
    /// Rounds, as a power of two.
    cycles: u8,
    salt: Vec<u8>,
    pub(super) start: [u8; BLOCK],
}

impl Lock {
    pub(super) fn read(properties: &[u8]) -> Option<Self> {
        let (&first, rest) = properties.split_first()?;
        let lengths =
            |second: u8| (usize::from((first >> 7) + (second >> 4)), usize::from(((first >> 6) & 1) + (second & 15)));
        let ((salt, start), rest) = match rest.split_first() {
            Some((&second, rest)) if first & 0xc0 != 0 => (lengths(second), rest),
            _ => ((0, 0), rest),
        };
        let (salt, rest) = rest.split_at_checked(salt)?;
        let mut whole = [0; BLOCK];
        whole.get_mut(..start)?.copy_from_slice(rest.get(..start)?);
        Some(Self { cycles: first & 0x3f, salt: salt.to_vec(), start: whole })
    }
}

/// The keys of one archive, each made once.
#[derive(Default)]
pub(super) struct Keys {
    made: Vec<(u8, Vec<u8>, Word, Key)>,
    /// Whether one of them was right.
    pub(super) has_opened: bool,
}

impl Keys {
    pub(super) fn of(&mut self, lock: &Lock, word: &Word, budget: &Budget) -> Result<Key, Unscanned> {
        let known = |(cycles, salt, known, _): &&(u8, Vec<u8>, Word, Key)| {
            *cycles == lock.cycles && *salt == lock.salt && known == word
        };
        if let Some((.., key)) = self.made.iter().find(known) {
            return Ok(*key);
        }
        let key = derive(lock, word, budget)?;
        if self.made.len() < SEVENZIP_KEYS {
            self.made.push((lock.cycles, lock.salt.clone(), word.clone(), key));
        }
        Ok(key)
    }
}

fn derive(lock: &Lock, word: &str, budget: &Budget) -> Result<Key, Unscanned> {
    let mut round = lock.salt.clone();
    round.extend(word.encode_utf16().flat_map(u16::to_le_bytes));
    if lock.cycles == NO_ROUNDS {
        round.resize(32, 0);
        return Ok(round.try_into().unwrap_or_default());
    }
    if lock.cycles > SEVENZIP_CYCLES {
        return Err(Unscanned::Encrypted);
    }
    let fixed = round.len();
    round.resize(fixed + 8, 0);
    let mut sum = Sha256::new();
    for count in 0..1u64 << lock.cycles {
        if count % ROUNDS_AT_A_TIME == 0 {
            budget.tick()?;
        }
        round.get_mut(fixed..).unwrap_or_default().copy_from_slice(&count.to_le_bytes());
        sum.update(&round);
    }
    Ok(sum.finalize().into())
}

/// Octets of chained blocks in clear. What is less than a block at the end is dropped.
pub(super) struct Chained<R> {
    inner: R,
    cipher: Aes256,
    before: [u8; BLOCK],
    clear: [u8; AT_A_TIME * BLOCK],
    held: std::ops::Range<usize>,
}

impl<R: Read> Chained<R> {
    pub(super) fn new(inner: R, key: &Key, start: [u8; BLOCK]) -> Self {
        Self { inner, cipher: Aes256::new(key.into()), before: start, clear: [0; AT_A_TIME * BLOCK], held: 0..0 }
    }

    fn refill(&mut self) -> io::Result<()> {
        let mut packed = [0; AT_A_TIME * BLOCK];
        let mut filled = 0;
        while filled < packed.len() {
            match self.inner.read(packed.get_mut(filled..).unwrap_or_default()) {
                Ok(0) => break,
                Ok(octets) => filled += octets,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let whole = filled / BLOCK;
        let (packed, _) = packed.as_chunks::<BLOCK>();
        let (clear, _) = self.clear.as_chunks_mut::<BLOCK>();
        let mut blocks = [Block::default(); AT_A_TIME];
        blocks.iter_mut().zip(packed).for_each(|(block, packed)| *block = (*packed).into());
        self.cipher.decrypt_blocks(&mut blocks);
        for ((clear, block), packed) in clear.iter_mut().zip(&blocks).zip(packed).take(whole) {
            for ((clear, octet), before) in clear.iter_mut().zip(block).zip(&self.before) {
                *clear = octet ^ before;
            }
            self.before = *packed;
        }
        self.held = 0..whole * BLOCK;
        Ok(())
    }
}

impl<R: Read> Read for Chained<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.held.is_empty() {
            self.refill()?;
        }
        let octets = self.clear.get(self.held.clone()).unwrap_or_default();
        let count = octets.len().min(into.len());
        into[..count].copy_from_slice(&octets[..count]);
        self.held.start += count;
        Ok(count)
    }
}

/// Octets of a block.
const BLOCK: usize = 16;
/// Blocks that are worked on together, which processors are quick at.
const AT_A_TIME: usize = 8;
/// Stands for a key that is the word itself.
const NO_ROUNDS: u8 = 0x3f;
/// Rounds between two looks at the clock.
const ROUNDS_AT_A_TIME: u64 = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties() {
        let lock =
            |properties: &[u8]| Lock::read(properties).map(|lock| (lock.cycles, lock.salt, lock.start[..3].to_vec()));
        assert_eq!(lock(&[19]), Some((19, vec![], vec![0; 3])));
        assert_eq!(lock(&[0x53, 1, 7, 8]), Some((19, vec![], vec![7, 8, 0])));
        assert_eq!(lock(&[0xd3, 0x11, 1, 2, 7, 8]), Some((19, vec![1, 2], vec![7, 8, 0])));
        assert_eq!((lock(&[]), lock(&[0xd3, 0x11, 1]), lock(&[0x53, 15, 7])), (None, None, None));
    }
}
