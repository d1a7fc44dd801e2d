//! A connection to the backend that is the client's own from STARTTLS on.

use std::net::SocketAddr;
use std::sync::Arc;

use smtpgw_smtp::Command;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Smtp, within};
use crate::backend::Site;
use crate::error::BackendError;
use crate::message::Session;
use crate::world::World;

impl<S: AsyncRead + AsyncWrite + Unpin> Smtp<S> {
    /// Connects, tells who the client is where that is configured, and has STARTTLS agreed to; what comes next on the
    /// stream is a ClientHello.
    pub(crate) async fn dial_tunnel<W: World<Stream = S>>(
        world: &W,
        site: &Arc<Site>,
        address: SocketAddr,
        session: &Session,
    ) -> Result<S, BackendError> {
        let agreement = async {
            let mut leg = Self::connect(world, site, address).await?;
            leg.announce(Some(session)).await?;
            leg.greeted().await?;
            let hostname = site.hostname.clone();
            leg.hello(&hostname).await?;
            // Rule O1: whatever way of telling is configured must have been gone before the client speaks for itself.
            leg.identify(session).await?;
            if !leg.client.extensions().starttls {
                return Err(BackendError::Tls("a tunnel needs STARTTLS, and it is not offered".into()));
            }
            let reply = leg.exchange(&Command::Starttls).await?;
            if reply.code().value() != 220 {
                return Err(BackendError::Tls(format!("STARTTLS was answered {}", reply.code())));
            }
            // Octets behind the 220 are a response injection.
            leg.wire.take_clear().map_err(|error| BackendError::Tls(error.to_string()))
        };
        within(site.settings.connect_s, "connect_s", agreement).await
    }
}
