//! Looking after a backend off the way of messages: one task for each, all of its addresses at a time (they are few,
//! see [`Ways`](super::ways::Ways)): one that lets a look wait makes no other look late.
//!
//! A look is a dial without a client, as far as EHLO and TLS. Addresses whose circuit is open are looked at until they
//! answer. A backend that has not said for [`QUIET`] what it offers to anybody is looked at as well, so that its death
//! is known before the next message comes, and its offer (a standby's, too) before the next EHLO. Dials that name the
//! client first do not count: they neither show the offer nor open a circuit. The first look tells nothing but the
//! offer: when both are started together the backend may need a moment more than we.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinSet;

use super::chunks::GIVEN_UP;
use super::circuit::jittered;
use super::clear::IN_CLEAR;
use super::site::Site;
use super::smtp::Smtp;
use crate::error::BackendError;
use crate::house::House;
use crate::settings::LogLevel;
use crate::world::{Instant, World, sleep_until};

/// Looks after `site` until it is aborted.
pub(crate) async fn look_after<W: World>(house: Arc<House<W>>, site: Arc<Site>) {
    if !site.is_remote() {
        return;
    }
    if site.look_up(&house.world).await.is_ok() {
        let addresses = site.ways.lock().all();
        look_at(&house, &site, addresses, First::Yes).await;
    }
    let mut quiet = Instant::now() + jittered(QUIET, house.world.random());
    loop {
        loop {
            let open = site.ways.lock().look_at();
            tokio::select! {
                () = sleep_until(open.map_or(quiet, |open| open.min(quiet))) => break,
                // Some circuit has opened: it wants to be looked at sooner.
                () = site.opened.notified() => {}
            }
        }
        let now = Instant::now();
        let unheard = now >= quiet && site.heard().is_none_or(|heard| now >= heard + QUIET / 2);
        if now >= quiet {
            // Then only: an open circuit, of which something is due more often, must not put it off for ever.
            quiet = now + jittered(QUIET, house.world.random());
        }
        if let Err(error) = site.look_up(&house.world).await {
            note(&house, &site, None, &error);
            continue;
        }
        let addresses = if unheard { site.ways.lock().all() } else { site.ways.lock().due(now) };
        look_at(&house, &site, addresses, First::No).await;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Yes,
    No,
}

/// Looks at all of them at once; aborted with whoever waits for it.
async fn look_at<W: World>(house: &Arc<House<W>>, site: &Arc<Site>, addresses: Vec<SocketAddr>, first: First) {
    let mut looks = JoinSet::new();
    for address in addresses {
        let (house, site) = (Arc::clone(house), Arc::clone(site));
        looks.spawn(async move { look(&house, &site, address, first).await });
    }
    // A look that panicked has found nothing out.
    while looks.join_next().await.is_some() {}
}

async fn look<W: World>(house: &House<W>, site: &Arc<Site>, address: SocketAddr, first: First) {
    // Boxed: dialling with its handshake is large, and this task sleeps nearly all the time.
    match Box::pin(Smtp::dial(&house.world, site, address, None)).await {
        Ok(leg) => {
            site.answered(house, address, &leg);
            Box::pin(leg.quit()).await;
        }
        Err(_) if first == First::Yes => {}
        Err(error) => note(house, site, Some(address), &error),
    }
}

fn note<W: World>(house: &House<W>, site: &Site, address: Option<SocketAddr>, error: &BackendError) {
    let dice = house.world.random();
    let news = site.ways.lock().circuit(address).is_some_and(|circuit| circuit.look_failed(Instant::now(), dice));
    if news {
        tell_down(house, site, address, error);
    }
}

/// A circuit has opened.
pub(super) fn tell_down<W: World>(house: &House<W>, site: &Site, address: Option<SocketAddr>, error: &BackendError) {
    let record = Turn { backend: &site.name, address, error: Some(error.to_string()) };
    house.log(LogLevel::Warning, "backend-down", &record);
}

/// A circuit has closed.
pub(super) fn tell_up<W: World>(house: &House<W>, site: &Site, address: SocketAddr) {
    house.log(LogLevel::Info, "backend-up", &Turn { backend: &site.name, address: Some(address), error: None });
}

/// A backend gets no more chunks for a while.
pub(super) fn tell_chunks_given_up<W: World>(
    house: &House<W>,
    site: &Site,
    address: Option<SocketAddr>,
    error: &BackendError,
) {
    let turn = Turn { backend: &site.name, address, error: Some(error.to_string()) };
    let message = "content goes to it by DATA until `for_s` has passed";
    let record = ForAWhile { turn, for_s: GIVEN_UP.as_secs(), message };
    house.log(LogLevel::Warning, "chunks-given-up", &record);
}

/// An address at which TLS failed gets mail in clear for a while.
pub(super) fn tell_in_clear<W: World>(house: &House<W>, site: &Site, address: SocketAddr, error: &BackendError) {
    let turn = Turn { backend: &site.name, address: Some(address), error: Some(error.to_string()) };
    let message = "mail goes to it in clear until `for_s` has passed; tls = \"required\" would defer it";
    let record = ForAWhile { turn, for_s: IN_CLEAR.as_secs(), message };
    house.log(LogLevel::Warning, "backend-in-clear", &record);
}

/// The record of such a thing.
#[derive(Serialize)]
struct ForAWhile<'a> {
    #[serde(flatten)]
    turn: Turn<'a>,
    for_s: u64,
    message: &'static str,
}

/// The record of a circuit that has turned.
#[derive(Serialize)]
struct Turn<'a> {
    backend: &'a str,
    /// Which of its addresses; none if its name has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// A backend that was silent for about this long is looked at, even if nothing speaks against it.
const QUIET: Duration = Duration::from_secs(60);
