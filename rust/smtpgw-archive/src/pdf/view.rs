//! A PDF seen through a window that moves forward, and back by a little.

use std::io::{Read, Seek};

use memchr::memmem;

use crate::Unscanned;
use crate::flow::CHUNK;
use crate::source::Source;

pub(super) struct View<'s, R> {
    source: &'s Source<R>,
    buffer: Vec<u8>,
    start: u64,
    filled: usize,
    /// The word for encryption has been seen as the key of something.
    pub(super) is_encrypted: bool,
}

impl<'s, R: Read + Seek> View<'s, R> {
    pub(super) fn new(source: &'s Source<R>) -> Self {
        Self { source, buffer: vec![0; CHUNK], start: 0, filled: 0, is_encrypted: false }
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
                self.is_encrypted |= is_encrypted(self.buffer.get(..self.filled).unwrap_or_default());
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

    /// Where `word` stands next, from `at` on.
    pub(super) fn find(
        &mut self,
        word: &[u8],
        mut at: u64,
        mut pass: impl FnMut(u64) -> Result<(), Unscanned>,
    ) -> Result<Option<u64>, Unscanned> {
        loop {
            let octets = self.from(at)?;
            if let Some(within) = memmem::find(octets, word) {
                pass(within as u64)?;
                return Ok(Some(at + within as u64));
            }
            let count = octets.len() as u64;
            pass(count)?;
            if at + count >= self.source.length() {
                return Ok(None);
            }
            at += count.saturating_sub(word.len() as u64).max(1);
        }
    }
}

/// Whether `/Encrypt` is the key of something: of a dictionary, or of where one is.
fn is_encrypted(octets: &[u8]) -> bool {
    memmem::find_iter(octets, KEY).any(|at| {
        let rest = octets.get(at + KEY.len()..).unwrap_or_default().trim_ascii_start();
        rest.first().is_some_and(u8::is_ascii_digit) || rest.starts_with(b"<<")
    })
}

const KEY: &[u8] = b"/Encrypt";

/// Octets that two views share.
pub(super) const OVERLAP: usize = 64;
