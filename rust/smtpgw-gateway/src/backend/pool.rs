//! Legs that were done with in good order, kept warm for the next client (`pool`, `pool_s`).
//!
//! A leg is kept only if every word on it was as it should be: a message went over it, nothing was refused, RSET was
//! answered well, nothing is owed and nothing was said unasked. It carries nothing of the client that had it: with
//! `identity = "xclient"` the next one is introduced anew before its MAIL, and with `none` a backend never knew one client
//! from another. XCLIENT may be sent whenever no mail is open and begins the session anew, but what is not said again
//! stays: so whatever is ever said of a client must be said of each. Legs whose backend learnt the client in another
//! way are not kept.
//!
//! What happens to a leg at rest is seen when it is taken, and then it is dropped: a backend that timed out has said 421
//! and closed. The wait is short so that this is rare.

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
    resting: Mutex<Vec<Resting<S>>>,
    /// Wakes the sweep: there is something to sweep.
    changed: Notify,
}

struct Resting<S> {
    leg: Box<Smtp<S>>,
    until: Instant,
}

impl<S> Default for Pool<S> {
    fn default() -> Self {
        Self { resting: Mutex::default(), changed: Notify::new() }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pool<S> {
    /// A leg to `site`, the one that rested least.
    pub(crate) fn take(&self, site: &Arc<Site>) -> Option<Leg<S>> {
        let mut resting = self.resting.lock();
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
                    let mut resting = self.resting.lock();
                    if has_room(&resting, &leg.site) {
                        resting.push(Resting { leg, until });
                        self.changed.notify_one();
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
        has_room(&self.resting.lock(), site)
    }

    /// When the first one's time is up.
    fn next(&self) -> Option<Instant> {
        self.resting.lock().iter().map(|it| it.until).min()
    }

    fn outdated(&self) -> Vec<Box<Smtp<S>>> {
        let now = Instant::now();
        self.resting.lock().extract_if(.., |it| it.until <= now).map(|it| it.leg).collect()
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
        let changed = house.pool.changed.notified();
        match house.pool.next() {
            Some(until) => tokio::select! {
                () = sleep_until(until) => {}
                () = changed => {}
            },
            None => changed.await,
        }
        for leg in house.pool.outdated() {
            leg.quit().await;
        }
    }
}

/// How long the last RSET of a client may take.
const FAREWELL: Duration = Duration::from_secs(1);
