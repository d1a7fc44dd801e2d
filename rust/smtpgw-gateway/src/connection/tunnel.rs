//! `tls = "tunnel"`: STARTTLS is passed through to the server behind, whose certificate the client sees and whom it
//! hands its mail unseen. For emergencies, as when our own certificate is lost: greeting, record and log say so.
//!
//! First the server behind must agree, then the client hears its 220: whatever is wrong there is a 454 here, and the
//! client may go on in clear, inspected as always. Opinions of inspectors on the connection hold here as well.

use smtpgw_smtp::{CommandError, replies};

use super::{Connection, End};
use crate::house::Drain;
use crate::record::TunnelRecord;
use crate::tunnel::{Bounds, Ended, pass};
use crate::world::World;

impl<W: World> Connection<W> {
    /// Answers STARTTLS; after a refusal the connection goes on in clear.
    pub(super) async fn tunnel(&mut self) -> Result<(), End> {
        if self.speaks_for.is_some() {
            // Whatever it said inside would be said in its own name.
            self.server.refuse_starttls(&CommandError::XclientFirst.reply());
            return Ok(());
        }
        if self.nameless {
            self.server.refuse_starttls(&replies::CLIENT_UNKNOWN);
            return Ok(());
        }
        self.consume_checks().await;
        if let Some(refusal) = self.correspondence.early_refusal() {
            self.refusals.get_or_insert_default().note("STARTTLS", &refusal);
            self.server.refuse_starttls(&refusal.reply);
            return Ok(());
        }
        let Some((backend, patience)) = self.correspondence.tunnel(&self.session).await else {
            self.server.refuse_starttls(&replies::TLS_UNAVAILABLE);
            return Ok(());
        };
        self.flush().await?;
        let client = self.wire.take_clear().map_err(|error| End::because("tunnel-failed", error))?;
        let limits = &self.setup.desk.settings.limits;
        let bounds = Bounds { idle: limits.command_s.max(patience), rate: limits.data_rate };
        let Self { drain, client_hello, .. } = self;
        let over = async {
            // An error means that the gateway is gone, and so are we in a moment.
            let _ = drain.wait_for(Drain::is_over).await;
        };
        let (ended, passed) = pass(client, backend, bounds, client_hello, over).await;
        self.tunnelled = Some(Box::new(TunnelRecord { to_backend: passed.to_backend, to_client: passed.to_client }));
        Err(match ended {
            Ended::Closed => End::of("tunnel-closed"),
            Ended::Idle => End::of("timeout"),
            Ended::TooSlow => End::of("too-slow"),
            Ended::Over => End::of("drain"),
            Ended::Failed(error) => End::because("tunnel-failed", error),
        })
    }
}
