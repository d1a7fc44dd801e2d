//! What one message has used of its limits so far.
//!
//! Counted while octets come out, never from what a container declares. Time is counted only between
//! [`Budget::open`] and [`Budget::close`]: a message arrives as slowly as its sender likes, and the sender's time
//! must not use up ours.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::limits::{RATIO_FLOOR, WORDS_SHARE};
use crate::packed::Watch;
use crate::words::{Word, Words};
use crate::{Limits, Unscanned};

/// The limits of one message and what is used of them, shared by all its containers.
pub struct Budget {
    limits: Limits,
    now: Arc<dyn Fn() -> Duration + Send + Sync>,
    depth: usize,
    unpacked: u64,
    members: usize,
    /// How many members and octets there may be in all, whatever the limits say.
    allowed: (usize, u64),
    spent: Duration,
    /// What is tried on encrypted ones.
    pub(crate) words: Words,
    /// When the container that is open now was opened, and how much had been unpacked by then.
    opened: (Duration, u64),
}

impl Budget {
    /// A fresh budget. `now` is a monotonic clock: the time since any fixed moment.
    pub fn new(limits: Limits, now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        let opened = (now(), 0);
        let words = Words::new(limits.password_tries, limits.total);
        Self {
            limits,
            words,
            now: Arc::new(now),
            depth: 0,
            unpacked: 0,
            members: 0,
            allowed: (usize::MAX, u64::MAX),
            spent: Duration::ZERO,
            opened,
        }
    }

    /// The next container lies in so many others; 0 for one that is a part of the message itself.
    pub fn set_depth(&mut self, containers: usize) {
        self.depth = containers;
    }

    /// From here on no more than so many further members and octets may come out, if that is less than the limits
    /// allow: what else the message consists of counts as well.
    pub fn allow(&mut self, members: usize, octets: u64) {
        self.allowed = (self.members.saturating_add(members), self.unpacked.saturating_add(octets));
    }

    /// What is encrypted from here on is tried with these words, in their order. They are asked for when something
    /// needs them, if anything does.
    pub fn set_words(&mut self, words: impl FnOnce() -> Vec<String> + Send + Sync + 'static) {
        self.words.set(words);
    }

    /// Octets that have come out so far.
    pub fn unpacked(&self) -> u64 {
        self.unpacked
    }

    /// Members seen so far.
    pub fn members(&self) -> usize {
        self.members
    }

    /// Time spent in containers that have been closed.
    pub fn spent(&self) -> Duration {
        self.spent
    }

    /// The limits it was made with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A container begins.
    pub(crate) fn open(&mut self) -> Result<(), Unscanned> {
        if self.depth >= self.limits.depth {
            return Err(Unscanned::Nested);
        }
        self.opened = ((self.now)(), self.unpacked);
        self.tick()
    }

    /// The container ends.
    pub(crate) fn close(&mut self) {
        self.spent += (self.now)().saturating_sub(self.opened.0);
    }

    /// To be called at least once for each step of bounded work.
    pub(crate) fn tick(&self) -> Result<(), Unscanned> {
        if self.spent_now() > self.limits.duration { Err(Unscanned::Timeout) } else { Ok(()) }
    }

    fn spent_now(&self) -> Duration {
        self.spent + (self.now)().saturating_sub(self.opened.0)
    }

    /// Counts a try; whether it may be made.
    pub(crate) fn may_try(&mut self, word: &Word) -> bool {
        let is_late = self.spent_now() > self.limits.duration / WORDS_SHARE;
        self.words.may_try(word, is_late)
    }

    /// Ends with the time of the container that is open, for those who see octets before they come out.
    pub(crate) fn watch(&self) -> Watch {
        Watch::new(Arc::clone(&self.now), self.opened.0 + self.limits.duration.saturating_sub(self.spent))
    }

    /// Whether so many more members would be too many. Asked before anything is done for each of them.
    pub(crate) fn exceeds_members(&self, more: usize) -> bool {
        more > self.members_left()
    }

    /// How many more members there may be.
    pub(crate) fn members_left(&self) -> usize {
        self.limits.members.min(self.allowed.0).saturating_sub(self.members)
    }

    /// One more member.
    pub(crate) fn begin_member(&mut self) -> Result<(), Unscanned> {
        self.tick()?;
        if self.exceeds_members(1) {
            return Err(Unscanned::FilesLimit);
        }
        self.members += 1;
        Ok(())
    }

    /// Whether no octet may come out any more.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.unpacked >= self.total()
    }

    /// `more` octets have come out of a member that had given `given` before, from `packed` octets of its own in
    /// a container of `container` octets. Returns how many of them are within the limits; fewer than `more` means
    /// that the member is over.
    pub(crate) fn take(&mut self, more: usize, given: u64, packed: u64, container: u64) -> usize {
        let room = [
            self.total().saturating_sub(self.unpacked),
            self.limits.member.saturating_sub(given),
            self.allowance(packed).saturating_sub(given),
            // Members may overlap, so the container as a whole has a ratio, too.
            self.allowance(container).saturating_sub(self.unpacked - self.opened.1),
        ];
        let room = room.into_iter().min().unwrap_or(0);
        let taken = usize::try_from(room).unwrap_or(usize::MAX).min(more);
        self.unpacked = self.unpacked.saturating_add(taken as u64);
        taken
    }

    /// So many octets came out for nobody, to see whether a word is right, of so many packed ones.
    pub(crate) fn take_back(&mut self, octets: u64, packed: u64) {
        self.unpacked = self.unpacked.saturating_sub(octets);
        self.words.charge(octets.max(packed));
    }

    fn total(&self) -> u64 {
        self.limits.total.min(self.allowed.1)
    }

    fn allowance(&self, packed: u64) -> u64 {
        packed.saturating_mul(self.limits.ratio).max(RATIO_FLOOR)
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("limits", &self.limits)
            .field("depth", &self.depth)
            .field("unpacked", &self.unpacked)
            .field("members", &self.members)
            .field("spent", &self.spent)
            .field("words", &self.words)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests say so by failing

    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn clock() -> (Arc<AtomicU64>, impl Fn() -> Duration + Send + Sync + 'static) {
        let seconds = Arc::new(AtomicU64::new(0));
        let read = Arc::clone(&seconds);
        (seconds, move || Duration::from_secs(read.load(Ordering::Relaxed)))
    }

    #[test]
    fn time_between_containers_is_free() {
        let (clock, now) = clock();
        let mut budget = Budget::new(Limits { duration: Duration::from_secs(5), ..Limits::default() }, now);
        clock.store(100, Ordering::Relaxed);
        budget.open().unwrap();
        clock.store(104, Ordering::Relaxed);
        assert_eq!(budget.tick(), Ok(()));
        budget.close();
        clock.store(1000, Ordering::Relaxed);
        budget.open().unwrap();
        clock.store(1001, Ordering::Relaxed);
        assert_eq!(budget.tick(), Ok(()));
        clock.store(1002, Ordering::Relaxed);
        assert_eq!(budget.tick(), Err(Unscanned::Timeout));
        budget.close();
        assert_eq!(budget.open(), Err(Unscanned::Timeout));
    }

    #[test]
    fn each_limit_cuts_exactly() {
        let limits = Limits { total: 5 << 20, member: 4 << 20, ratio: 2, ..Limits::default() };
        let mib = 1 << 20;
        let mut budget = Budget::new(limits, || Duration::ZERO);
        budget.open().unwrap();
        // The floor: a member of one packed octet gives a mebioctet before its ratio counts.
        assert_eq!(budget.take(3 * mib, 0, 1, u64::MAX), mib);
        // The ratio: two mebioctets packed give four at most.
        assert_eq!(budget.take(8 * mib, 3 << 20, 2 << 20, u64::MAX), mib);
        // The member.
        assert_eq!(budget.take(8 * mib, 3 << 20, u64::MAX, u64::MAX), mib);
        // The container: three are out, its ratio allows three and a half.
        assert_eq!(budget.take(mib, 0, u64::MAX, (7 << 20) / 4), mib / 2);
        // The total.
        assert_eq!(budget.take(8 * mib, 0, u64::MAX, u64::MAX), 3 * mib / 2);
        assert!(budget.is_exhausted());
        assert_eq!(budget.take(1, 0, u64::MAX, u64::MAX), 0);
    }

    #[test]
    fn depth_and_members_are_counted() {
        let mut budget = Budget::new(Limits { depth: 2, members: 3, ..Limits::default() }, || Duration::ZERO);
        budget.set_depth(1);
        assert_eq!(budget.open(), Ok(()));
        budget.set_depth(2);
        assert_eq!(budget.open(), Err(Unscanned::Nested));
        assert!(!budget.exceeds_members(3) && budget.exceeds_members(4));
        assert_eq!((0..4).filter(|_| budget.begin_member().is_ok()).count(), 3);
    }
}
