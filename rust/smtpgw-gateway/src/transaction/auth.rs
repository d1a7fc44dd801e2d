//! Who the client is to the backend: AUTH on a leg that is this client's alone, and stays so until it is gone.
//!
//! Nobody keeps what the client said, so a leg on which it has authenticated cannot be made anew: when it is lost the
//! client hears 421 at the next MAIL and comes again. Where recipients have backends of their own (`routes`) it is the
//! usual one that is asked; those of another are refused from then on.

use smtpgw_smtp::{AuthAnswer, Mechanism, Reply, Secret, replies};

use super::Correspondence;
use crate::error::BackendError;
use crate::message::Session;
use crate::world::World;

impl<W: World> Correspondence<W> {
    /// AUTH; dials if need be.
    pub(crate) async fn authenticate(
        &mut self,
        session: &Session,
        mechanism: Mechanism,
        initial: Option<Secret>,
    ) -> Reply {
        if self.backend_is_down() {
            return replies::AUTH_UNAVAILABLE;
        }
        let asked = self.leg.authenticate(self.front.routes.usual(), session, mechanism, initial).await;
        self.told(session, asked)
    }

    /// What the client says to a challenge.
    pub(crate) async fn auth_answer(&mut self, session: &Session, answer: &AuthAnswer) -> Reply {
        let asked = self.leg.auth_answer(answer).await;
        self.told(session, asked)
    }

    fn told(&mut self, session: &Session, asked: Result<Reply, BackendError>) -> Reply {
        asked.unwrap_or_else(|error| {
            self.leg.failed(session, &error);
            replies::AUTH_UNAVAILABLE
        })
    }
}
