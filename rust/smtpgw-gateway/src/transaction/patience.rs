//! What the backend gets while it waits for us: content that is due, and a sign of life.
//!
//! Servers close a transaction in which nothing is said for some minutes. A client that dribbles, a disk that is slow, a
//! queue of inspectors and a long budget for the verdict all take such time, and none of them is to cost the
//! transaction. The sign is NOOP where a command can be said, and in content that streams whatever there is of it.
//! Inside DATA, with nothing left to send but the end, there is no sign: then the budget is to be below the backend's
//! patience.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use super::leg_keeper::LegKeeper;
use super::streaming::{Streaming, pass_on};
use crate::error::BackendError;
use crate::world::{World, sleep};

/// How often a backend that waits is looked after.
pub(crate) const WATCH: Duration = Duration::from_secs(20);

/// Does `work` to its end, and looks after the backend meanwhile; what is under way with it is always brought to an end,
/// for half a command costs the leg. Says with the outcome whether content was sent.
pub(super) async fn meanwhile<W: World, T>(
    work: impl Future<Output = T>,
    streaming: &mut Option<Box<Streaming>>,
    leg: &mut LegKeeper<W>,
    broken: &mut Option<BackendError>,
) -> (T, bool) {
    let mut work = pin!(work);
    let (mut done, sent) = {
        let sending = pass_on(streaming, leg, broken);
        both(work.as_mut(), sending).await
    };
    loop {
        if let Some(done) = done {
            return (done, sent);
        }
        tokio::select! {
            outcome = &mut work => return (outcome, sent),
            () = sleep(WATCH) => {}
        }
        if broken.is_none() {
            let (outcome, alive) = both(work.as_mut(), leg.keep_alive()).await;
            *broken = alive.err();
            done = outcome;
        } else {
            return (work.await, sent);
        }
    }
}

/// Brings `other` to its end, and `work` on as far as it comes meanwhile: its outcome, if it is done by then.
async fn both<T, U>(
    mut work: std::pin::Pin<&mut impl Future<Output = T>>,
    other: impl Future<Output = U>,
) -> (Option<T>, U) {
    let mut other = pin!(other);
    tokio::select! {
        biased;
        done = &mut other => (None, done),
        outcome = &mut work => (Some(outcome), other.await),
    }
}
