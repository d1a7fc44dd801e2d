//! The encryption of a 7z: AES with a key of 256 bits in chained blocks, and the key, which a word and a salt give
//! after half a million rounds of SHA-256, so that words are dear to try.
//!
//! Nothing in the archive says whether a key is right but the sums of what it unpacks to. The rounds are counted by the
//! budget's clock, and more of them than programs write are refused.

use sha2::{Digest as _, Sha256};

use crate::chained::BLOCK;
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
