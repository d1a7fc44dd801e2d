//! What was found, each thing once and in the order in which it was.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::limits::BASES;

/// What may be a URL in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// With a scheme, or with a host at least, as written: blanks and line ends may be within.
    pub candidates: Vec<String>,
    /// Places that relative ones start from, as written. At most [`BASES`] if there are relative ones.
    pub bases: Vec<String>,
    /// Values of attributes that are something only together with a base; none without one.
    pub relative: Vec<String>,
}

/// A text has more candidates than were allowed: not all were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// How many were allowed.
    pub at_most: usize,
}

impl fmt::Display for TooMany {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "more than {} different URLs in one text: not all were looked at", self.at_most)
    }
}

impl core::error::Error for TooMany {}

/// What has been found so far.
pub(crate) struct Finds<'a> {
    found: Found,
    /// Candidates, and what is relative: a text may be both.
    known: [BTreeSet<String>; 2],
    at_most: usize,
    wanted: &'a dyn Fn(&str) -> bool,
}

impl<'a> Finds<'a> {
    pub(crate) fn new(at_most: usize, wanted: &'a dyn Fn(&str) -> bool) -> Self {
        Self { found: Found::default(), known: [const { BTreeSet::new() }; 2], at_most, wanted }
    }

    /// Notes a candidate, if it is wanted.
    pub(crate) fn candidate(&mut self, text: &str) -> Result<(), TooMany> {
        if !(self.wanted)(text) {
            return Ok(());
        }
        let [known, _] = &mut self.known;
        note(text, known, &mut self.found.candidates, self.at_most)
    }

    /// Notes a value that a base makes a URL of.
    pub(crate) fn relative(&mut self, text: &str) -> Result<(), TooMany> {
        let [_, known] = &mut self.known;
        note(text, known, &mut self.found.relative, self.at_most)
    }

    /// Notes a base. More than [`BASES`] of them matter only once there is something relative.
    pub(crate) fn base(&mut self, text: &str) {
        if self.found.bases.len() <= BASES && !self.found.bases.iter().any(|known| known == text) {
            self.found.bases.push(text.to_owned());
        }
    }

    pub(crate) fn has_base(&self) -> bool {
        !self.found.bases.is_empty()
    }

    pub(crate) fn done(self) -> Result<Found, TooMany> {
        if self.found.bases.len() > BASES && !self.found.relative.is_empty() {
            return Err(TooMany { at_most: self.at_most });
        }
        Ok(self.found)
    }
}

fn note(text: &str, known: &mut BTreeSet<String>, found: &mut Vec<String>, at_most: usize) -> Result<(), TooMany> {
    if known.contains(text) {
        return Ok(());
    }
    if found.len() >= at_most {
        return Err(TooMany { at_most });
    }
    known.insert(text.to_owned());
    found.push(text.to_owned());
    Ok(())
}
