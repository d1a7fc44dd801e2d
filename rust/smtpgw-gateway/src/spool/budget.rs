//! What all messages together may have of memory and of the disk, and what each has taken of it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Octets of memory, and of disk, that all messages share.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    used: AtomicU64,
    disk_limit: u64,
    disk_used: AtomicU64,
}

impl Budget {
    /// Of memory; as much disk as there is.
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Self::with_disk(limit, u64::MAX)
    }

    /// Of memory and of disk.
    pub(crate) fn with_disk(limit: u64, disk_limit: u64) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicU64::new(0), disk_limit, disk_used: AtomicU64::new(0) })
    }

    /// Whether the disk's share is used up.
    pub(crate) fn is_full(&self) -> bool {
        self.disk_used.load(Ordering::Relaxed) >= self.disk_limit
    }

    /// Whether a message that is to have so many octets, of which `memory` may stay in memory, finds no room.
    pub(crate) fn has_no_room_for(&self, octets: u64, memory: u64) -> bool {
        let disk = self.disk_limit.saturating_sub(self.disk_used.load(Ordering::Relaxed));
        self.is_exhausted() || self.is_full() || (octets > memory && octets > disk)
    }

    /// Takes octets of the disk, if so many are left.
    pub(super) fn take_disk(&self, octets: u64) -> io::Result<()> {
        let more = |used: u64| used.checked_add(octets).filter(|used| *used <= self.disk_limit);
        match self.disk_used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(()),
            Err(_) => Err(io::Error::new(io::ErrorKind::StorageFull, "spool.total is used up")),
        }
    }

    /// Gives octets of the disk back.
    pub(super) fn give_disk_back(&self, octets: u64) {
        self.disk_used.fetch_sub(octets, Ordering::Relaxed);
    }

    /// Whether nothing is left.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.used() >= self.limit
    }

    /// Octets in use.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Octets of the disk in use.
    pub(crate) fn disk_used(&self) -> u64 {
        self.disk_used.load(Ordering::Relaxed)
    }
}

/// What somebody has in memory, charged to the budget until it is dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Arc<Budget>,
    octets: u64,
}

impl Charge {
    pub(crate) const fn new(budget: Arc<Budget>) -> Self {
        Self { budget, octets: 0 }
    }

    pub(super) const fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// Brings the charge up to date.
    pub(crate) fn set(&mut self, octets: u64) {
        if octets > self.octets {
            self.budget.used.fetch_add(octets - self.octets, Ordering::Relaxed);
        } else {
            self.budget.used.fetch_sub(self.octets - octets, Ordering::Relaxed);
        }
        self.octets = octets;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.set(0);
    }
}
