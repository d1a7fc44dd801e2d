//! Legs that were done with in good order, kept warm for the next client (`pool`, `pool_s`).
//!
//! A leg is kept only if every word on it was as it should be: a message went over it, nothing was refused, a
//! transaction without an end was reset, nothing is owed and nothing was said unasked. It carries nothing of the client
//! that had it: with `identity = "xclient"` the next one is introduced anew before its MAIL, and with `none` a backend
//! never knew one client from another. XCLIENT may be sent whenever no mail is open and begins the session anew, but
//! what is not said again stays: so whatever is ever said of a client must be said of each. Legs whose backend learnt
//! the client in another way are not kept.
//!
//! What happens to a leg at rest is seen when it is taken, and then it is dropped: a backend that timed out has said
//! 421 and closed. The wait is short so that this is rare.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

use super::leg::Leg;
use super::site::Site;
use super::smtp::Smtp;
use crate::house::House;
use crate::settings::Identity;
use crate::world::{Instant, World, sleep_until, timeout};

/// Legs at rest, of all backends.
pub(crate) struct Pool<S> {
    shelf: Mutex<Shelf<S>>,
    /// Wakes the sweep: there is something to sweep before it would look. With much mail a leg rests for milliseconds,
    /// and waking somebody each time would cost a message more than a reply does.
    sooner: Notify,
}

struct Shelf<S> {
    resting: Vec<Resting<S>>,
    /// When the sweep looks next; what it would have looked for may be gone by then.
    look: Option<Instant>,
}

struct Resting<S> {
    leg: Box<Smtp<S>>,
    until: Instant,
}

impl<S> Default for Pool<S> {
    fn default() -> Self {
        Self { shelf: Mutex::new(Shelf { resting: Vec::new(), look: None }), sooner: Notify::new() }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pool<S> {
    /// A leg to `site`, the one that rested least.
    pub(crate) fn take(&self, site: &Arc<Site>) -> Option<Leg<S>> {
        let resting = &mut self.shelf.lock().resting;
        let now = Instant::now();
        let at = resting.iter().rposition(|it| Arc::ptr_eq(&it.leg.site, site) && now < it.until)?;
        Some(Leg::Smtp(resting.remove(at).leg))
    }

    /// Keeps a leg that a client is done with, or parts with it.
    pub(crate) async fn keep(&self, leg: Leg<S>) {
        let Leg::Smtp(mut leg) = leg else { return };
        if !self.has_room(&leg.site) || !leg.is_spotless() {
            return leg.quit().await;
        }
        // Its client is gone, and nobody waits for long on behalf of the next one.
        match timeout(FAREWELL, leg.rest()).await {
            Ok(Ok(())) if leg.is_spotless() => {
                let until = Instant::now() + leg.site.settings.pool_s;
                {
                    let mut shelf = self.shelf.lock();
                    if has_room(&shelf.resting, &leg.site) {
                        shelf.resting.push(Resting { leg, until });
                        if shelf.look.is_none_or(|look| until < look) {
                            shelf.look = Some(until);
                            self.sooner.notify_one();
                        }
                        return;
                    }
                }
                leg.quit().await;
            }
            // Out of step or hung: not even a QUIT is owed.
            Ok(_) | Err(_) => {}
        }
    }

    fn has_room(&self, site: &Arc<Site>) -> bool {
        has_room(&self.shelf.lock().resting, site)
    }

    /// When to look for legs whose time is up.
    fn look(&self) -> Option<Instant> {
        self.shelf.lock().look
    }

    fn outdated(&self) -> Vec<Box<Smtp<S>>> {
        let now = Instant::now();
        let mut shelf = self.shelf.lock();
        let outdated = shelf.resting.extract_if(.., |it| it.until <= now).map(|it| it.leg).collect();
        shelf.look = shelf.resting.iter().map(|it| it.until).min();
        outdated
    }
}

/// Whether one more leg to `site` may be kept, and what it would be told is the next client's own.
fn has_room<S>(resting: &[Resting<S>], site: &Arc<Site>) -> bool {
    let anew = matches!(site.settings.identity, Identity::Xclient | Identity::None);
    let now = Instant::now();
    // One whose time is up takes nobody's place, even if the sweep has not come by yet.
    let there = resting.iter().filter(|it| Arc::ptr_eq(&it.leg.site, site) && now < it.until).count();
    anew && there < site.settings.pool
}

/// Parts with legs that nobody wanted in time, until it is aborted.
pub(crate) async fn sweep<W: World>(house: Arc<House<W>>) {
    loop {
        // One that comes later may have to go sooner: each backend has its own `pool_s`.
        let sooner = house.pool.sooner.notified();
        match house.pool.look() {
            Some(until) => tokio::select! {
                () = sleep_until(until) => {}
                () = sooner => {}
            },
            None => sooner.await,
        }
        for leg in house.pool.outdated() {
            leg.quit().await;
        }
    }
}

/// How long the last RSET of a client may take.
const FAREWELL: Duration = Duration::from_secs(1);
