//! The words that a server announces behind a keyword of its EHLO reply: which attributes of XCLIENT and XFORWARD it
//! takes, which mechanisms of AUTH. What we do not know is skipped, so a set holds nothing that a stranger wrote.

use core::fmt;
use core::marker::PhantomData;

/// One of a few known words.
pub trait Word: Copy + PartialEq + 'static {
    /// All of them; 16 at most.
    const ALL: &'static [Self];

    /// As it is written.
    fn as_str(self) -> &'static str;

    /// The word that `text` is, in any case.
    fn known(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|word| text.eq_ignore_ascii_case(word.as_str()))
    }
}

/// A set of them.
pub struct WordSet<W>(u16, PhantomData<W>);

impl<W> WordSet<W> {
    /// The set in which nothing is.
    pub const EMPTY: Self = Self(0, PhantomData);
}

impl<W: Word> WordSet<W> {
    /// Whether `word` is in it.
    pub fn contains(self, word: W) -> bool {
        self.0 & Self::bit(word) != 0
    }

    /// Adds `word`.
    #[must_use]
    pub fn with(self, word: W) -> Self {
        Self(self.0 | Self::bit(word), PhantomData)
    }

    /// What is in both.
    #[must_use]
    pub fn both(self, other: Self) -> Self {
        Self(self.0 & other.0, PhantomData)
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its words, in the order of [`Word::ALL`].
    pub fn words(self) -> impl Iterator<Item = W> {
        W::ALL.iter().copied().filter(move |word| self.contains(*word))
    }

    /// Reads the words of an EHLO reply; unknown ones are skipped.
    pub(crate) fn parse<'a>(words: impl Iterator<Item = &'a [u8]>) -> Self {
        words.filter_map(|word| W::known(core::str::from_utf8(word).ok()?)).fold(Self::default(), Self::with)
    }

    fn bit(word: W) -> u16 {
        W::ALL.iter().position(|known| *known == word).map_or(0, |at| 1 << at)
    }
}

// Derived they would ask for more of `W` than it need have.
impl<W> Clone for WordSet<W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for WordSet<W> {}

impl<W> Default for WordSet<W> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<W> PartialEq for WordSet<W> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<W> Eq for WordSet<W> {}

impl<W: Word> fmt::Debug for WordSet<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.words().map(W::as_str)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xforward::XforwardName;

    #[test]
    fn words_are_known_in_any_case_and_others_skipped() {
        let set: WordSet<XforwardName> = WordSet::parse([&b"name"[..], b"ADDR", b"\xff", b"ADDRESS", b""].into_iter());
        assert_eq!(set, WordSet::default().with(XforwardName::Addr).with(XforwardName::Name));
        assert!(set.contains(XforwardName::Name) && !set.contains(XforwardName::Helo) && !set.is_empty());
        assert_eq!(set.both(WordSet::default().with(XforwardName::Addr)).words().count(), 1);
        assert_eq!(alloc::format!("{set:?}"), r#"{"NAME", "ADDR"}"#);
    }
}
