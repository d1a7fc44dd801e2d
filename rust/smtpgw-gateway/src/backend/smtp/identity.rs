//! How a backend learns who the client is: XCLIENT, a PROXY header, or XFORWARD for its log.
//!
//! A backend that is configured to learn the client's address and does not offer the way, or refuses it, gets no mail
//! (rule O1): it would take our own address for the client's and might relay for anybody. A PROXY header is offered
//! by nobody, so a backend that does not know it is recognised by what it says to it: something else than a
//! greeting, or a refusal where the reply to EHLO should be. XFORWARD decides nothing, so nothing hangs on it.

use std::net::SocketAddr;

use smtpgw_smtp::{
    Command, Reply, XclientName, XclientValue, XforwardName, xclient_address, xclient_commands, xforward_commands,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Site, Smtp};
use crate::error::BackendError;
use crate::message::Session;
use crate::proxy_header::{version_1, version_2};
use crate::record::shortened;
use crate::settings::Identity;

impl<S: AsyncRead + AsyncWrite + Unpin> Smtp<S> {
    /// What is written before the backend has said anything: a PROXY header. Without a client we speak for ourselves.
    pub(super) async fn announce(&mut self, session: Option<&Session>) -> Result<(), BackendError> {
        let endpoints = session.map(|session| (session.client, session.destination()));
        let mut header = match self.site.settings.identity {
            Identity::ProxyV1 => version_1(endpoints),
            Identity::ProxyV2 => version_2(endpoints, session.and_then(|session| session.tls.as_ref())),
            Identity::Xclient | Identity::Xforward | Identity::None => return Ok(()),
        };
        Ok(self.wire.write(&mut header).await?)
    }

    /// EHLO was refused: no HELO then where a PROXY header was sent, for the refusal may be that of the header, and
    /// what comes next the reply to EHLO.
    pub(super) fn heard_header(&self, reply: &Reply) -> Result<(), BackendError> {
        match self.site.settings.identity {
            Identity::ProxyV1 | Identity::ProxyV2 => Err(BackendError::Identity(format!(
                "behind a PROXY header EHLO was answered {}",
                shortened(reply.to_string())
            ))),
            Identity::Xclient | Identity::Xforward | Identity::None => Ok(()),
        }
    }

    /// Tells who the client is, once commands can be sent.
    pub(super) async fn identify(&mut self, session: &Session) -> Result<(), BackendError> {
        match self.site.settings.identity {
            Identity::Xclient => self.xclient(session).await,
            Identity::Xforward => {
                self.forward = self.xforward(session);
                Ok(())
            }
            Identity::ProxyV1 | Identity::ProxyV2 | Identity::None => Ok(()),
        }
    }

    /// What XFORWARD says, before each MAIL, for Postfix forgets it with each transaction. A refusal is a line that its
    /// log lacks.
    pub(in crate::backend) async fn forward(&mut self) -> Result<(), BackendError> {
        for command in self.forward.clone() {
            self.exchange(&command).await?;
        }
        Ok(())
    }

    /// Afterwards the backend is as after its greeting, and hears the client's own name.
    async fn xclient(&mut self, session: &Session) -> Result<(), BackendError> {
        let offered = self.client.extensions().xclient.unwrap_or_default();
        if !offered.contains(XclientName::Addr) {
            return Err(BackendError::Identity("XCLIENT with ADDR is not offered".into()));
        }
        let carried = session.carried.as_deref();
        let address = xclient_address(session.client.ip().to_canonical());
        let client_port = port(session.client);
        let destination = session.destination();
        let (destination_address, destination_port) =
            (xclient_address(destination.ip().to_canonical()), port(destination));
        let known_destination = (!destination.ip().is_unspecified()).then_some(destination_address.as_str());
        // Whatever is ever said is said of each client: a leg may have been another one's.
        let attributes = [
            (XclientName::Name, known(carried.and_then(|carried| carried.client_name.as_deref()))),
            (XclientName::Addr, XclientValue::Known(&address)),
            (XclientName::Port, known(client_port.as_deref())),
            (XclientName::Proto, XclientValue::Known(protocol(session))),
            (XclientName::Helo, XclientValue::Known(&session.helo)),
            (XclientName::Login, known(carried.and_then(|carried| carried.login.as_deref()))),
            (XclientName::DestAddr, known(known_destination)),
            (XclientName::DestPort, known(destination_port.as_deref())),
        ];
        for command in xclient_commands(offered, &attributes) {
            let reply = self.exchange(&command).await?;
            if reply.code().value() != 220 {
                return Err(BackendError::Identity(format!("XCLIENT was answered {}", shortened(reply.to_string()))));
            }
        }
        self.hello(&session.helo).await
    }

    fn xforward(&self, session: &Session) -> Vec<Command> {
        let offered = self.client.extensions().xforward.unwrap_or_default();
        let carried = session.carried.as_deref();
        let address = xclient_address(session.client.ip().to_canonical());
        let client_port = port(session.client);
        let attributes = [
            (XforwardName::Name, known(carried.and_then(|carried| carried.client_name.as_deref()))),
            (XforwardName::Addr, XclientValue::Known(&address)),
            (XforwardName::Port, known(client_port.as_deref())),
            (XforwardName::Proto, XclientValue::Known(protocol(session))),
            (XforwardName::Helo, XclientValue::Known(&session.helo)),
            (XforwardName::Ident, XclientValue::Known(&session.id)),
            (XforwardName::Source, XclientValue::Known("REMOTE")),
        ];
        xforward_commands(offered, &attributes)
    }
}

impl Site {
    /// What an error of the introduction is about. Behind a PROXY header all of it is said to the client.
    pub(super) fn blames(&self, error: BackendError, session: Option<&Session>) -> BackendError {
        match self.settings.identity {
            Identity::ProxyV1 | Identity::ProxyV2 if session.is_some() => about_client(error),
            _ => error,
        }
    }
}

/// Once the backend knows the client, whatever goes wrong may be this client's doing, and says nothing on the backend's
/// health. What it answers stands, and no other backend is asked. If it fails without an answer another one is: it
/// may as well be out of order, and only a look, which speaks for nobody, can tell.
pub(super) fn about_client(error: BackendError) -> BackendError {
    match error {
        BackendError::Identity(_) => error,
        BackendError::Timeout(_) | BackendError::Closed | BackendError::Io(_) | BackendError::Tls(_) => {
            BackendError::Unanswered(Box::new(error))
        }
        other => BackendError::Identity(other.to_string()),
    }
}

/// The port, if it was ever said: XCLIENT may have named a client without.
fn port(address: SocketAddr) -> Option<String> {
    (address.port() != 0).then(|| address.port().to_string())
}

fn known(value: Option<&str>) -> XclientValue<'_> {
    value.map_or(XclientValue::Unavailable, XclientValue::Known)
}

const fn protocol(session: &Session) -> &'static str {
    if session.esmtp { "ESMTP" } else { "SMTP" }
}
