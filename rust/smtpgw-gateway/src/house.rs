//! What lives as long as the process does, whatever is reloaded: the world, the current [`Setup`], who is in, the
//! log.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::Serialize;
use tokio::sync::watch;

use crate::admission::Admission;
use crate::backend::Pool;
use crate::log::Journal;
use crate::settings::LogLevel;
use crate::setup::Setup;
use crate::tls::Ledger;
use crate::world::World;

/// The process-wide state that listeners and connections share.
pub(crate) struct House<W: World> {
    pub(crate) world: W,
    pub(crate) setup: ArcSwap<Setup>,
    pub(crate) admission: Arc<Admission>,
    /// Failed handshakes.
    pub(crate) ledger: Ledger,
    pub(crate) journal: Journal,
    /// Legs to backends, at rest.
    pub(crate) pool: Pool<W::Stream>,
    pub(crate) drain: watch::Sender<Drain>,
}

/// How far the gateway is on its way to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drain {
    No,
    /// No more work is taken; content that is under way may end.
    Begun,
    /// The time for that is over: everybody hears a last word.
    Over,
}

impl Drain {
    pub(crate) const fn has_begun(&self) -> bool {
        !matches!(self, Self::No)
    }

    pub(crate) const fn is_over(&self) -> bool {
        matches!(self, Self::Over)
    }
}

impl<W: World> House<W> {
    pub(crate) fn new(world: W, setup: Setup, journal: Journal) -> Arc<Self> {
        Arc::new(Self {
            world,
            setup: ArcSwap::from_pointee(setup),
            admission: Arc::default(),
            ledger: Ledger::default(),
            journal,
            pool: Pool::default(),
            drain: watch::Sender::new(Drain::No),
        })
    }

    pub(crate) fn log(&self, level: LogLevel, event: &'static str, body: &impl Serialize) {
        self.journal.write(level, event, self.world.now(), body);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.drain.borrow().has_begun()
    }

    /// A name nobody else has and nobody can guess: time in hexadecimal milliseconds, then 64 random bits.
    pub(crate) fn unique(&self) -> String {
        let now = self.world.now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        format!("{:011x}-{:016x}", now.as_millis(), self.world.random())
    }
}

impl<W: World> fmt::Debug for House<W> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("House").finish_non_exhaustive()
    }
}
