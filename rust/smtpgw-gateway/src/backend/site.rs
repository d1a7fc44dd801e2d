//! What is known of a backend between connections: its settings, what it last offered, whether it is down.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::ClientConfig;
use smtpgw_smtp::Offer;

use super::leg::Leg;
use super::maildir::Maildir;
use super::smtp::{self, Smtp};
use crate::error::{BackendError, StartError};
use crate::message::Session;
use crate::settings::{Backend, BackendTls, Settings};
use crate::world::{Instant, World};

/// What is known of a backend between connections.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) settings: Backend,
    /// Our own name, for EHLO.
    pub(super) hostname: String,
    kind: Kind,
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// What it offered when it was last asked; a careful guess before.
    offer: ArcSwap<Offer>,
    /// Until when it counts as down after a failed dial.
    down_until: Mutex<Option<Instant>>,
}

#[derive(Debug)]
enum Kind {
    Smtp,
    Maildir(PathBuf),
}

impl Site {
    pub(crate) fn new(settings: &Settings, backend: &Backend) -> Result<Arc<Self>, StartError> {
        let kind = match backend.address.strip_prefix("maildir:") {
            Some(path) => {
                let folder = PathBuf::from(path);
                Maildir::prepare(&folder).map_err(|source| StartError::Path { path: folder.clone(), source })?;
                Kind::Maildir(folder)
            }
            None => Kind::Smtp,
        };
        let tls = match backend.tls {
            BackendTls::None => None,
            BackendTls::Opportunistic | BackendTls::Required => Some(crate::tls::opportunistic_client_config()?),
            BackendTls::Verified => {
                smtp::server_name(backend)
                    .ok_or_else(|| StartError::settings("backend.name", "is no name that a certificate can have"))?;
                Some(crate::tls::verified_client_config(backend.ca.as_deref(), &backend.pin)?)
            }
        };
        let size = settings.limits.message_size;
        let offer = match kind {
            Kind::Maildir(_) => everything(size),
            Kind::Smtp => careful(size),
        };
        Ok(Arc::new(Self {
            settings: backend.clone(),
            hostname: settings.hostname.clone(),
            kind,
            tls,
            offer: ArcSwap::from_pointee(offer),
            down_until: Mutex::new(None),
        }))
    }

    /// What we and it can do together, STARTTLS aside.
    pub(crate) fn offer(&self) -> Offer {
        Offer::clone(&self.offer.load())
    }

    /// Whether the last dial failed a moment ago. A flag, never a question to the network.
    pub(crate) fn is_down(&self) -> bool {
        self.down_until.lock().is_some_and(|until| Instant::now() < until)
    }

    /// Connects on behalf of a client.
    pub(crate) async fn dial<W: World>(
        self: &Arc<Self>,
        world: &W,
        session: &Session,
        message_size: u64,
    ) -> Result<Leg<W::Stream>, BackendError> {
        let Kind::Smtp = self.kind else { return Ok(Leg::Maildir(Maildir::new(self.folder()))) };
        let dialled = Smtp::dial(world, self, Some(session)).await;
        match &dialled {
            Ok(leg) => {
                self.offer.store(Arc::new(leg.offer(message_size)));
                *self.down_until.lock() = None;
            }
            // It is there, but not as it should be: no reason to turn clients away before MAIL.
            Err(BackendError::Identity(_)) => {}
            Err(_) => *self.down_until.lock() = Some(Instant::now() + DOWN),
        }
        dialled.map(|leg| Leg::Smtp(Box::new(leg)))
    }

    /// Connects on behalf of a client that will speak TLS with it directly.
    pub(crate) async fn dial_tunnel<W: World>(
        self: &Arc<Self>,
        world: &W,
        session: &Session,
    ) -> Result<W::Stream, BackendError> {
        let Kind::Smtp = self.kind else { return Err(BackendError::Tls("a Maildir has none".into())) };
        let dialled = Smtp::dial_tunnel(world, self, session).await;
        match &dialled {
            Ok(_) => *self.down_until.lock() = None,
            // It is there, but not as it should be.
            Err(BackendError::Identity(_) | BackendError::Tls(_)) => {}
            Err(_) => *self.down_until.lock() = Some(Instant::now() + DOWN),
        }
        dialled
    }

    /// Whether it is reached over the network.
    pub(crate) const fn is_remote(&self) -> bool {
        matches!(self.kind, Kind::Smtp)
    }

    /// Asks what it offers, for the first EHLO of a client; a failure says nothing yet.
    pub(crate) async fn probe<W: World>(self: &Arc<Self>, world: &W, message_size: u64) {
        if let Kind::Smtp = self.kind
            && let Ok(leg) = Smtp::dial(world, self, None).await
        {
            self.offer.store(Arc::new(leg.offer(message_size)));
            leg.quit().await;
        }
    }

    fn folder(&self) -> &Path {
        match &self.kind {
            Kind::Maildir(folder) => folder,
            Kind::Smtp => Path::new(""),
        }
    }
}

/// What an SMTP server can be expected to offer before it was asked.
fn careful(size: u64) -> Offer {
    Offer { eight_bit_mime: false, smtputf8: false, ..everything(size) }
}

/// What we can do ourselves. DSN is not among it: notices are for whoever has a queue.
pub(super) fn everything(size: u64) -> Offer {
    // Chunks are put together here and go to the backend as DATA, so CHUNKING does not hang on it.
    Offer {
        size,
        chunking: true,
        pipelining: true,
        eight_bit_mime: true,
        smtputf8: true,
        enhanced_status_codes: true,
        ..Offer::default()
    }
}

/// How long a failed dial turns clients away at MAIL without another try.
const DOWN: Duration = Duration::from_secs(5);
