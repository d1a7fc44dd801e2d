//! Packed octets on their way into a decoder: a stretch of a container behind a buffer, watched.
//!
//! A decoder may eat octets for a long time before one comes out (empty blocks, frames that are skipped), so the clock
//! is looked at on this side as well. Decoders hide errors in their own, so what went wrong here is kept in [`Watch`]
//! and asked first.

use std::cell::Cell;
use std::io::{self, BufRead, Read, Seek};
use std::sync::Arc;
use std::time::Duration;

use crate::Unscanned;
use crate::source::Source;

/// When time is over, and whether octets stopped coming for a reason of ours.
pub(crate) struct Watch {
    now: Arc<dyn Fn() -> Duration + Send + Sync>,
    end: Duration,
    trouble: Cell<Option<Unscanned>>,
}

impl Watch {
    /// `end` is a moment of the clock `now`.
    pub(crate) fn new(now: Arc<dyn Fn() -> Duration + Send + Sync>, end: Duration) -> Self {
        Self { now, end, trouble: Cell::new(None) }
    }

    /// What stopped the octets: the source, or the clock.
    pub(crate) fn trouble(&self) -> Option<Unscanned> {
        self.trouble.get()
    }

    /// Whether there is time left.
    pub(crate) fn check(&self) -> io::Result<()> {
        if (self.now)() > self.end { Err(self.stop(Unscanned::Timeout)) } else { Ok(()) }
    }

    /// Notes why there are no more octets.
    pub(crate) fn stop(&self, reason: Unscanned) -> io::Error {
        self.trouble.set(Some(reason));
        io::Error::other("no more octets of the container")
    }
}

/// A stretch of a container, read from its first octet to its last through a buffer.
pub(crate) struct Packed<'a, R> {
    source: &'a Source<R>,
    /// Where the octets behind the buffer are.
    at: u64,
    end: u64,
    buffer: Box<[u8]>,
    /// The octets of the buffer that are not used yet.
    held: std::ops::Range<usize>,
    watch: &'a Watch,
}

impl<'a, R: Read + Seek> Packed<'a, R> {
    /// The octets from `start` to `end`, or to the end of the container; read so many at a time.
    pub(crate) fn new(source: &'a Source<R>, start: u64, end: u64, watch: &'a Watch, at_a_time: usize) -> Self {
        let end = end.min(source.length());
        Self { source, at: start, end, buffer: vec![0; at_a_time].into(), held: 0..0, watch }
    }

    /// The position in the container of the next octet.
    pub(crate) fn position(&self) -> u64 {
        self.at - self.held.len() as u64
    }

    /// Goes to a position that it has been at before.
    pub(crate) fn return_to(&mut self, position: u64) {
        (self.at, self.held) = (position, 0..0);
    }

    /// Octets that are not used yet.
    pub(crate) fn left(&self) -> u64 {
        self.end.saturating_sub(self.position())
    }

    /// Goes to the end.
    pub(crate) fn skip_all(&mut self) {
        (self.at, self.held) = (self.end, 0..0);
    }

    /// The next octets without using them up: `N`, or fewer where the stretch ends.
    pub(crate) fn peek<const N: usize>(&mut self) -> io::Result<&[u8]> {
        if self.held.len() < N {
            self.buffer.copy_within(self.held.clone(), 0);
            self.held = 0..self.held.len();
            while self.held.len() < N && self.refill()? > 0 {}
        }
        let octets = self.buffer.get(self.held.clone()).unwrap_or(&[]);
        Ok(octets.get(..N).unwrap_or(octets))
    }

    /// Reads behind what is held; 0 at the end.
    fn refill(&mut self) -> io::Result<usize> {
        self.watch.check()?;
        let room = self.buffer.len() - self.held.end;
        let wanted = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX).min(room);
        let free = self.buffer.get_mut(self.held.end..self.held.end + wanted).unwrap_or(&mut []);
        match self.source.read_at(self.at, free) {
            Ok(octets) => {
                let count = octets.len();
                self.at += count as u64;
                self.held.end += count;
                Ok(count)
            }
            Err(reason) => Err(self.watch.stop(reason)),
        }
    }
}

impl<R: Read + Seek> BufRead for Packed<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.held.is_empty() {
            self.held = 0..0;
            self.refill()?;
        }
        Ok(self.buffer.get(self.held.clone()).unwrap_or(&[]))
    }

    fn consume(&mut self, amount: usize) {
        self.held.start = self.held.end.min(self.held.start + amount);
    }
}

impl<R: Read + Seek> Read for Packed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let octets = self.fill_buf()?;
        let count = octets.len().min(buffer.len());
        buffer[..count].copy_from_slice(&octets[..count]);
        self.consume(count);
        Ok(count)
    }
}
