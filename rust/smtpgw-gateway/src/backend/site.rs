//! What is known of a backend between connections: its settings, what it last offered, which of its addresses answer.
//!
//! A site outlives a reload that does not change its settings, and with it its circuits.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use smtpgw_smtp::{Offer, SessionLimits};
use tokio::sync::Notify;

use super::chunks::Chunks;
use super::clear::Clear;
use super::health;
use super::leg::Leg;
use super::maildir::Maildir;
use super::shared::Shared;
use super::smtp::Smtp;
use super::trust::Trust;
use super::ways::Ways;
use crate::error::{BackendError, StartError};
use crate::house::House;
use crate::message::Session;
use crate::settings::{Backend, Settings};
use crate::world::{Instant, World, timeout};

/// What is known of a backend between connections.
#[derive(Debug)]
pub(crate) struct Site {
    /// What listeners call it.
    pub(crate) name: String,
    pub(crate) settings: Backend,
    /// Our own name, for EHLO.
    pub(super) hostname: String,
    kind: Kind,
    pub(super) trust: Option<Trust>,
    /// What it offered when it was last asked; a careful guess before.
    offer: ArcSwap<Offer>,
    pub(super) ways: Mutex<Ways>,
    /// At most one question to the name service at a time.
    lookup: Shared<Result<(), Arc<str>>>,
    /// Whether content goes to it in chunks.
    pub(super) chunks: Chunks,
    /// Where TLS failed a moment ago and mail goes in clear.
    pub(super) clear: Clear,
    /// When it last said what it offers to anybody.
    heard: Mutex<Option<Instant>>,
    /// Wakes whoever looks after it: a circuit has opened.
    pub(super) opened: Notify,
}

#[derive(Debug)]
enum Kind {
    Smtp,
    Maildir(PathBuf),
}

impl Site {
    pub(crate) fn new(settings: &Settings, name: &str, backend: &Backend) -> Result<Arc<Self>, StartError> {
        let kind = match backend.address.strip_prefix("maildir:") {
            Some(path) => {
                let folder = PathBuf::from(path);
                Maildir::prepare(&folder).map_err(|source| StartError::Path { path: folder.clone(), source })?;
                Kind::Maildir(folder)
            }
            None => Kind::Smtp,
        };
        let trust = Trust::new(backend).map_err(|error| error.of_backend(name))?;
        let offer = match kind {
            Kind::Maildir(_) => everything(u64::MAX),
            Kind::Smtp => careful(u64::MAX),
        };
        Ok(Arc::new(Self {
            name: name.to_owned(),
            settings: backend.clone(),
            hostname: settings.hostname.clone(),
            kind,
            trust,
            offer: ArcSwap::from_pointee(offer),
            ways: Mutex::default(),
            lookup: Shared::default(),
            chunks: Chunks::default(),
            clear: Clear::default(),
            heard: Mutex::new(None),
            opened: Notify::new(),
        }))
    }

    /// Whether these settings come to this very site.
    pub(crate) fn is_for(&self, settings: &Settings, backend: &Backend) -> bool {
        self.settings == *backend && self.hostname == settings.hostname
    }

    /// Reads what it knows the backend by once more, for a reload.
    pub(crate) fn read_again(self: &Arc<Self>) -> Result<Arc<Self>, StartError> {
        if let Some(trust) = &self.trust {
            trust.read_again(&self.settings)?;
        }
        Ok(Arc::clone(self))
    }

    /// There is reason to hope: open circuits are looked at now.
    pub(super) fn look_soon(&self) {
        self.ways.lock().hurry(Instant::now());
        self.opened.notify_one();
    }

    /// What we and it can do together with messages of at most `size` octets, STARTTLS aside.
    pub(crate) fn offer(&self, size: u64) -> Offer {
        let offer = Offer::clone(&self.offer.load());
        let binary_mime = offer.binary_mime && !self.chunks.are_given_up(Instant::now());
        Offer { size: offer.size.min(size), binary_mime, ..offer }
    }

    /// Whether no message can be handed to it now. A flag, never a question to the network.
    pub(crate) fn is_down(&self) -> bool {
        self.ways.lock().are_open(Instant::now())
    }

    /// Whether it is reached over the network.
    pub(crate) const fn is_remote(&self) -> bool {
        matches!(self.kind, Kind::Smtp)
    }

    /// When it last said what it offers to anybody.
    pub(super) fn heard(&self) -> Option<Instant> {
        *self.heard.lock()
    }

    /// Connects on behalf of a client, to the first of its addresses that answers; `tries` are used up by those
    /// that do not.
    pub(super) async fn dial<W: World>(
        self: &Arc<Self>,
        house: &House<W>,
        session: &Session,
        tries: &mut usize,
    ) -> Result<Leg<W::Stream>, BackendError> {
        if let Kind::Maildir(folder) = &self.kind {
            return Ok(Leg::Maildir(Maildir::new(Arc::clone(self), folder)));
        }
        let mut last = BackendError::Down;
        for address in self.addresses(house).await? {
            if *tries == 0 {
                break;
            }
            *tries -= 1;
            match Smtp::dial(&house.world, self, address, Some(session)).await {
                Ok(leg) => {
                    self.answered(house, address, &leg);
                    return Ok(Leg::Smtp(Box::new(leg)));
                }
                // It is there, but not as it should be: no reason to turn clients away before MAIL, nor to hand this
                // one's mail to somebody else.
                Err(error @ BackendError::Identity(_)) => return Err(error),
                // It may be out of order, or have taken against this client: the next one is asked, and a look tells.
                Err(error @ BackendError::Unanswered(_)) => last = error,
                Err(error) => {
                    self.failed(house, Some(address), &error);
                    last = error;
                }
            }
        }
        Err(last)
    }

    /// The same for a client that will speak TLS with it directly.
    pub(super) async fn dial_tunnel<W: World>(
        self: &Arc<Self>,
        house: &House<W>,
        session: &Session,
        tries: &mut usize,
    ) -> Result<W::Stream, BackendError> {
        if !self.is_remote() {
            return Err(BackendError::Tls("a Maildir has none".into()));
        }
        let mut last = BackendError::Down;
        for address in self.addresses(house).await? {
            if *tries == 0 {
                break;
            }
            *tries -= 1;
            match Smtp::dial_tunnel(&house.world, self, address, session).await {
                Ok(stream) => {
                    self.reached(house, address);
                    return Ok(stream);
                }
                Err(error @ (BackendError::Identity(_) | BackendError::Tls(_))) => return Err(error),
                Err(error @ BackendError::Unanswered(_)) => last = error,
                Err(error) => {
                    self.failed(house, Some(address), &error);
                    last = error;
                }
            }
        }
        Err(last)
    }

    /// The addresses that may be tried.
    async fn addresses<W: World>(&self, house: &House<W>) -> Result<Vec<SocketAddr>, BackendError> {
        self.look_up(&house.world).await.inspect_err(|error| self.failed(house, None, error))?;
        Ok(self.ways.lock().closed(Instant::now()))
    }

    /// Asks the name service, if it is time. Whoever comes while somebody asks waits for that answer.
    pub(super) async fn look_up<W: World>(&self, world: &W) -> Result<(), BackendError> {
        if !self.ways.lock().is_stale(Instant::now()) {
            return Ok(());
        }
        self.lookup.run(|| self.ask_for_addresses(world)).await.map_err(BackendError::Name)
    }

    async fn ask_for_addresses<W: World>(&self, world: &W) -> Result<(), Arc<str>> {
        let now = Instant::now();
        let found = match timeout(self.settings.connect_s, world.resolve(&self.settings.address)).await {
            Ok(Ok(found)) if found.is_empty() => Err("the name has no address".into()),
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(error.to_string().into()),
            Err(_) => Err("no answer within connect_s".into()),
        };
        let mut ways = self.ways.lock();
        match found {
            Ok(found) => {
                ways.learn(found, now);
                Ok(())
            }
            Err(_) if ways.unanswered(now) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A dial or a look went well.
    pub(super) fn answered<W: World>(&self, house: &House<W>, address: SocketAddr, leg: &Smtp<W::Stream>) {
        if let Some(offer) = leg.offered_to_all {
            self.offer.store(Arc::new(offer));
            *self.heard.lock() = Some(Instant::now());
        }
        if let Some(error) = &leg.fell_back
            && self.clear.remember(address, Instant::now())
        {
            health::tell_in_clear(house, self, address, error);
        }
        self.reached(house, address);
    }

    fn reached<W: World>(&self, house: &House<W>, address: SocketAddr) {
        let news = {
            let mut ways = self.ways.lock();
            ways.circuit(None).is_some_and(|circuit| circuit.close())
                | ways.circuit(Some(address)).is_some_and(|circuit| circuit.close())
        };
        if news {
            health::tell_up(house, self, address);
        }
    }

    /// A message is lost to it that it may have taken: it did not let us make sure.
    pub(crate) fn unconfirmed<W: World>(&self, house: &House<W>, address: Option<SocketAddr>, error: &BackendError) {
        if self.chunks.give_up(Instant::now()) {
            health::tell_chunks_given_up(house, self, address, error);
        }
    }

    /// A dial failed on the way to `address`, or to any.
    fn failed<W: World>(&self, house: &House<W>, address: Option<SocketAddr>, error: &BackendError) {
        let dice = house.world.random();
        let news = self.ways.lock().circuit(address).is_some_and(|circuit| circuit.dial_failed(Instant::now(), dice));
        if news {
            health::tell_down(house, self, address, error);
            self.opened.notify_one();
        }
    }
}

/// What an SMTP server can be expected to offer before it was asked.
fn careful(size: u64) -> Offer {
    Offer { eight_bit_mime: false, smtputf8: false, ..everything(size) }
}

/// What we can do ourselves. DSN is not among it: notices are for whoever has a queue.
pub(super) fn everything(size: u64) -> Offer {
    // Chunks are put together here, and go as DATA to a backend without them: CHUNKING does not hang on it.
    Offer {
        size,
        chunking: true,
        pipelining: true,
        eight_bit_mime: true,
        smtputf8: true,
        session_limits: Some(SessionLimits::default()),
        enhanced_status_codes: true,
        ..Offer::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use super::*;

    #[test]
    fn binary_content_is_not_offered_while_chunks_are_given_up() {
        let site = Site::new(&Settings::default(), "mail", &Backend::at("backend:25")).unwrap();
        site.offer.store(Arc::new(Offer { binary_mime: true, ..everything(1) }));
        assert!(site.offer(1).binary_mime);
        site.chunks.give_up(Instant::now());
        assert!(!site.offer(1).binary_mime && site.offer(1).chunking, "chunks from clients are another matter");
    }
}
