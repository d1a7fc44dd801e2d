//! AES (FIPS 197) as zip uses it: the cipher of a counter is added to the octets. That mode is a few lines over the
//! blocks of the `aes` crate.

use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use aes::{Aes128, Aes192, Aes256, Block};

/// The cipher with a key of 128, 192 or 256 bits.
#[derive(Clone)]
enum Cipher {
    Short(Aes128),
    Middle(Aes192),
    Long(Aes256),
}

/// What is added to octets to encrypt them and again to decrypt them: the cipher of a counter that begins at one, whose
/// first octet is its lowest (the AES of `WinZip`).
#[derive(Clone)]
pub(super) struct Counter {
    cipher: Cipher,
    next: u128,
    stream: [Block; AT_A_TIME],
    /// Octets of the stream that are used.
    used: usize,
}

impl Counter {
    /// `None` for a key of a length that there is not.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        let cipher = match key.len() {
            16 => Cipher::Short(Aes128::new_from_slice(key).ok()?),
            24 => Cipher::Middle(Aes192::new_from_slice(key).ok()?),
            32 => Cipher::Long(Aes256::new_from_slice(key).ok()?),
            _ => return None,
        };
        Some(Self { cipher, next: 1, stream: [Block::default(); AT_A_TIME], used: AT_A_TIME * BLOCK })
    }

    pub(super) fn apply(&mut self, octets: &mut [u8]) {
        for octet in octets {
            if self.used == AT_A_TIME * BLOCK {
                for block in &mut self.stream {
                    *block = self.next.to_le_bytes().into();
                    self.next = self.next.wrapping_add(1);
                }
                match &self.cipher {
                    Cipher::Short(cipher) => cipher.encrypt_blocks(&mut self.stream),
                    Cipher::Middle(cipher) => cipher.encrypt_blocks(&mut self.stream),
                    Cipher::Long(cipher) => cipher.encrypt_blocks(&mut self.stream),
                }
                self.used = 0;
            }
            *octet ^= octet_at(&self.stream, self.used);
            self.used += 1;
        }
    }
}

/// An octet of blocks that follow each other.
fn octet_at(blocks: &[Block; AT_A_TIME], at: usize) -> u8 {
    blocks.get(at / BLOCK).and_then(|block| block.get(at % BLOCK)).copied().unwrap_or(0)
}

/// Octets of a block.
const BLOCK: usize = 16;
/// Blocks that are worked on together, which processors are quick at.
const AT_A_TIME: usize = 8;
