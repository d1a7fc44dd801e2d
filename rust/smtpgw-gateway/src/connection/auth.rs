//! AUTH, handed on to the backend (`auth = "relay"`): offered and taken under TLS alone, decided by the backend alone.
//!
//! What the client says goes from its line to the backend's and nowhere else: no record, no inspector sees it, and the
//! buffers it stood in here are wiped. Whoever has authenticated is inspected as anybody is, and may send to whom the
//! listener's `recipient_domains` and the backend let it.

use std::sync::Arc;

use smtpgw_smtp::{AuthAnswer, Mechanism, Reply, Secret, replies};

use super::{Connection, End};
use crate::message::Session;
use crate::world::World;

/// What AUTH said.
pub(super) struct AuthEvent {
    pub(super) mechanism: Mechanism,
    pub(super) initial: Option<Secret>,
}

impl<W: World> Connection<W> {
    /// AUTH: the backend's challenge, its word, or our own 4yz.
    pub(super) async fn auth(&mut self, event: AuthEvent) -> Result<(), End> {
        if self.house.is_draining() {
            return self.hang_up(&replies::SHUTTING_DOWN, "drain").await;
        }
        self.consume_checks().await;
        let reply = if self.nameless {
            replies::AUTH_UNAVAILABLE
        } else if let Some(refusal) = self.correspondence.early_refusal() {
            self.refusals.get_or_insert_default().note("AUTH", &refusal);
            refusal.reply
        } else {
            self.correspondence.authenticate(&self.session, event.mechanism, event.initial).await
        };
        self.auth_replied(&reply);
        Ok(())
    }

    /// What the client says to a challenge.
    pub(super) async fn auth_answer(&mut self, answer: AuthAnswer) {
        let reply = self.correspondence.auth_answer(&self.session, &answer).await;
        self.auth_replied(&reply);
    }

    fn auth_replied(&mut self, reply: &Reply) {
        self.server.reply(reply);
        if self.server.is_authenticated() {
            self.session = Arc::new(Session { authenticated: true, ..Session::clone(&self.session) });
        }
    }
}
