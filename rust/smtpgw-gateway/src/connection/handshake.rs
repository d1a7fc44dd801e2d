//! TLS with the client, by STARTTLS or before the greeting: the handshake within its limit, what it came to, and the
//! ledger of those that failed.

use std::sync::Arc;

use super::{Connection, End};
use crate::message::Session;
use crate::tls::Cause;
use crate::world::{Instant, World, timeout};

impl<W: World> Connection<W> {
    /// Shakes hands; afterwards the connection is as new.
    pub(super) async fn start_tls(&mut self) -> Result<(), End> {
        self.flush().await?;
        // Before the handshake: should it fail, it is not the client's failure for whom this proxy speaks.
        self.forget_spoken_for();
        let Some(tls) = &self.front.tls else { return Err(End::of("tls-not-configured")) };
        let config = Arc::clone(&tls.config);
        let begun = Instant::now();
        let patience = self.setup.desk.settings.limits.handshake_s;
        // Boxed: the handshake's future is large and short-lived.
        let handshake = Box::pin(self.wire.accept_tls(config, &mut self.client_hello, self.house.world.now()));
        let facts = match timeout(patience, handshake).await {
            Ok(Ok(facts)) => facts,
            Ok(Err(error)) => {
                self.tls_failure = Some(Cause::of(&error));
                return Err(End::because("tls-failed", error));
            }
            Err(_) => {
                self.tls_failure = Some(Cause::Timeout);
                return Err(End::of("tls-timeout"));
            }
        };
        self.handshake = Some(begun.elapsed());
        self.house.ledger.succeeded(self.session.client.ip(), Instant::now());
        // RFC 3207 §4.2: everything learnt in clear is forgotten.
        self.correspondence.forget().await;
        self.server.starttls_done(self.offer());
        let (tls, authenticated) = (Some(facts), false);
        let session =
            Session { esmtp: false, helo: String::new(), tls, authenticated, ..Session::clone(&self.session) };
        self.session = Arc::new(session);
        Ok(())
    }
}
