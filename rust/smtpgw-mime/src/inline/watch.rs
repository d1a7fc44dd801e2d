//! Says whether it is worth while to look for files within a text.

use alloc::vec::Vec;

use memchr::memmem::Finder;

/// Says whether a text is worth a look: it has one of the words by which such files begin. Takes it in pieces.
#[derive(Debug)]
pub struct InlineWatch {
    finders: [Finder<'static>; 3],
    /// The end of the last piece, in which a word may have begun.
    tail: Vec<u8>,
    found: bool,
}

impl Default for InlineWatch {
    fn default() -> Self {
        let words: [&[u8]; 3] = [b"egin", b"BinHex", b"EGIN"];
        Self { finders: words.map(Finder::new), tail: Vec::new(), found: false }
    }
}

impl InlineWatch {
    /// The next piece.
    pub fn push(&mut self, octets: &[u8]) {
        if self.found {
            return;
        }
        let word = LONGEST - 1;
        self.tail.extend_from_slice(octets.get(..word).unwrap_or(octets));
        self.found = self.finders.iter().any(|f| f.find(&self.tail).is_some() || f.find(octets).is_some());
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

/// Letters of the longest word.
const LONGEST: usize = 6;
