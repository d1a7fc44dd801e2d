//! The key of a PDF that is encrypted by the standard security handler, from its dictionary and a word: of revisions 2
//! to 4 by MD5 and RC4 (ISO 32000-1 §7.6.3), of 5 and 6 by SHA-2 and AES (ISO 32000-2 §7.6.4).
//!
//! What the dictionary holds for the user tells whether a word is right: of the first three 16 octets at least, which
//! nobody can make fit two keys. Of the last two it says nothing of the key itself, and the owner's word may give
//! another one than the user's does; there the word is tried as both.

use std::io::Read as _;

use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use aes::{Aes128, Aes256, Block};
use md5::{Digest as _, Md5};
use rc4::{Rc4, StreamCipher as _};
use sha2::{Sha256, Sha384, Sha512};

use super::Id;
use super::cipher::{Cipher, Method};
use super::lock::{Lock, Name};
use crate::chained::{BLOCK, Chained};

/// A dictionary that a word has opened.
pub(super) struct Key {
    octets: Vec<u8>,
    lock: Lock,
}

impl Key {
    /// The keys of `lock`, if this word opens it under one of the identifiers of the file. As the owner's it may give
    /// another one than as the user's, and programs differ in which they try first.
    pub(super) fn all(lock: &Lock, word: &str, ids: &[Vec<u8>]) -> Vec<Self> {
        let keys = match lock.revision {
            2..=4 => {
                let sizes = [lock.bits / 8, lock.bits, 16, 5].into_iter().filter(|size| (5..=16).contains(size));
                let mut sizes: Vec<_> = sizes.filter_map(|size| usize::try_from(size).ok()).collect();
                sizes.dedup();
                let none: &[u8] = &[];
                let ids = ids.iter().map(Vec::as_slice).chain([none]);
                let word = padded(word);
                ids.flat_map(|id| sizes.iter().map(move |size| (id, *size)))
                    .find_map(|(id, size)| by_md5(lock, &word, id, if lock.revision == 2 { 5 } else { size }))
                    .into_iter()
                    .collect()
            }
            5 | 6 => {
                let word = word.as_bytes().get(..WORD).unwrap_or(word.as_bytes());
                let user = lock.user.get(..48).unwrap_or_default();
                let mut keys = Vec::new();
                keys.extend(by_sha2(lock.revision, word, &lock.user, &lock.user_key, b""));
                keys.extend(by_sha2(lock.revision, word, &lock.owner, &lock.owner_key, user));
                keys.dedup();
                keys
            }
            _ => Vec::new(),
        };
        keys.into_iter().map(|octets| Self { octets, lock: lock.clone() }).collect()
    }

    pub(super) const fn lock(&self) -> &Lock {
        &self.lock
    }

    /// Whether no other word gives another key.
    pub(super) const fn is_proven(&self) -> bool {
        self.lock.revision < 5
    }

    /// How an object may be encrypted by the crypt filter of a name. Nothing for one that is not.
    pub(super) fn ciphers(&self, filter: Name<'_>, id: Id) -> impl Iterator<Item = Cipher> {
        self.lock.methods(filter).into_iter().filter_map(move |method| self.cipher(method, id))
    }

    fn cipher(&self, method: Method, id: Id) -> Option<Cipher> {
        let own = |salt: &[u8]| {
            let number = id.number.to_le_bytes();
            let generation = id.generation.to_le_bytes();
            let mut sum = Md5::new_with_prefix(&self.octets);
            sum.update(&number[..3]);
            sum.update(&generation[..2]);
            sum.update(salt);
            let sum: [u8; 16] = sum.finalize().into();
            sum
        };
        let size = (self.octets.len() + 5).min(16);
        match method {
            Method::Identity => None,
            Method::Rc4 => own(b"").get(..size).map(|key| Cipher::Rc4(key.to_vec())),
            Method::Aes128 => (size == 16).then(|| Cipher::Aes128(own(b"sAlT"))),
            Method::Aes256 => self.octets.as_slice().try_into().ok().map(Cipher::Aes256),
        }
    }
}

/// A word of 32 octets, the rest of which is always the same. Letters are those of Latin-1, where they can be.
fn padded(word: &str) -> Vec<u8> {
    let latin: Option<Vec<u8>> = word.chars().map(|letter| u8::try_from(letter).ok()).collect();
    let mut octets = latin.unwrap_or_else(|| word.as_bytes().to_vec());
    octets.extend(PADDING);
    octets.truncate(PADDING.len());
    octets
}

/// Algorithms 2 and 6 of ISO 32000-1.
fn by_md5(lock: &Lock, word: &[u8], id: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut sum = Md5::new_with_prefix(word);
    sum.update(lock.owner.get(..32).unwrap_or(&lock.owner));
    sum.update(lock.permissions.to_le_bytes());
    sum.update(id);
    if lock.revision >= 4 && lock.has_clear_metadata {
        sum.update([0xff; 4]);
    }
    let mut key: [u8; 16] = sum.finalize().into();
    if lock.revision == 2 {
        let mut user = PADDING;
        rc4(key.get(..size)?, 0, &mut user)?;
        return (lock.user.get(..32) == Some(&user)).then(|| key[..size].to_vec());
    }
    for _ in 0..50 {
        key = Md5::digest(key.get(..size)?).into();
    }
    let key = key.get(..size)?;
    let mut user: [u8; 16] = Md5::new_with_prefix(PADDING).chain_update(id).finalize().into();
    for round in 0..20 {
        rc4(key, round, &mut user)?;
    }
    (lock.user.get(..16) == Some(&user)).then(|| key.to_vec())
}

/// Applies the cipher whose key is mixed with an octet.
fn rc4(key: &[u8], mixed: u8, octets: &mut [u8]) -> Option<()> {
    let key: Vec<u8> = key.iter().map(|octet| octet ^ mixed).collect();
    Rc4::new_from_slice(&key).ok()?.apply_keystream(octets);
    Some(())
}

/// Algorithms 2.A, 11 and 12 of ISO 32000-2. What is `held` for the user or the owner: 32 octets of a sum, and two
/// salts of eight. `more`: what is summed up besides, which for the owner is what is held for the user.
fn by_sha2(revision: u64, word: &[u8], held: &[u8], locked: &[u8], more: &[u8]) -> Option<Vec<u8>> {
    let (sum, salts) = held.get(..48)?.split_at(32);
    let (salt, key_salt) = salts.split_at(8);
    let hash = |salt: &[u8]| {
        let first: [u8; 32] = Sha256::new_with_prefix(word).chain_update(salt).chain_update(more).finalize().into();
        if revision == 5 { Some(first) } else { hardened(word, first, more) }
    };
    if hash(salt)? != sum {
        return None;
    }
    let cipher = Aes256::new(&hash(key_salt)?.into());
    let mut key = vec![0; 32];
    Chained::new(locked.get(..32)?, cipher, [0; BLOCK]).read_exact(&mut key).ok()?;
    Some(key)
}

/// Algorithm 2.B of ISO 32000-2. It ends after 287 rounds at the latest: an octet is at most 255.
fn hardened(word: &[u8], first: [u8; 32], more: &[u8]) -> Option<[u8; 32]> {
    let mut sum = first.to_vec();
    let (mut round, mut last) = (0_u32, 0);
    while round < 64 || last + 32 > round {
        let (key, rest) = sum.split_first_chunk::<16>()?;
        let mut before = *rest.first_chunk::<BLOCK>()?;
        let cipher = Aes128::new(key.into());
        let mut octets = [word, &sum, more].concat().repeat(64);
        for block in octets.as_chunks_mut::<BLOCK>().0 {
            block.iter_mut().zip(before).for_each(|(octet, before)| *octet ^= before);
            let mut encrypted = Block::from(*block);
            cipher.encrypt_block(&mut encrypted);
            *block = encrypted.into();
            before = *block;
        }
        let number: u32 = octets.iter().take(16).map(|octet| u32::from(*octet)).sum();
        sum = match number % 3 {
            0 => Sha256::digest(&octets).to_vec(),
            1 => Sha384::digest(&octets).to_vec(),
            _ => Sha512::digest(&octets).to_vec(),
        };
        last = octets.last().copied().map_or(0, u32::from);
        round += 1;
    }
    sum.first_chunk().copied()
}

/// Octets of a word that count, from revision 5 on.
const WORD: usize = 127;
/// What fills words up.
const PADDING: [u8; 32] = *b"\x28\xbf\x4e\x5e\x4e\x75\x8a\x41\x64\x00\x4e\x56\xff\xfa\x01\x08\
    \x2e\x2e\x00\xb6\xd0\x68\x3e\x80\x2f\x0c\xa9\xfe\x64\x53\x69\x7a";
