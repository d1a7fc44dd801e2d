//! A client's one leg to the backend: dialled at MAIL (rule B2), kept from message to message, given up at the first
//! sign of trouble.
//!
//! Everything here returns the backend's own reply or a [`BackendError`], which [`LegKeeper::failed`] turns into a
//! record and a 4yz of ours. A leg that failed is never asked again: its next reply could be to anything.

use std::sync::Arc;

use smtpgw_smtp::{ForwardPath, MailParameters, RecipientParameters, Reply, ReversePath, replies};

use crate::backend::Leg;
use crate::error::BackendError;
use crate::house::House;
use crate::message::Session;
use crate::outgoing::Outgoing;
use crate::settings::{Identity, LogLevel, Relay};
use crate::setup::{Front, Setup};
use crate::world::World;

/// The leg of one client, if it has one.
pub(super) struct LegKeeper<W: World> {
    house: Arc<House<W>>,
    setup: Arc<Setup>,
    front: Arc<Front>,
    leg: Option<Leg<W::Stream>>,
}

impl<W: World> LegKeeper<W> {
    pub(super) fn new(house: Arc<House<W>>, setup: Arc<Setup>, front: Arc<Front>) -> Self {
        Self { house, setup, front, leg: None }
    }

    /// Whether there is a leg that can be asked.
    pub(super) const fn is_standing(&self) -> bool {
        self.leg.is_some()
    }

    /// Whether a dial would be in vain; a flag, not a question to the network (rule B2).
    pub(super) fn is_down(&self) -> bool {
        self.leg.is_none() && self.front.backend.is_down()
    }

    /// The client introduces itself by another name: a backend that was told the old one must not keep it.
    pub(super) async fn renamed(&mut self) {
        if self.front.backend.settings.identity == Identity::Xclient {
            self.part().await;
        }
    }

    /// MAIL, with recipients that may go in the same segment; dials if need be.
    pub(super) async fn mail(
        &mut self,
        session: &Session,
        path: &ReversePath,
        parameters: &MailParameters,
        ahead: &[(ForwardPath, RecipientParameters)],
    ) -> Result<Reply, BackendError> {
        self.dial(session).await?;
        let leg = self.leg.as_mut().ok_or(BackendError::Closed)?;
        let reply = leg.mail(path, parameters, ahead).await?;
        if reply.is_closing() {
            self.leg = None;
        }
        Ok(reply)
    }

    /// RCPT.
    pub(super) async fn recipient(
        &mut self,
        path: &ForwardPath,
        parameters: &RecipientParameters,
    ) -> Result<Reply, BackendError> {
        self.leg.as_mut().ok_or(BackendError::Closed)?.recipient(path, parameters).await
    }

    /// Keeps the backend's transaction alive while the client takes its time.
    pub(super) async fn keep_alive(&mut self) -> Result<(), BackendError> {
        match &mut self.leg {
            Some(leg) => leg.keep_alive().await,
            None => Ok(()),
        }
    }

    /// The whole message, and the backend's word on it. After an error it may or may not have it; without its reply
    /// the client keeps it (RFC 1047).
    pub(super) async fn deliver(&mut self, unique: String, message: Outgoing) -> Result<Reply, BackendError> {
        let Some(leg) = &mut self.leg else { return Err(BackendError::Closed) };
        let delivered = leg.deliver(unique, message).await;
        if delivered.as_ref().map_or(true, Reply::is_closing) {
            self.leg = None;
        }
        delivered
    }

    /// Octets that gather before they go to the backend, if content goes to it while it arrives.
    pub(super) fn streams(&self) -> Option<u64> {
        let settings = &self.front.backend.settings;
        (settings.relay == Relay::Stream).then_some(settings.stream_chunk)
    }

    /// The next piece of content; a refusal, if the backend does not take the message: then nothing of it is left.
    pub(super) async fn stream(&mut self, piece: &[u8]) -> Result<Option<Reply>, BackendError> {
        let Some(leg) = &mut self.leg else { return Err(BackendError::Closed) };
        let streamed = leg.stream(piece).await;
        match &streamed {
            Ok(None) => {}
            Ok(Some(_)) => self.reset().await,
            Err(_) => self.leg = None,
        }
        streamed
    }

    /// The last piece of content and its end: what holds for [`LegKeeper::deliver`] holds here.
    pub(super) async fn finish(&mut self, rest: &[u8]) -> Result<Reply, BackendError> {
        let Some(leg) = &mut self.leg else { return Err(BackendError::Closed) };
        let finished = leg.finish(rest).await;
        if finished.is_err() || !leg.is_usable() {
            self.leg = None;
        }
        finished
    }

    /// Nothing of the transaction is to be left: where it cannot be taken back, the connection goes.
    pub(super) async fn reset(&mut self) {
        if let Some(leg) = &mut self.leg
            && leg.reset().await.is_err()
        {
            self.leg = None;
        }
    }

    /// Parts with the backend.
    pub(super) async fn part(&mut self) {
        if let Some(leg) = self.leg.take() {
            leg.quit().await;
        }
    }

    /// The leg is of no more use.
    pub(super) fn give_up(&mut self) {
        self.leg = None;
    }

    /// The leg is of no more use; the client is told to come back.
    pub(super) fn failed(&mut self, session: &Session, error: &BackendError) -> Reply {
        self.give_up();
        let body = Failed { session: &session.id, backend: &self.front.backend.settings.address, error };
        self.house.log(LogLevel::Warning, "backend-failed", &body);
        match error {
            BackendError::Closed | BackendError::Io(_) | BackendError::Protocol(_) => replies::BACKEND_LOST,
            _ => replies::BACKEND_UNREACHABLE,
        }
    }

    async fn dial(&mut self, session: &Session) -> Result<(), BackendError> {
        if self.leg.is_none() {
            let size = self.setup.desk.settings.limits.message_size;
            // Boxed: dialling with its handshake is large and short-lived.
            self.leg = Some(Box::pin(self.front.backend.dial(&self.house.world, session, size)).await?);
        }
        Ok(())
    }
}

/// The record of a failure.
#[derive(serde::Serialize)]
struct Failed<'a> {
    session: &'a str,
    backend: &'a str,
    #[serde(serialize_with = "displayed")]
    error: &'a BackendError,
}

fn displayed<S: serde::Serializer>(error: &&BackendError, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(error)
}
