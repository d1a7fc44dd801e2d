//! A PDF seen through a window that moves forward, and back by a little.

use std::io::{Read, Seek};

use memchr::memmem;

use super::lexer::{Lexer, Token};
use crate::flow::CHUNK;
use crate::limits::PDF_READS;
use crate::source::Source;
use crate::{Budget, Unscanned};

pub(super) struct View<'s, R> {
    source: &'s Source<R>,
    buffer: Vec<u8>,
    start: u64,
    filled: usize,
    /// Octets that may still be read as objects, or for the end of a stream.
    left: u64,
}

impl<'s, R: Read + Seek> View<'s, R> {
    pub(super) fn new(source: &'s Source<R>) -> Self {
        let left = source.length().saturating_mul(PDF_READS);
        Self { source, buffer: vec![0; CHUNK], start: 0, filled: 0, left }
    }

    pub(super) const fn source(&self) -> &'s Source<R> {
        self.source
    }

    /// The octets from `at` on: [`OVERLAP`] at least, if so many are there.
    pub(super) fn from(&mut self, at: u64) -> Result<&[u8], Unscanned> {
        let is_here = |view: &Self, at: u64| {
            let within = at.checked_sub(view.start).and_then(|within| usize::try_from(within).ok())?;
            let is_last = view.start + view.filled as u64 == view.source.length();
            (within + OVERLAP <= view.filled || (is_last && within <= view.filled)).then_some(within)
        };
        let within = match is_here(self, at) {
            Some(within) => within,
            None => {
                // With what stands before, for whoever looks back.
                self.start = at.saturating_sub(OVERLAP as u64);
                self.filled = self.source.read_at(self.start, &mut self.buffer)?.len();
                usize::try_from(at - self.start).unwrap_or(usize::MAX)
            }
        };
        Ok(self.buffer.get(within..self.filled).unwrap_or_default())
    }

    /// Up to [`OVERLAP`] octets before `at`, of which the view has been.
    pub(super) fn before(&self, at: u64) -> &[u8] {
        let within = usize::try_from(at.saturating_sub(self.start)).unwrap_or(0).min(self.filled);
        self.buffer.get(within.saturating_sub(OVERLAP)..within).unwrap_or_default()
    }

    /// Reads words from `at` on, as far as the view goes, until `take` has had enough: where they end, if there are
    /// any.
    pub(super) fn read(
        &mut self,
        at: u64,
        lexer: &mut Lexer,
        take: impl FnMut(Token<'_>) -> bool,
    ) -> Result<Option<u64>, Unscanned> {
        let octets = self.from(at)?;
        if octets.is_empty() {
            return Ok(None);
        }
        let taken = lexer.push(octets, take) as u64;
        self.spend(taken)?;
        Ok(Some(at + taken))
    }

    /// Reads the words of an object that begins at `at`, until `take` has had enough: where they end.
    pub(super) fn read_object(
        &mut self,
        mut at: u64,
        budget: &Budget,
        mut take: impl FnMut(&Token<'_>) -> bool,
    ) -> Result<u64, Unscanned> {
        let (mut lexer, mut is_over) = (Lexer::default(), false);
        while !is_over {
            budget.tick()?;
            let next = self.read(at, &mut lexer, |token| {
                is_over = take(&token) | token.is_end();
                is_over
            })?;
            match next {
                Some(next) => at = next,
                None => break,
            }
        }
        Ok(at)
    }

    /// So many octets are read that may have been read before.
    pub(super) fn spend(&mut self, octets: u64) -> Result<(), Unscanned> {
        self.left = self.left.saturating_sub(octets);
        // Objects in objects, each of which holds all the others.
        if self.left == 0 { Err(Unscanned::Nested) } else { Ok(()) }
    }

    /// Where `word` stands next, from `at` on. `pass` is told how many octets were looked at.
    pub(super) fn find(
        &mut self,
        word: &[u8],
        at: u64,
        pass: impl FnMut(u64) -> Result<(), Unscanned>,
    ) -> Result<Option<u64>, Unscanned> {
        self.find_by(word.len(), |octets| memmem::find(octets, word), at, pass)
    }

    /// Where something stands next that has so many octets at most.
    pub(super) fn find_by(
        &mut self,
        longest: usize,
        find: impl Fn(&[u8]) -> Option<usize>,
        mut at: u64,
        mut pass: impl FnMut(u64) -> Result<(), Unscanned>,
    ) -> Result<Option<u64>, Unscanned> {
        loop {
            let octets = self.from(at)?;
            if let Some(within) = find(octets) {
                pass(within as u64)?;
                return Ok(Some(at + within as u64));
            }
            let count = octets.len() as u64;
            pass(count)?;
            if at + count >= self.source.length() {
                return Ok(None);
            }
            at += count.saturating_sub(longest as u64).max(1);
        }
    }
}

/// Octets that two views share.
pub(super) const OVERLAP: usize = 64;
