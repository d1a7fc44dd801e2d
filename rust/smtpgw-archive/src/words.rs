//! Passwords that are tried on what is encrypted: which, how often, and how much may be read for nothing.
//!
//! The words come from whoever opens the message, and only once something needs them. A try is one word at one lock: a
//! member of a zip, a folder or the header of a 7z, an encryption dictionary of a PDF. Words that have opened something
//! are tried first and cost nothing, so that an archive of a thousand members is one that opens; members are bounded,
//! and time is.

use std::fmt;
use std::sync::Arc;

use crate::limits::{KNOWN_WORDS, WORD};

/// A password.
pub(crate) type Word = Arc<str>;

/// The words of one message, and what they may cost.
pub(crate) struct Words {
    /// Where the words come from, until they are needed.
    origin: Option<Box<dyn FnOnce() -> Vec<String> + Send + Sync>>,
    words: Vec<Word>,
    /// Those that have opened something.
    known: Vec<Word>,
    tries_left: usize,
    /// Octets that may still be read or unpacked only to see whether a word is right.
    octets_left: u64,
}

impl Words {
    pub(crate) fn new(tries: usize, octets: u64) -> Self {
        Self { origin: None, words: Vec::new(), known: Vec::new(), tries_left: tries, octets_left: octets }
    }

    /// From here on these words are tried.
    pub(crate) fn set(&mut self, words: impl FnOnce() -> Vec<String> + Send + Sync + 'static) {
        self.origin = Some(Box::new(words));
        self.words.clear();
    }

    /// All words, in the order in which they are to be tried.
    pub(crate) fn all(&mut self) -> Vec<Word> {
        if self.tries_left == 0 && self.known.is_empty() {
            return Vec::new();
        }
        if let Some(origin) = self.origin.take() {
            let words = origin().into_iter().filter(|word| !word.is_empty() && word.len() <= WORD);
            self.words = words.map(Into::into).collect();
        }
        let others = self.words.iter().filter(|word| !self.known.contains(word));
        self.known.iter().chain(others).cloned().collect()
    }

    /// Counts a try; whether it may be made. When it is late, those that have opened something still may.
    pub(crate) fn may_try(&mut self, word: &Word, is_late: bool) -> bool {
        if self.octets_left == 0 {
            return false;
        }
        if self.known.contains(word) {
            return true;
        }
        let may = self.tries_left > 0 && !is_late;
        self.tries_left = self.tries_left.saturating_sub(1);
        may
    }

    /// So many octets were read to see whether a word is right.
    pub(crate) fn charge(&mut self, octets: u64) {
        self.octets_left = self.octets_left.saturating_sub(octets);
    }

    /// This one was right.
    pub(crate) fn opened_by(&mut self, word: &Word) {
        if !self.known.contains(word) && self.known.len() < KNOWN_WORDS {
            self.known.push(Arc::clone(word));
        }
    }
}

/// Counts only: nobody reads a password in a log.
impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tries_left, octets_left, .. } = self;
        f.debug_struct("Words")
            .field("tries_left", tries_left)
            .field("octets_left", octets_left)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_opened_something_are_first_and_free() {
        let mut words = Words::new(2, 100);
        words.set(|| ["a", "", "b", "c"].map(str::to_owned).into());
        let all = words.all();
        assert_eq!(all.iter().map(|word| &**word).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert!(words.may_try(&all[0], false) && words.may_try(&all[1], false) && !words.may_try(&all[2], false));
        words.opened_by(&all[1]);
        assert!(words.may_try(&all[1], false) && !words.may_try(&all[0], false));
        words.set(|| vec!["a".into(), "b".into()]);
        assert_eq!(words.all().iter().map(|word| &**word).collect::<Vec<_>>(), ["b", "a"]);
        assert!(words.may_try(&all[1], true) && !Words::new(1, 1).may_try(&all[1], true));
        words.charge(101);
        assert!(!words.may_try(&all[1], false), "nothing more is read for nothing");
    }

    #[test]
    fn nobody_is_asked_for_words_that_may_not_be_tried() {
        let mut words = Words::new(0, 100);
        words.set(|| unreachable!("tries are switched off"));
        assert!(words.all().is_empty());
        assert!(!format!("{words:?}").contains("origin"));
    }
}
