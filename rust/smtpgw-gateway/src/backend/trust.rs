//! Our side of TLS towards a backend; the file of its authorities is read again when it changes.
//!
//! A change that has come to rest between two looks is loaded as at start, for all handshakes from then on. If it is
//! not good, the last good state stays. A reload reads it at once, and fails if it is not good.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::ClientConfig;
use serde::Serialize;

use super::site::Site;
use super::smtp;
use crate::error::StartError;
use crate::house::House;
use crate::settings::{Backend, BackendTls, LogLevel};
use crate::tls;
use crate::watched::Watched;
use crate::world::{World, sleep};

/// The TLS side of a backend that is not spoken to in clear alone.
#[derive(Debug)]
pub(super) struct Trust {
    config: ArcSwap<ClientConfig>,
    watched: Mutex<Watched<Option<Vec<u8>>>>,
}

impl Trust {
    pub(super) fn new(backend: &Backend) -> Result<Option<Self>, StartError> {
        if backend.tls == BackendTls::None {
            return Ok(None);
        }
        if backend.tls == BackendTls::Verified && smtp::server_name(backend).is_none() {
            return Err(StartError::settings("backend.name", "is no name that a certificate can have"));
        }
        let watched = Mutex::new(Watched::new(backend.ca.as_deref().and_then(contents)));
        Ok(Some(Self { config: ArcSwap::new(load(backend)?), watched }))
    }

    /// For the next handshake.
    pub(super) fn config(&self) -> Arc<ClientConfig> {
        self.config.load_full()
    }

    /// Loads it whatever was seen before. May block.
    pub(super) fn read_again(&self, backend: &Backend) -> Result<(), StartError> {
        let Some(ca) = &backend.ca else { return Ok(()) };
        let mut watched = self.watched.lock();
        let known = contents(ca);
        if watched.knows(&known) {
            return Ok(());
        }
        self.config.store(load(backend)?);
        *watched = Watched::new(known);
        Ok(())
    }

    /// Looks at the file, which may block. `None`: nothing to tell; otherwise whether what is new is trusted now, or
    /// why the last good state stays.
    fn look(&self, backend: &Backend) -> Option<Result<(), StartError>> {
        let seen = contents(backend.ca.as_deref()?);
        let is_new = self.watched.lock().has_come_to_rest(seen);
        is_new.then(|| load(backend).map(|config| self.config.store(config)))
    }
}

/// Whether a backend of this name can be known by what its settings say, files included.
pub(crate) fn would_trust(name: &str, backend: &Backend) -> Result<(), StartError> {
    Trust::new(backend).map(drop).map_err(|error| error.of_backend(name))
}

fn load(backend: &Backend) -> Result<Arc<ClientConfig>, StartError> {
    match backend.tls {
        BackendTls::Verified => tls::verified_client_config(backend.ca.as_deref(), &backend.pin),
        BackendTls::None | BackendTls::Opportunistic | BackendTls::Required => tls::opportunistic_client_config(),
    }
}

fn contents(path: &Path) -> Option<Vec<u8>> {
    std::fs::read(path).ok()
}

/// Looks at the authorities of `site` until it is aborted.
pub(crate) async fn look_after_authorities<W: World>(house: Arc<House<W>>, site: Arc<Site>) {
    let Some(ca) = site.settings.ca.clone() else { return };
    let ca = ca.display().to_string();
    loop {
        sleep(EVERY).await;
        let looked = Arc::clone(&site);
        let look = move || looked.trust.as_ref().and_then(|trust| trust.look(&looked.settings));
        // A look that panicked has nothing to tell; the next one is tried.
        match tokio::task::spawn_blocking(look).await.unwrap_or_default() {
            Some(Ok(())) => {
                site.look_soon();
                let record = Looked { backend: &site.name, ca: &ca, last_good_kept: false, error: None };
                house.log(LogLevel::Info, "authorities", &record);
            }
            Some(Err(error)) => {
                let error = Some(error.to_string());
                let record = Looked { backend: &site.name, ca: &ca, last_good_kept: true, error };
                house.log(LogLevel::Error, "authorities-refused", &record);
            }
            None => {}
        }
    }
}

/// The file has changed.
#[derive(Serialize)]
struct Looked<'a> {
    backend: &'a str,
    ca: &'a str,
    last_good_kept: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Between two looks. A change is taken up at the second look that finds it at rest.
const EVERY: Duration = Duration::from_secs(5);

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a failed step is a failed test
mod tests {
    use super::*;

    fn authority() -> String {
        rcgen::generate_simple_self_signed(["mail.example".to_owned()]).unwrap().cert.pem()
    }

    #[test]
    fn a_change_that_rests_is_taken_up_and_a_bad_one_is_not() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), authority()).unwrap();
        let backend =
            Backend { tls: BackendTls::Verified, ca: Some(file.path().to_owned()), ..Backend::at("mail.example:25") };
        let trust = Trust::new(&backend).unwrap().unwrap();
        let first = trust.config();
        assert!(trust.look(&backend).is_none());
        std::fs::write(file.path(), authority()).unwrap();
        assert!(trust.look(&backend).is_none(), "it may still be written");
        assert!(trust.look(&backend).unwrap().is_ok());
        let second = trust.config();
        assert!(!Arc::ptr_eq(&first, &second));
        std::fs::write(file.path(), "nothing").unwrap();
        assert!(trust.look(&backend).is_none());
        assert!(trust.look(&backend).unwrap().is_err());
        assert!(Arc::ptr_eq(&second, &trust.config()) && trust.look(&backend).is_none(), "told once");
        std::fs::write(file.path(), authority()).unwrap();
        assert!(trust.read_again(&backend).is_ok());
        assert!(!Arc::ptr_eq(&second, &trust.config()) && trust.look(&backend).is_none());
        std::fs::write(file.path(), "nothing").unwrap();
        assert!(trust.read_again(&backend).is_err());
    }
}
