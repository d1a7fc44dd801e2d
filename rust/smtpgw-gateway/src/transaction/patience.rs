//! What the backend gets while it waits for us: content that is due, and a sign of life.
//!
//! Servers close a transaction in which nothing is said for some minutes. A client that dribbles, a disk that is slow,
//! a queue of inspectors and a long budget for the verdict all take such time, and none of them is to cost the
//! transaction. The sign is NOOP where a command can be said, and in content that streams whatever there is of it.
//! Inside DATA, with nothing left to send but the end, there is no sign: then the budget is to be below the backend's
//! patience. A backend that does not answer the sign does not hold up what is known by then.

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use super::leg_keeper::LegKeeper;
use super::streaming::{Streaming, pass_on};
use crate::error::BackendError;
use crate::world::{World, sleep, timeout};

/// How often a backend that waits is looked after.
pub(crate) const WATCH: Duration = Duration::from_secs(20);

/// How long a sign that is under way may keep finished work waiting.
const GRACE: Duration = Duration::from_secs(1);

/// Does `work` to its end, and looks after the backend meanwhile; content that is under way with it is always brought
/// to an end, and a sign nearly always, for half a command costs the leg. Says with the outcome whether content was
/// sent.
pub(super) async fn meanwhile<W: World, T>(
    mut work: Pin<&mut impl Future<Output = T>>,
    streaming: &mut Option<Box<Streaming>>,
    leg: &mut LegKeeper<W>,
    broken: &mut Option<BackendError>,
) -> (T, bool) {
    let mut sent = false;
    loop {
        let (done, passed) = both(work.as_mut(), pass_on(streaming, leg, broken)).await;
        sent |= passed;
        if let Some(done) = done {
            return (done, sent);
        }
        if broken.is_some() {
            return (work.await, sent);
        }
        tokio::select! {
            outcome = &mut work => return (outcome, sent),
            () = sleep(WATCH) => {}
        }
        let sign = pin!(leg.keep_alive());
        if let Some(done) = signal(work.as_mut(), sign, broken).await {
            return (done, sent);
        }
    }
}

/// Has the sign answered, and `work` brought on as far as it comes meanwhile: its outcome, if it is done by then. The
/// leg of a sign that is not answered soon after that is broken.
async fn signal<T>(
    mut work: Pin<&mut impl Future<Output = T>>,
    mut sign: Pin<&mut impl Future<Output = Result<(), BackendError>>>,
    broken: &mut Option<BackendError>,
) -> Option<T> {
    let (done, alive) = tokio::select! {
        biased;
        alive = &mut sign => (None, alive),
        outcome = &mut work => {
            let late = Err(BackendError::Timeout("the time that finished work waits"));
            (Some(outcome), timeout(GRACE, sign).await.unwrap_or(late))
        }
    };
    *broken = alive.err();
    done
}

/// Brings `other` to its end, and `work` on as far as it comes meanwhile: its outcome, if it is done by then.
async fn both<T, U>(mut work: Pin<&mut impl Future<Output = T>>, other: impl Future<Output = U>) -> (Option<T>, U) {
    let mut other = pin!(other);
    tokio::select! {
        biased;
        done = &mut other => (None, done),
        outcome = &mut work => (Some(outcome), other.await),
    }
}
