//! A container's octets by position.
//!
//! Short reads are told apart from failures: the end of a container is the container's fault, a failing disk is
//! ours ([`Unscanned::Unreadable`]).

use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, Read, Seek, SeekFrom};

use crate::format::{BEGIN, HEAD, by_beginning};
use crate::{Format, Unscanned, sfx};

/// A container of known length.
///
/// Reading borrows it shared: some packed streams are read several at a time.
pub(crate) struct Source<R> {
    inner: RefCell<R>,
    /// Octets in front of the container, which positions do not count.
    before: u64,
    length: u64,
    /// Where `inner` stands; seeking is left out when it is already there.
    position: Cell<u64>,
}

impl<R: Read + Seek> Source<R> {
    pub(crate) fn new(mut inner: R) -> Result<Self, Unscanned> {
        let length = inner.seek(SeekFrom::End(0)).map_err(|_| Unscanned::Unreadable)?;
        Ok(Self { inner: RefCell::new(inner), before: 0, length, position: Cell::new(length) })
    }

    /// The container that begins behind so many octets.
    pub(crate) fn behind(mut self, before: u64) -> Self {
        (self.before, self.length) = (before.min(self.length), self.length.saturating_sub(before));
        // Of the inner one nothing is known to these positions.
        self.position.set(u64::MAX);
        self
    }

    /// Where containers of a format begin: at the beginning, or wherever they stand behind something else.
    pub(crate) fn places(&self, format: Format) -> Result<Vec<u64>, Unscanned> {
        if !sfx::is_looked_for(format) {
            return Ok(vec![0]);
        }
        let mut begin = [0; BEGIN];
        let begin = self.read_at(0, &mut begin)?;
        if by_beginning(begin).any(|found| found == format) {
            return Ok(vec![0]);
        }
        let mut head = vec![0; usize::try_from(self.length).unwrap_or(HEAD).min(HEAD)];
        let places = sfx::places(self.read_at(0, &mut head)?, format);
        Ok(if places.is_empty() { vec![0] } else { places })
    }

    /// Octets in the container.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Fills `buffer` from position `at` as far as the container goes, and returns the filled part.
    pub(crate) fn read_at<'b>(&self, at: u64, buffer: &'b mut [u8]) -> Result<&'b [u8], Unscanned> {
        let wanted = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = &mut buffer[..wanted];
        if buffer.is_empty() {
            return Ok(buffer);
        }
        let Ok(mut inner) = self.inner.try_borrow_mut() else { return Err(Unscanned::Unreadable) };
        if self.position.get() != at {
            inner.seek(SeekFrom::Start(self.before + at)).map_err(|_| Unscanned::Unreadable)?;
        }
        // Unknown until the reads below are done.
        self.position.set(u64::MAX);
        let mut filled = 0;
        while filled < buffer.len() {
            match inner.read(&mut buffer[filled..]) {
                // Shorter than it was when we measured it.
                Ok(0) => return Err(Unscanned::Unreadable),
                Ok(n) => filled += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Unscanned::Unreadable),
            }
        }
        self.position.set(at + filled as u64);
        Ok(buffer)
    }

    /// Exactly `N` octets from position `at`; `None` where the container ends before.
    pub(crate) fn array_at<const N: usize>(&self, at: u64) -> Result<Option<[u8; N]>, Unscanned> {
        let mut buffer = [0; N];
        let complete = self.read_at(at, &mut buffer)?.len() == N;
        Ok(complete.then_some(buffer))
    }
}

/// The little-endian number of two octets at `at`; 0 beyond the end.
pub(crate) fn le16(octets: &[u8], at: usize) -> u16 {
    octets.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |octets| u16::from_le_bytes(*octets))
}

/// The little-endian number of four octets at `at`; 0 beyond the end.
pub(crate) fn le32(octets: &[u8], at: usize) -> u32 {
    octets.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |octets| u32::from_le_bytes(*octets))
}

/// The little-endian number of eight octets at `at`; 0 beyond the end.
pub(crate) fn le64(octets: &[u8], at: usize) -> u64 {
    octets.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |octets| u64::from_le_bytes(*octets))
}
