//! Says whether it is worth while to look for files within a text.

use alloc::vec::Vec;

use memchr::memmem;

/// Says whether a text is worth a look: it has one of the words by which such files begin. Takes it in pieces.
#[derive(Debug, Default)]
pub struct InlineWatch {
    /// The end of the last piece, in which a word may have begun.
    tail: Vec<u8>,
    found: bool,
}

impl InlineWatch {
    /// The next piece.
    pub fn push(&mut self, octets: &[u8]) {
        if self.found {
            return;
        }
        let word = LONGEST - 1;
        self.tail.extend_from_slice(octets.get(..word).unwrap_or(octets));
        let is_in = |octets: &[u8]| WORDS.iter().any(|word| memmem::find(octets, word).is_some());
        self.found = is_in(&self.tail) || is_in(octets);
        if octets.len() >= word {
            self.tail.clear();
            self.tail.extend_from_slice(octets.get(octets.len() - word..).unwrap_or_default());
        } else {
            self.tail.drain(..self.tail.len().saturating_sub(word));
        }
    }

    /// Whether it was found.
    pub fn found(&self) -> bool {
        self.found
    }
}

const WORDS: [&[u8]; 3] = [b"egin", b"BinHex", b"EGIN"];

/// Letters of the longest word.
const LONGEST: usize = 6;
