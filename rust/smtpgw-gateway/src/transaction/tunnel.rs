//! A stream to the backend for a client that will speak TLS with it directly (`tls = "tunnel"`).

use std::time::Duration;

use super::early::refusal;
use super::{Answer, Correspondence};
use crate::message::Session;
use crate::world::World;

impl<W: World> Correspondence<W> {
    /// What a client hears if the connection itself is refused.
    pub(crate) fn early_refusal(&self) -> Option<Answer> {
        refusal(self.fold(&self.early))
    }

    /// A stream past the backend's 220 to STARTTLS; `None` if there is none to be had, which is logged. With it the
    /// longest that its backend may take for anything.
    pub(crate) async fn tunnel(&mut self, session: &Session) -> Option<(W::Stream, Duration)> {
        self.forget().await;
        if self.backend_is_down() {
            return None;
        }
        match self.front.routes.only()?.dial_tunnel(&self.house, session).await {
            Ok(reached) => Some(reached),
            Err(error) => {
                self.leg.failed(session, &error);
                None
            }
        }
    }
}
