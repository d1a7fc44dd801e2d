//! A client's one leg to the backend: dialled at MAIL (rule B2), kept from message to message, given up at the first
//! sign of trouble.
//!
//! Everything here returns the backend's own reply or a [`BackendError`], which [`LegKeeper::failed`] turns into a
//! record and a 4yz of ours. A leg that failed is never asked again: its next reply could be to anything.

use std::net::SocketAddr;
use std::sync::Arc;

use smtpgw_smtp::{
    AuthAnswer, ForwardPath, MailParameters, Mechanism, RecipientParameters, Reply, ReversePath, Secret, replies,
};

use crate::backend::{Choice, Leg, Place};
use crate::error::BackendError;
use crate::house::House;
use crate::message::Session;
use crate::outgoing::Outgoing;
use crate::settings::{Identity, LogLevel, Relay};
use crate::setup::Front;
use crate::world::World;

/// The leg of one client, if it has one.
pub(super) struct LegKeeper<W: World> {
    house: Arc<House<W>>,
    front: Arc<Front>,
    leg: Option<Leg<W::Stream>>,
    /// Where the leg leads, or the last one led.
    place: Option<Place>,
    /// The client has authenticated over the leg: there can be no other one for it, even once this is lost.
    authenticated: bool,
}

impl<W: World> LegKeeper<W> {
    pub(super) fn new(house: Arc<House<W>>, front: Arc<Front>) -> Self {
        Self { house, front, leg: None, place: None, authenticated: false }
    }

    /// Where the leg leads, or the last one led.
    pub(super) const fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// Whether a dial would be in vain; a flag, not a question to the network (rule B2).
    pub(super) fn is_down(&self) -> bool {
        self.leg.is_none() && !self.authenticated && self.front.routes.are_down()
    }

    /// The client introduces itself by another name: a backend that was told the old one must not keep it.
    pub(super) async fn renamed(&mut self) {
        let told = |identity| matches!(identity, Identity::Xclient | Identity::Xforward);
        if !self.authenticated && self.place.as_ref().is_some_and(|place| told(place.site.settings.identity)) {
            self.part().await;
        }
    }

    /// MAIL, with recipients that may go in the same segment; dials if need be.
    pub(super) async fn mail(
        &mut self,
        choice: &Choice,
        session: &Session,
        path: &ReversePath,
        parameters: &MailParameters,
        ahead: &[(ForwardPath, RecipientParameters)],
    ) -> Result<Reply, BackendError> {
        if self.authenticated {
            return Box::pin(self.mail_as_known(choice, path, parameters, ahead)).await;
        }
        if self.leg.is_some() && !self.place.as_ref().is_some_and(|place| choice.would_take(&place.site)) {
            self.part().await;
        }
        if self.leg.as_ref().is_some_and(|leg| !leg.has_mails_left()) {
            self.part().await;
        }
        if self.leg.is_none() {
            self.leg = Box::pin(choice.warm(&self.house, session)).await;
        }
        if let Some(leg) = &mut self.leg {
            self.place = Some(leg.place());
            match leg.mail(path, parameters, ahead).await {
                Ok(reply) if !reply.is_closing() => return Ok(reply),
                // Since the message before it went away or fell out of step. Nothing of this one was handed on, and
                // another leg may be asked.
                Ok(_) | Err(_) => self.leg = None,
            }
        }
        self.place = None;
        // Boxed: dialling with its handshake is large and short-lived.
        let mut leg = Box::pin(choice.dial(&self.house, session)).await?;
        self.place = Some(leg.place());
        let reply = leg.mail(path, parameters, ahead).await?;
        if !reply.is_closing() {
            self.leg = Some(leg);
        }
        Ok(reply)
    }

    /// MAIL of a client that has authenticated: on its leg, or not at all.
    async fn mail_as_known(
        &mut self,
        choice: &Choice,
        path: &ReversePath,
        parameters: &MailParameters,
        ahead: &[(ForwardPath, RecipientParameters)],
    ) -> Result<Reply, BackendError> {
        let Some(leg) = &mut self.leg else { return Ok(replies::AUTH_LOST) };
        let place = leg.place();
        if !choice.includes(&place.site) {
            return Ok(replies::OTHER_SERVER);
        }
        self.place = Some(place);
        let reply = leg.mail(path, parameters, ahead).await?;
        if reply.is_closing() {
            self.leg = None;
        }
        Ok(reply)
    }

    /// AUTH, to one of `choice`; dials if need be, and never takes a leg that was another client's.
    pub(super) async fn authenticate(
        &mut self,
        choice: &Choice,
        session: &Session,
        mechanism: Mechanism,
        initial: Option<Secret>,
    ) -> Result<Reply, BackendError> {
        if self.place.as_ref().is_some_and(|place| !choice.includes(&place.site)) {
            self.part().await;
        }
        // As at MAIL: it went away or fell out of step, and another one may be asked. Only before anything of the
        // credentials is written, for servers count who presents them, and how often.
        if let Some(leg) = &mut self.leg
            && leg.is_fit_for_auth().await.is_err()
        {
            self.leg = None;
        }
        let leg = match &mut self.leg {
            Some(leg) => leg,
            None => {
                self.place = None;
                // Boxed: dialling with its handshake is large and short-lived.
                let leg = Box::pin(choice.dial(&self.house, session)).await?;
                self.place = Some(leg.place());
                self.leg.insert(leg)
            }
        };
        let reply = leg.auth(mechanism, initial).await?;
        Ok(self.heard(reply))
    }

    /// What the client says to a challenge.
    pub(super) async fn auth_answer(&mut self, answer: &AuthAnswer) -> Result<Reply, BackendError> {
        let reply = self.leg.as_mut().ok_or(BackendError::Closed)?.auth_answer(answer).await?;
        Ok(self.heard(reply))
    }

    fn heard(&mut self, reply: Reply) -> Reply {
        if reply.is_closing() {
            self.leg = None;
        }
        self.authenticated = self.leg.as_ref().is_some_and(Leg::is_authenticated);
        reply
    }

    /// Whether the leg is not to be lost while the client does nothing.
    pub(super) const fn is_bound(&self) -> bool {
        self.authenticated && self.leg.is_some()
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
        note_unconfirmed(&self.house, &leg.place(), &delivered);
        if delivered.as_ref().map_or(true, Reply::is_closing) {
            self.leg = None;
        }
        delivered
    }

    /// Octets that gather before they go to the backend, if content goes to it while it arrives.
    pub(super) fn streams(&self) -> Option<u64> {
        let settings = &self.place.as_ref()?.site.settings;
        (settings.relay == Relay::Stream).then_some(settings.stream_chunk)
    }

    /// The next piece of content; a refusal, if the backend does not take the message: then nothing of it is left.
    pub(super) async fn stream(&mut self, piece: &[u8]) -> Result<Option<Reply>, BackendError> {
        let Some(leg) = &mut self.leg else { return Err(BackendError::Closed) };
        let streamed = leg.stream(piece).await;
        note_unconfirmed(&self.house, &leg.place(), &streamed);
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
        note_unconfirmed(&self.house, &leg.place(), &finished);
        if finished.is_err() || !leg.is_usable() {
            self.leg = None;
        }
        finished
    }

    /// Nothing of the transaction is to be left: where it cannot be taken back, the connection goes.
    pub(super) async fn reset(&mut self) {
        if let Some(leg) = &mut self.leg
            && Box::pin(leg.reset()).await.is_err()
        {
            self.leg = None;
        }
    }

    /// Parts with the backend; the leg may be another client's.
    pub(super) async fn part(&mut self) {
        self.authenticated = false;
        match self.leg.take() {
            Some(leg) if !self.house.is_draining() => Box::pin(self.house.pool.keep(leg)).await,
            Some(leg) => Box::pin(leg.quit()).await,
            None => {}
        }
    }

    /// The leg is of no more use.
    pub(super) fn give_up(&mut self) {
        self.leg = None;
    }

    /// The leg is of no more use; the client is told to come back.
    pub(super) fn failed(&mut self, session: &Session, error: &BackendError) -> Reply {
        self.give_up();
        let backend = self.place.as_ref().map(|place| place.site.name.clone());
        let backend = backend.unwrap_or_else(|| self.front.routes.names());
        let address = self.place.as_ref().and_then(|place| place.address);
        let body = Failed { session: &session.id, backend, address, error };
        self.house.log(LogLevel::Warning, "backend-failed", &body);
        match error {
            _ if self.authenticated => replies::AUTH_LOST,
            BackendError::Closed | BackendError::Io(_) | BackendError::Protocol(_) => replies::BACKEND_LOST,
            _ => replies::BACKEND_UNREACHABLE,
        }
    }
}

/// Remembers a backend that takes a message in chunks and does not let us make sure of it.
fn note_unconfirmed<W: World, T>(house: &House<W>, place: &Place, outcome: &Result<T, BackendError>) {
    if let Err(error @ BackendError::Unconfirmed(_)) = outcome {
        place.site.unconfirmed(house, place.address, error);
    }
}

/// The record of a failure.
#[derive(serde::Serialize)]
struct Failed<'a> {
    session: &'a str,
    backend: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<SocketAddr>,
    #[serde(serialize_with = "displayed")]
    error: &'a BackendError,
}

fn displayed<S: serde::Serializer>(error: &&BackendError, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(error)
}
