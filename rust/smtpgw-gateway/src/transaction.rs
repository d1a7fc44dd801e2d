//! A client's dealings with the backend, message by message: the envelope, the content, what becomes of both.
//!
//! Here is the course of a transaction. What is decided before content stands in [`early`], the end (and with it the
//! tenets) in [`completion`], its record in [`outcome`], the way to the backend in [`leg_keeper`], content that takes
//! it before the verdict in [`streaming`].

mod auth;
mod completion;
mod early;
mod leg_keeper;
mod outcome;
mod patience;
mod routing;
mod streaming;
mod tunnel;

use std::pin::pin;
use std::sync::Arc;

use smtpgw_smtp::{ContentError, ForwardPath, MailParameters, RecipientParameters, ReversePath, replies};

pub(crate) use self::early::Answer;
use self::early::refusal;
use self::leg_keeper::LegKeeper;
use self::outcome::Outcome;
pub(crate) use self::patience::WATCH;
use self::patience::meanwhile;
use self::streaming::{Streaming, pass_on};
use crate::backend::{Choice, Place};
use crate::error::BackendError;
use crate::house::House;
use crate::inspection::Opinion;
use crate::message::{Envelope, Session};
use crate::outgoing::Passing;
use crate::pace::Pace;
use crate::reception::Reception;
use crate::setup::{Front, Setup};
use crate::world::{Instant, World};

/// Everything between one client and its backend.
pub(crate) struct Correspondence<W: World> {
    house: Arc<House<W>>,
    setup: Arc<Setup>,
    front: Arc<Front>,
    leg: LegKeeper<W>,
    /// Boxed: an idle connection has none.
    transaction: Option<Box<Transaction>>,
    /// Opinions on the connection, which count for each of its messages.
    early: Vec<Opinion>,
    count: u32,
    relayed: u32,
}

/// One message under way.
struct Transaction {
    session: Arc<Session>,
    reverse_path: ReversePath,
    /// MAIL asked for it (RFC 6531).
    smtputf8: bool,
    envelope: Envelope,
    parameters: MailParameters,
    /// Where its MAIL and its recipients are.
    place: Option<Place>,
    /// Which route led there, if there are several.
    choice: Option<Choice>,
    /// Opinions on its recipients.
    early: Vec<Opinion>,
    reception: Option<Box<Reception>>,
    /// Content that goes to the backend while it arrives.
    streaming: Option<Box<Streaming>>,
    /// Whether the backend had some of it before the verdict.
    streamed: bool,
    pace: Option<Pace>,
    /// Why the backend can no longer take it.
    broken: Option<BackendError>,
    begun: Instant,
    content_begun: Option<Instant>,
}

impl Transaction {
    const fn has_recipients(&self) -> bool {
        !self.envelope.forward_paths.is_empty()
    }
}

impl<W: World> Correspondence<W> {
    pub(crate) fn new(house: Arc<House<W>>, setup: Arc<Setup>, front: Arc<Front>) -> Self {
        let leg = LegKeeper::new(Arc::clone(&house), Arc::clone(&front));
        Self { house, setup, front, leg, transaction: None, early: Vec::new(), count: 0, relayed: 0 }
    }

    /// Transactions so far.
    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    /// Messages that the backend acknowledged.
    pub(crate) const fn relayed(&self) -> u32 {
        self.relayed
    }

    /// Notes the opinions on the connection.
    pub(crate) fn early(&mut self, opinions: Vec<Opinion>) {
        self.early = opinions;
    }

    /// Whether a dial would be in vain; a flag, not a question to the network (rule B2).
    pub(crate) fn backend_is_down(&self) -> bool {
        self.leg.is_down()
    }

    /// The client introduced itself (again): no transaction survives (RFC 5321 §4.1.4), and a backend that was told
    /// another name must not keep it.
    pub(crate) async fn hello(&mut self, before: &Session, name: &str) {
        self.reset().await;
        if before.helo != name {
            self.leg.renamed().await;
        }
    }

    /// MAIL: dials if need be. The backend's reply, or our own 4yz. Recipients that are known to come next are put to
    /// the backend with it, as long as it alone decides on them.
    pub(crate) async fn mail(
        &mut self,
        session: &Arc<Session>,
        reverse_path: ReversePath,
        parameters: MailParameters,
        mut ahead: Vec<(ForwardPath, RecipientParameters)>,
    ) -> Answer {
        if let Some(refusal) = refusal(self.fold(&self.early)) {
            return refusal;
        }
        let expected = parameters.size.unwrap_or_default();
        if self.setup.desk.budget.has_no_room_for(expected, self.setup.desk.settings.spool.memory) {
            return replies::NO_SPACE.into();
        }
        let own_decision = |(path, _): &(ForwardPath, _)| self.refusal_of(path).is_some();
        ahead.truncate(ahead.iter().position(own_decision).unwrap_or(ahead.len()));
        if self.setup.desk.panel.as_ref().is_some_and(|panel| panel.wants_recipients()) {
            ahead.clear();
        }
        // With several routes it takes a recipient to know whom to ask.
        let (reply, place) = match self.front.routes.only() {
            None => (replies::SENDER_OK, None),
            Some(choice) => match self.leg.mail(choice, session, &reverse_path, &parameters, &ahead).await {
                Ok(reply) => (reply, self.leg.place().cloned()),
                Err(error) => return self.leg.failed(session, &error).into(),
            },
        };
        if reply.is_positive_completion() {
            self.count += 1;
            let envelope = Envelope { reverse_path: reverse_path.as_str().to_owned(), forward_paths: Vec::new() };
            self.transaction = Some(Box::new(Transaction {
                session: Arc::clone(session),
                reverse_path,
                smtputf8: parameters.smtputf8,
                envelope,
                parameters,
                place,
                choice: None,
                early: Vec::new(),
                reception: None,
                streaming: None,
                streamed: false,
                pace: None,
                broken: None,
                begun: Instant::now(),
                content_begun: None,
            }));
        }
        reply.into()
    }

    /// RCPT: the backend's reply, or our own.
    pub(crate) async fn recipient(
        &mut self,
        session: &Arc<Session>,
        forward_path: ForwardPath,
        parameters: RecipientParameters,
    ) -> Answer {
        if let Some(refusal) = self.refusal_of(&forward_path) {
            return refusal.into();
        }
        let Some(reverse_path) = self.transaction.as_ref().map(|under_way| under_way.reverse_path.as_str()) else {
            return replies::LOCAL_ERROR.into();
        };
        let opinions = self.ask_about_recipient(session, reverse_path, forward_path.as_str()).await;
        if let Some(refusal) = refusal(self.fold(&opinions)) {
            return refusal;
        }
        let reply = match self.ask_backend(session, &forward_path, &parameters).await {
            Ok(reply) => {
                if let (true, Some(transaction)) = (reply.is_positive_completion(), &mut self.transaction) {
                    transaction.envelope.forward_paths.push(forward_path.as_str().to_owned());
                    transaction.early.extend(opinions);
                }
                reply
            }
            Err(error) => self.recipient_failed(session, &error),
        };
        reply.into()
    }

    /// DATA was answered 354, or the first BDAT has come.
    pub(crate) fn begin_content(&mut self) {
        let streaming = self.transaction.as_deref().and_then(|transaction| self.streaming(transaction));
        if let Some(transaction) = &mut self.transaction {
            let envelope = transaction.envelope.clone();
            let session = Arc::clone(&transaction.session);
            transaction.reception = Some(Reception::new(&self.setup.desk, session, envelope));
            transaction.streaming = streaming;
            transaction.pace = Some(Pace::new(self.setup.desk.settings.limits.data_rate));
            transaction.content_begun = Some(Instant::now());
        }
    }

    /// Further content. Never blocks; [`Correspondence::settle`] follows before the next read.
    pub(crate) fn content(&mut self, octets: &[u8]) {
        let Some(transaction) = &mut self.transaction else { return };
        if let Some(reception) = &mut transaction.reception {
            reception.push(octets);
        }
        if let Some(streaming) = &mut transaction.streaming {
            streaming.push(octets);
        }
    }

    /// Brings content to rest, or to the backend; back-pressure on the client.
    pub(crate) async fn settle(&mut self) {
        let Some(transaction) = &mut self.transaction else { return };
        let Transaction { reception, streaming, streamed, broken, .. } = &mut **transaction;
        let Some(reception) = reception else { return };
        let settle = pin!(reception.settle());
        let ((), sent) = meanwhile(settle, streaming, &mut self.leg, broken).await;
        *streamed |= sent;
    }

    /// While content arrives: how slowly it may.
    pub(crate) fn take_pace(&mut self) -> Option<Pace> {
        self.transaction.as_mut()?.pace.take()
    }

    /// Gives it back.
    pub(crate) fn put_pace(&mut self, pace: Pace) {
        if let Some(transaction) = &mut self.transaction {
            transaction.pace = Some(pace);
        }
    }

    /// Whether a backend waits for us, and is to hear from us now and then.
    pub(crate) const fn keeps_waiting(&self) -> bool {
        self.transaction.is_some() || self.leg.is_bound()
    }

    /// Keeps the backend's transaction alive and notices hung inspectors; when to look again.
    pub(crate) async fn look_after(&mut self) -> Option<Instant> {
        let Some(transaction) = self.transaction.as_mut() else {
            if self.leg.keep_alive().await.is_err() {
                self.leg.give_up();
            }
            return None;
        };
        if transaction.broken.is_none()
            && let Err(error) = self.leg.keep_alive().await
        {
            transaction.broken = Some(error);
        }
        let sent = pass_on(&mut transaction.streaming, &mut self.leg, &mut transaction.broken).await;
        transaction.streamed |= sent;
        transaction.reception.as_mut()?.look_after()
    }

    fn streaming(&self, transaction: &Transaction) -> Option<Box<Streaming>> {
        let chunk = self.leg.streams()?;
        let passing = Passing::new(self.received(transaction), self.setup.desk.forged());
        Some(Streaming::new(passing, chunk, Arc::clone(&self.setup.desk.budget)))
    }

    /// RSET, or a new introduction.
    pub(crate) async fn reset(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            self.record(&transaction, &self.unfinished(&transaction, "abandoned"));
            self.leg.reset().await;
        }
    }

    /// Content that the protocol machine refused, already answered.
    pub(crate) async fn content_refused(&mut self, why: ContentError) {
        if let Some(transaction) = self.transaction.take() {
            let outcome = Outcome {
                reply: Some(why.reply()),
                error: Some(why.name().into()),
                ..self.unfinished(&transaction, "content-refused")
            };
            self.record(&transaction, &outcome);
            self.leg.reset().await;
        }
    }

    /// The connection ends while a transaction is under way: the backend never sees its end.
    pub(crate) async fn abandon(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            self.record(&transaction, &self.unfinished(&transaction, "abandoned"));
        }
    }

    /// Parts with the backend.
    pub(crate) async fn forget(&mut self) {
        self.transaction = None;
        self.leg.part().await;
    }
}
