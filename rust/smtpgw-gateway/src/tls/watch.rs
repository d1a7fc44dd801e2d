//! Looks after the certificates that are served: renewed files are taken up, and concerns are told once a day.
//!
//! A task of its own; the files are looked at on a thread that may block. Nothing on the way of a message waits for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::certificate::CertificateFacts;
use super::store::Store;
use crate::house::House;
use crate::settings::LogLevel;
use crate::world::{Instant, World, sleep};

/// Until it is aborted. `addresses` are the listeners' in the order of the configuration.
pub(crate) async fn watch<W: World>(house: Arc<House<W>>, addresses: Vec<SocketAddr>) {
    let mut told = Instant::now();
    loop {
        sleep(EVERY).await;
        let setup = house.setup.load_full();
        let daily = told.elapsed() >= DAY;
        if daily {
            told = Instant::now();
        }
        for (front, address) in setup.fronts.iter().zip(&addresses) {
            let Some(tls) = &front.tls else { continue };
            let (store, now) = (Arc::clone(&tls.certificates), house.world.now());
            // A look that panicked has nothing to tell; the next one is tried.
            match tokio::task::spawn_blocking(move || store.look(now)).await.unwrap_or_default() {
                Some(_) => tell(&house, *address, &tls.certificates),
                None if daily && record_of(&house, *address, &tls.certificates).has_concerns() => {
                    tell(&house, *address, &tls.certificates);
                }
                None => {}
            }
        }
    }
}

/// Writes down what a listener serves: a warning where there is something to mend, an error where newer files are not
/// served because they are not good.
pub(crate) fn tell<W: World>(house: &House<W>, listener: SocketAddr, store: &Store) {
    let record = record_of(house, listener, store);
    match (&record.error, record.has_concerns()) {
        (Some(_), _) => house.log(LogLevel::Error, "certificates-refused", &record),
        (None, true) => house.log(LogLevel::Warning, "certificates", &record),
        (None, false) => house.log(LogLevel::Info, "certificates", &record),
    }
}

fn record_of<W: World>(house: &House<W>, listener: SocketAddr, store: &Store) -> Served {
    let error = store.refused();
    let certificates = store.facts(house.world.now());
    Served { listener, last_good_kept: error.is_some(), error, concern: store.concern(), certificates }
}

/// What a listener serves now.
#[derive(Serialize)]
struct Served {
    listener: SocketAddr,
    /// What is served is older than what the files say.
    last_good_kept: bool,
    /// What is wrong with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    concern: Option<&'static str>,
    certificates: Vec<CertificateFacts>,
}

impl Served {
    fn has_concerns(&self) -> bool {
        self.last_good_kept
            || self.concern.is_some()
            || self.certificates.iter().any(|facts| !facts.concerns.is_empty())
    }
}

/// Between two looks. A change is taken up at the second look that finds it at rest.
const EVERY: Duration = Duration::from_secs(5);

/// Between two records of the same concern.
const DAY: Duration = Duration::from_secs(86_400);
