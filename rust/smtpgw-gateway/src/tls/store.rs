//! The certificates of one listener: chosen by the name the client asks for (SNI; RFC 6066 §3), and read again when
//! their files change.
//!
//! Whoever renews a certificate need not tell us. A look compares the files' times, sizes and inodes with those that
//! are served; a change that has come to rest between two looks (a chain and its key are written one after the
//! other) is loaded and checked as at start, and swapped for all handshakes from then on. If it is not good, the last
//! good state stays, and so it does at a reload ([`Store::succeeds`]). Session tickets outlive a swap.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde::Serialize;

use super::certificate::{CertificateFacts, NamedKey, unix};
use super::provider;
use crate::error::StartError;
use crate::settings::Certificate;
use crate::watched::Watched;

/// What a listener shows to its clients.
pub(crate) struct Store {
    hostname: String,
    sources: Vec<Certificate>,
    /// Never empty.
    keys: ArcSwap<Vec<NamedKey>>,
    watched: Mutex<Watched<Vec<Option<Stamp>>>>,
    /// The files say otherwise, and this is what is wrong with them.
    refused: Mutex<Option<String>>,
}

/// What changes when a file is written or replaced.
#[derive(Clone, PartialEq, Eq)]
struct Stamp {
    modified: (i64, i64),
    size: u64,
    inode: u64,
}

/// How a listener's certificates are, for records and gauges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CertificateState {
    /// `good`; `concern`: see the record `certificates`; `expired`; `last-good-kept`: the files are newer than what is
    /// served, and not good.
    pub(crate) state: &'static str,
    /// Seconds until the first of them expires; negative afterwards.
    pub(crate) expires_s: Option<i64>,
    /// What is wrong with the newer ones, with `last-good-kept`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

impl Store {
    /// Reads all of them.
    ///
    /// # Errors
    /// [`StartError::Certificate`] naming the file: unreadable, not PEM, out of order, or a key that is another
    /// certificate's.
    pub(super) fn open(hostname: &str, sources: &[Certificate]) -> Result<Self, StartError> {
        if sources.is_empty() {
            return Err(StartError::settings("listener.certificates", "TLS needs a certificate"));
        }
        let watched = Watched::new(stamps(sources));
        let keys = load(hostname, sources)?;
        Ok(Self {
            hostname: hostname.into(),
            sources: sources.into(),
            keys: ArcSwap::from_pointee(keys),
            watched: Mutex::new(watched),
            refused: Mutex::default(),
        })
    }

    /// Looks at the files, which may block. `None`: nothing to tell; otherwise whether what is new is served now, or
    /// why the last good state stays.
    pub(crate) fn look(&self, now: SystemTime) -> Option<Result<(), StartError>> {
        let seen = stamps(&self.sources);
        if !self.watched.lock().has_come_to_rest(seen) {
            return None;
        }
        let looked = load(&self.hostname, &self.sources).and_then(|keys| self.swap(keys, now));
        *self.refused.lock() = looked.as_ref().err().map(|error| error.to_string());
        Some(looked)
    }

    fn swap(&self, keys: Vec<NamedKey>, now: SystemTime) -> Result<(), StartError> {
        worthy(&keys, &self.sources, &self.keys.load(), now)?;
        self.keys.store(Arc::new(keys));
        Ok(())
    }

    /// Whether this may take the place of what was served `before`, at a reload.
    pub(super) fn succeeds(&self, before: &Self, now: SystemTime) -> Result<(), StartError> {
        worthy(&self.keys.load(), &self.sources, &before.keys.load(), now)
    }

    /// What was to be served instead is not good.
    pub(super) fn refuse(&self, error: &StartError) {
        *self.refused.lock() = Some(error.to_string());
    }

    /// What is wrong with what would be served instead, if the files say otherwise.
    pub(crate) fn refused(&self) -> Option<String> {
        self.refused.lock().clone()
    }

    /// What is served, for records.
    pub(crate) fn facts(&self, now: SystemTime) -> Vec<CertificateFacts> {
        self.keys.load().iter().map(|key| key.facts(unix(now))).collect()
    }

    /// All of them in a word.
    pub(crate) fn state(&self, now: SystemTime) -> CertificateState {
        let facts = self.facts(now);
        let error = self.refused();
        let state = if error.is_some() {
            "last-good-kept"
        } else if facts.iter().any(|facts| facts.expires_s < 0) {
            "expired"
        } else if !self.covers_hostname() || facts.iter().any(|facts| !facts.concerns.is_empty()) {
            "concern"
        } else {
            "good"
        };
        CertificateState { state, expires_s: facts.iter().map(|facts| facts.expires_s).min(), error }
    }

    /// What an administrator should do something about, beyond what is wrong with each of them.
    pub(crate) fn concern(&self) -> Option<&'static str> {
        let missing = "the gateway's own name (hostname) is in none of them: senders that check will refuse it";
        (!self.covers_hostname()).then_some(missing)
    }

    /// Whether one of them is good for our own name.
    fn covers_hostname(&self) -> bool {
        let name = self.hostname.to_ascii_lowercase();
        self.keys.load().iter().any(|key| key.is_for(&name))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.keys.load().iter().map(|key| &key.names)).finish()
    }
}

/// The first that has the name that is asked for, or else a wildcard that covers it, and is of a kind that the client
/// can verify: there may be one of RSA beside one of ECDSA. Otherwise any that it can verify, and at last the first,
/// since a client that checks names will say so, and most mail servers do not check.
impl ResolvesServerCert for Store {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let keys = self.keys.load();
        if keys.len() > 1 {
            let asked = hello.server_name().map(str::to_ascii_lowercase);
            let has = |key: &&NamedKey| asked.as_ref().is_some_and(|asked| key.names.contains(asked));
            let is_for = |key: &&NamedKey| asked.as_ref().is_some_and(|asked| key.is_for(asked));
            // In TLS 1.2 rustls leaves out those for which the client has no cipher suite.
            let schemes = hello.signature_schemes();
            let verifiable = |key: &&NamedKey| key.key.key.choose_scheme(schemes).is_some();
            let fitting = keys.iter().filter(has).find(verifiable);
            let fitting = fitting.or_else(|| keys.iter().filter(is_for).find(verifiable));
            let fitting = fitting.or_else(|| keys.iter().find(verifiable));
            if let Some(fitting) = fitting {
                return Some(Arc::clone(&fitting.key));
            }
        }
        keys.first().map(|key| Arc::clone(&key.key))
    }
}

/// Whether `keys`, of these `sources`, may take the place of those `before`: not if one is out of date, and none of
/// those is.
fn worthy(keys: &[NamedKey], sources: &[Certificate], before: &[NamedKey], now: SystemTime) -> Result<(), StartError> {
    let now = unix(now);
    if before.iter().any(|key| key.validity(now).is_err()) {
        return Ok(());
    }
    for (key, source) in keys.iter().zip(sources) {
        if let (Err(reason), Certificate::Files { chain, .. }) = (key.validity(now), source) {
            return Err(StartError::Certificate { path: chain.clone(), reason });
        }
    }
    Ok(())
}

/// What keeps each of `sources` from being served, by its place among them.
pub(crate) fn mistakes(hostname: &str, sources: &[Certificate]) -> impl Iterator<Item = (usize, StartError)> {
    let provider = provider();
    let mistake = move |source| NamedKey::load(hostname, source, &provider).err();
    sources.iter().map(mistake).enumerate().filter_map(|(at, error)| Some((at, error?)))
}

fn load(hostname: &str, sources: &[Certificate]) -> Result<Vec<NamedKey>, StartError> {
    let provider = provider();
    sources.iter().map(|source| NamedKey::load(hostname, source, &provider)).collect()
}

fn stamps(sources: &[Certificate]) -> Vec<Option<Stamp>> {
    let files = sources.iter().flat_map(|source| match source {
        Certificate::Files { chain, key } => vec![chain, key],
        Certificate::SelfSigned(_) => Vec::new(),
    });
    files.map(|path| stamp(path)).collect()
}

/// Links are followed: certbot renews by pointing a link elsewhere.
fn stamp(path: &Path) -> Option<Stamp> {
    let file = std::fs::metadata(path).ok()?;
    Some(Stamp { modified: (file.mtime(), file.mtime_nsec()), size: file.size(), inode: file.ino() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use std::time::Duration;

    use super::*;
    use crate::tls::self_signed;

    fn write(folder: &Path, chain: &str, key: &str) {
        std::fs::write(folder.join("chain.pem"), chain).unwrap();
        std::fs::write(folder.join("key.pem"), key).unwrap();
    }

    fn open(folder: &Path) -> Store {
        let (chain, key) = self_signed("mx.example.org").unwrap();
        write(folder, &chain, &key);
        let files = Certificate::Files { chain: folder.join("chain.pem"), key: folder.join("key.pem") };
        Store::open("mx.example.org", &[files]).unwrap()
    }

    fn served(store: &Store) -> String {
        store.facts(SystemTime::UNIX_EPOCH)[0].sha256.clone()
    }

    /// Looks until a change has come to rest.
    fn settled(store: &Store, now: SystemTime) -> Option<Result<(), StartError>> {
        store.look(now).or_else(|| store.look(now))
    }

    #[test]
    fn a_renewed_pair_is_served_once_it_has_come_to_rest() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let now = SystemTime::now();
        let before = served(&store);
        assert!(store.look(now).is_none());
        let (chain, key) = self_signed("mx.example.org").unwrap();
        std::fs::write(folder.path().join("chain.pem"), &chain).unwrap();
        // The chain is new and the key is not yet: no error, nothing is done.
        assert!(store.look(now).is_none());
        write(folder.path(), &chain, &key);
        assert!(store.look(now).is_none());
        assert!(store.look(now).unwrap().is_ok());
        assert_ne!(served(&store), before);
        assert!(store.look(now).is_none());
    }

    #[test]
    fn what_is_not_good_is_told_once_and_the_last_good_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let now = SystemTime::now();
        let before = served(&store);
        let (_, other_key) = self_signed("mx.example.org").unwrap();
        let (chain, key) = self_signed("mx.example.org").unwrap();
        for (chain, key) in [(chain.as_str(), other_key.as_str()), ("", key.as_str()), (chain.as_str(), "x")] {
            write(folder.path(), chain, key);
            assert!(settled(&store, now).unwrap().is_err());
            assert_eq!(store.state(now).state, "last-good-kept");
            assert!(settled(&store, now).is_none());
            assert_eq!(served(&store), before);
        }
        std::fs::remove_file(folder.path().join("key.pem")).unwrap();
        assert!(settled(&store, now).unwrap().is_err());
        write(folder.path(), &chain, &key);
        assert!(settled(&store, now).unwrap().is_ok());
        assert_eq!(store.state(now).state, "good");
        assert_ne!(served(&store), before);
    }

    #[test]
    fn an_expired_one_does_not_replace_a_valid_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let now = SystemTime::now();
        let made = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec!["mx.example.org".to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2001, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2002, 1, 1);
        let expired = parameters.self_signed(&made).unwrap();
        write(folder.path(), &expired.pem(), &made.serialize_pem());
        let refused = settled(&store, now).unwrap().unwrap_err().to_string();
        assert!(refused.ends_with("chain.pem: it expired on 2002-01-01T00:00:00Z"), "{refused}");
        assert_eq!(store.state(now).error.as_deref(), Some(refused.as_str()));
        // At start it is better than nothing: most senders do not look.
        let reopened = Store::open("mx.example.org", &store.sources).unwrap();
        assert_eq!(reopened.state(now).state, "expired");
        let concerns = &reopened.facts(now)[0].concerns;
        assert_eq!(concerns, &["it expired on 2002-01-01T00:00:00Z"]);
        let soon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_009_843_200 - 3 * 86_400);
        let state = CertificateState { state: "concern", expires_s: Some(3 * 86_400), error: None };
        assert_eq!(reopened.state(soon), state);
        assert_eq!(reopened.facts(soon)[0].concerns, ["it expires on 2002-01-01T00:00:00Z"]);
        // A reload is no way round that, and what is expired may be followed by anything.
        assert!(reopened.succeeds(&store, now).is_err());
        assert!(store.succeeds(&reopened, now).is_ok() && reopened.succeeds(&reopened, now).is_ok());
    }
}
