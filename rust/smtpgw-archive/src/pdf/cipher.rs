//! The ciphers of PDF's standard security handler (ISO 32000-1 §7.6.2, ISO 32000-2 §7.6.3): RC4, and AES in chained
//! blocks of which the first is the start and the last one is padded.

use std::io::{self, Read};

use aes::cipher::KeyInit as _;
use aes::{Aes128, Aes256};
use rc4::{Rc4, StreamCipher as _};

use crate::chained::{BLOCK, Chained};

/// How a crypt filter encrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// Not at all.
    Identity,
    Rc4,
    Aes128,
    Aes256,
}

/// How one object is encrypted.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Cipher {
    Rc4(Vec<u8>),
    Aes128([u8; 16]),
    Aes256([u8; 32]),
}

impl Cipher {
    /// Whether as many octets are encrypted as blocks have.
    pub(super) const fn has_blocks(&self) -> bool {
        !matches!(self, Self::Rc4(_))
    }

    /// Octets in clear.
    pub(super) fn clear<'p>(&self, mut octets: impl Read + 'p) -> io::Result<Box<dyn Read + 'p>> {
        if let Self::Rc4(key) = self {
            let cipher = Rc4::new_from_slice(key).map_err(|_| io::ErrorKind::InvalidData)?;
            return Ok(Box::new(Clear { octets, cipher }));
        }
        let mut start = [0; BLOCK];
        match octets.read_exact(&mut start) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Box::new(io::empty())),
            outcome => outcome?,
        }
        Ok(match self {
            Self::Aes256(key) => Box::new(Unpadded::new(Chained::new(octets, Aes256::new(key.into()), start))),
            Self::Aes128(key) => Box::new(Unpadded::new(Chained::new(octets, Aes128::new(key.into()), start))),
            Self::Rc4(_) => Box::new(octets),
        })
    }

    /// A string in clear.
    pub(super) fn text(&self, text: &[u8]) -> Vec<u8> {
        let mut clear = Vec::with_capacity(text.len());
        // From memory nothing fails but what is not encrypted so.
        match self.clear(text).and_then(|mut octets| octets.read_to_end(&mut clear)) {
            Ok(_) => clear,
            Err(_) => Vec::new(),
        }
    }
}

/// Octets of RC4 in clear.
struct Clear<R> {
    octets: R,
    cipher: Rc4,
}

impl<R: Read> Read for Clear<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.octets.read(buffer)?;
        self.cipher.apply_keystream(buffer.get_mut(..count).unwrap_or_default());
        Ok(count)
    }
}

/// Blocks without what fills the last one up: as many octets as its last octet says. One that says anything else was
/// cut, and is given whole.
struct Unpadded<R> {
    blocks: R,
    /// The block that is given, and the one behind it.
    held: [Option<[u8; BLOCK]>; 2],
    /// Octets of the first that are given, and that there are.
    given: usize,
    filled: usize,
    has_begun: bool,
}

impl<R: Read> Unpadded<R> {
    fn new(blocks: R) -> Self {
        Self { blocks, held: [None; 2], given: 0, filled: 0, has_begun: false }
    }

    fn block(&mut self) -> io::Result<Option<[u8; BLOCK]>> {
        let mut block = [0; BLOCK];
        match self.blocks.read_exact(&mut block) {
            Ok(()) => Ok(Some(block)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn advance(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.held[1] = self.block()?;
        }
        let next = if self.held[1].is_some() { self.block()? } else { None };
        self.held = [self.held[1], next];
        let padding = self.held[0].map_or(0, |block| usize::from(block[BLOCK - 1]));
        let is_last = next.is_none() && (1..=BLOCK).contains(&padding);
        self.given = 0;
        self.filled = match self.held[0] {
            None => 0,
            Some(_) if is_last => BLOCK - padding,
            Some(_) => BLOCK,
        };
        Ok(())
    }
}

impl<R: Read> Read for Unpadded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut count = 0;
        while count < buffer.len() {
            if self.given == self.filled {
                match self.advance() {
                    // What came before is good; it is told the next time.
                    Err(_) if count > 0 => break,
                    outcome => outcome?,
                }
                if self.filled == 0 {
                    break;
                }
            }
            let ready = self.held[0].as_ref().and_then(|block| block.get(self.given..self.filled)).unwrap_or_default();
            let room = buffer.get_mut(count..).unwrap_or_default();
            let some = ready.len().min(room.len());
            room.iter_mut().zip(ready).for_each(|(to, from)| *to = *from);
            self.given += some;
            count += some;
        }
        Ok(count)
    }
}
