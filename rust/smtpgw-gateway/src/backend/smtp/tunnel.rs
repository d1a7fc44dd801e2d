//! A connection to the backend that is the client's own from STARTTLS on.

use std::net::SocketAddr;
use std::sync::Arc;

use smtpgw_smtp::Command;
use tokio::io::{AsyncRead, AsyncWrite};

use super::identity::about_client;
use super::{Smtp, by};
use crate::backend::Site;
use crate::error::BackendError;
use crate::message::Session;
use crate::world::{Instant, World};

impl<S: AsyncRead + AsyncWrite + Unpin> Smtp<S> {
    /// Connects, tells who the client is where that is configured, and has STARTTLS agreed to; what comes next on the
    /// stream is a ClientHello.
    pub(crate) async fn dial_tunnel<W: World<Stream = S>>(
        world: &W,
        site: &Arc<Site>,
        address: SocketAddr,
        session: &Session,
    ) -> Result<S, BackendError> {
        let until = Instant::now() + site.settings.connect_s;
        let mut leg = by(until, Self::connect(world, site, address)).await?;
        let greeting = async {
            leg.announce(Some(session)).await?;
            leg.greeted().await?;
            let hostname = site.hostname.clone();
            leg.hello(&hostname).await
        };
        by(until, greeting).await.map_err(|error| site.blames(error, Some(session)))?;
        // Rule O1: whatever way of telling is configured must have been gone before the client speaks for itself.
        by(until, leg.identify(session)).await.map_err(about_client)?;
        let agreement = async {
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
        by(until, agreement).await.map_err(|error| site.blames(error, Some(session)))
    }
}
