//! STARTTLS towards a backend, and the way round it where TLS is opportunistic (RFC 7435 §3).
//!
//! A backend with `tls = "opportunistic"` that offers STARTTLS and then fails at it (refuses it, hangs up, knows no
//! version or cipher of ours, never finishes) gets its mail in clear all the same, as it would if it offered none: on a
//! fresh connection, for nobody knows what the old one is in the middle of, and once, for the second dial says no
//! STARTTLS. The address is remembered (see [`Clear`](crate::backend::clear::Clear)), so that not every message pays
//! for a handshake in vain.
//!
//! Whoever can break a handshake can read the mail then. He could have before, by taking STARTTLS out of the reply to
//! EHLO: `opportunistic` is safe from listeners alone. `required` and `verified` never come here, nor does a message
//! that asks for REQUIRETLS, which goes to verified backends alone. Octets behind the 220 are no failed handshake but a
//! forgery, and end the dial.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls_pki_types::ServerName;
use smtpgw_smtp::{Command, Reply};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Smtp, server_name};
use crate::backend::Site;
use crate::backend::clear::Found;
use crate::error::BackendError;
use crate::message::Session;
use crate::settings::BackendTls;
use crate::world::{Instant, World};

/// How a leg stands to STARTTLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Starttls {
    /// It is said where it is offered and wanted.
    Wanted,
    /// It has been said, and nothing was heard under TLS yet. A server that wants a certificate of ours under TLS 1.3
    /// says so only behind a handshake that is done for us.
    Begun,
    /// What comes is said under TLS.
    Done,
    /// It failed on another connection to the address, and is not said.
    Avoided,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Smtp<S> {
    /// Connects and introduces the client; without one, only to see what is offered.
    pub(crate) async fn dial<W: World<Stream = S>>(
        world: &W,
        site: &Arc<Site>,
        address: SocketAddr,
        session: Option<&Session>,
    ) -> Result<Self, BackendError> {
        let found = site.clear.of(address, Instant::now());
        let course = if found == Some(Found::GoesInClear) { Starttls::Avoided } else { Starttls::Wanted };
        match Self::dial_once(world, site, address, session, course).await {
            Err(BackendError::Handshake(error)) if found == Some(Found::Insists) => Err(site.blames(*error, session)),
            Err(BackendError::Handshake(error)) => {
                let mut leg = Self::dial_once(world, site, address, session, Starttls::Avoided).await?;
                leg.fell_back = Some(error);
                Ok(leg)
            }
            other => other,
        }
    }

    pub(super) fn wants_tls(&self) -> Result<bool, BackendError> {
        match (self.site.settings.tls, self.client.extensions().starttls) {
            (BackendTls::None, _) | (BackendTls::Opportunistic, false) => Ok(false),
            (BackendTls::Opportunistic, true) => Ok(self.starttls != Starttls::Avoided),
            (BackendTls::Required | BackendTls::Verified, true) => Ok(true),
            (BackendTls::Required | BackendTls::Verified, false) => {
                Err(BackendError::Tls("required, and not offered".into()))
            }
        }
    }

    pub(super) async fn start_tls(&mut self) -> Result<(), BackendError> {
        self.starttls = Starttls::Begun;
        let reply = self.exchange(&Command::Starttls).await?;
        if reply.code().value() != 220 {
            return Err(BackendError::Tls(format!("STARTTLS was answered {}", reply.code())));
        }
        let trust = self.site.trust.as_ref().ok_or_else(|| BackendError::Tls("not configured".into()))?;
        let config = trust.config();
        let nameless = ServerName::IpAddress(IpAddr::from([0; 4]).into());
        // Only where nothing is verified: such a name does not start there.
        let name = server_name(&self.site.settings).unwrap_or(nameless);
        self.wire.connect_tls(config, name).await.map_err(|error| BackendError::Tls(error.to_string()))?;
        self.client.starttls_done();
        Ok(())
    }

    /// What an error of the introduction is, if it may be gone round.
    pub(super) fn gone_round(&self, error: BackendError) -> BackendError {
        let at_tls = self.starttls == Starttls::Begun && self.site.settings.tls == BackendTls::Opportunistic;
        match error {
            BackendError::Tls(_) | BackendError::Io(_) | BackendError::Closed | BackendError::Timeout(_) if at_tls => {
                BackendError::Handshake(Box::new(error))
            }
            other => other,
        }
    }

    /// RFC 3207 §4: 530 where a backend insists on TLS. It is ours that failed, so the client must not take that for
    /// the last word on its message; and the next dial tries TLS again, and nothing else.
    pub(super) fn insists_on_tls(&self, reply: &Reply) -> Result<(), BackendError> {
        if self.starttls == Starttls::Avoided && reply.code().value() == 530 {
            self.site.clear.insists(self.address, Instant::now());
            return Err(BackendError::Tls("it failed a moment ago, and the backend insists on it".into()));
        }
        Ok(())
    }
}
