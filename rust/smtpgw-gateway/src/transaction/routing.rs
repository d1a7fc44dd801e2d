//! RCPT, put to the backend that the recipient belongs to.
//!
//! With one choice of backends MAIL was put to it already, and RCPT follows. With several, MAIL was answered by us
//! (there was nobody to ask), and is put to a backend together with its first recipient: whatever that backend says of
//! MAIL, if it refuses, is the reply to RCPT (rule R1). From the first accepted recipient on the transaction belongs to
//! that backend: two backends, two replies at the end of data, and only one of them could be passed on. A recipient of
//! another one hears 452, by which senders know to bring it in a further transaction (RFC 5321 §4.5.3.1.10).

use smtpgw_smtp::{ForwardPath, RecipientParameters, Reply, replies};

use super::{Correspondence, Transaction};
use crate::error::BackendError;
use crate::message::Session;
use crate::world::World;

impl<W: World> Correspondence<W> {
    /// RCPT; the backend's reply, or ours where it must not be asked.
    pub(super) async fn ask_backend(
        &mut self,
        session: &Session,
        path: &ForwardPath,
        words: &RecipientParameters,
    ) -> Result<Reply, BackendError> {
        let Some(transaction) = &mut self.transaction else { return Ok(replies::LOCAL_ERROR) };
        if transaction.broken.is_some() {
            return Ok(replies::BACKEND_LOST);
        }
        if self.front.routes.only().is_some() {
            return self.leg.recipient(path, words).await;
        }
        let choice = self.front.routes.of(path);
        if let (Some(place), Some(chosen)) = (&transaction.place, &transaction.choice) {
            if chosen.is_same(choice) || choice.would_take(&place.site) {
                return self.leg.recipient(path, words).await;
            }
            if transaction.has_recipients() {
                return Ok(replies::OTHER_TRANSACTION);
            }
            self.leg.reset().await;
        }
        (transaction.place, transaction.choice) = (None, None);
        let Transaction { reverse_path, parameters, .. } = &**transaction;
        let first = [(path.clone(), words.clone())];
        let reply = Box::pin(self.leg.mail(choice, session, reverse_path, parameters, &first)).await?;
        if !reply.is_positive_completion() {
            return Ok(reply);
        }
        (transaction.place, transaction.choice) = (self.leg.place().cloned(), Some(choice.clone()));
        self.leg.recipient(path, words).await
    }

    /// The backend failed at RCPT. If it has no recipient yet and another may be asked, nothing is lost.
    pub(super) fn recipient_failed(&mut self, session: &Session, error: &BackendError) -> Reply {
        if let Some(transaction) = &mut self.transaction {
            if self.front.routes.only().is_some() || transaction.has_recipients() {
                transaction.broken = Some(BackendError::Closed);
            }
            (transaction.place, transaction.choice) = (None, None);
        }
        self.leg.failed(session, error)
    }
}
