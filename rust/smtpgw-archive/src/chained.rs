//! Blocks of AES that are chained (CBC, NIST SP 800-38A), on their way out of a container. That mode is a few lines
//! over the blocks of the `aes` crate.

use std::io::{self, Read};

use aes::Block;
use aes::cipher::BlockCipherDecrypt;
use aes::cipher::common::BlockSizeUser;
use aes::cipher::consts::U16;

/// Octets of chained blocks in clear. What is less than a block at the end is dropped.
pub(crate) struct Chained<R, C> {
    inner: R,
    cipher: C,
    before: [u8; BLOCK],
    clear: [u8; AT_A_TIME * BLOCK],
    held: std::ops::Range<usize>,
}

impl<R: Read, C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>> Chained<R, C> {
    /// `start`: what the first block is chained to.
    pub(crate) fn new(inner: R, cipher: C, start: [u8; BLOCK]) -> Self {
        Self { inner, cipher, before: start, clear: [0; AT_A_TIME * BLOCK], held: 0..0 }
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

impl<R: Read, C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>> Read for Chained<R, C> {
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
pub(crate) const BLOCK: usize = 16;
/// Blocks that are worked on together, which processors are quick at.
const AT_A_TIME: usize = 8;
