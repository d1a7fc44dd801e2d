//! A client's dealings with the backend: the leg to it, the transaction under way, what becomes of its message.
//!
//! The tenets meet here. A 2yz for content is given in four places only, all in [`Correspondence::end_of_data`]:
//! the backend's own, verbatim; after quarantine, once the message is on the disk; for `discard`, which must be
//! switched on by name; and nowhere else. Whatever fails on our side or the backend's is a 4yz, and the backend has
//! not seen the end of data, so that a retry is no duplicate (rules R2, D0).

use std::sync::Arc;

use smtpgw_smtp::{ContentError, ForwardPath, MailParameters, Reply, ReversePath, replies};

use crate::backend::Leg;
use crate::decision::{Decision, fold};
use crate::error::BackendError;
use crate::house::House;
use crate::inspect::{InspectorInfo, Subject};
use crate::inspection::Opinion;
use crate::log::timestamp;
use crate::message::{Envelope, Session};
use crate::outgoing::Outgoing;
use crate::pace::Pace;
use crate::quarantine;
use crate::received;
use crate::reception::{Judged, Reception};
use crate::record::{JudgedRecord, Timing, TransactionRecord};
use crate::settings::{Identity, LogLevel, QuarantineReply};
use crate::setup::{Front, Setup};
use crate::verdict::Action;
use crate::world::{Instant, World};

/// Everything between one client and its backend.
pub(crate) struct Correspondence<W: World> {
    house: Arc<House<W>>,
    setup: Arc<Setup>,
    front: Arc<Front>,
    leg: Option<Leg<W::Stream>>,
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
    envelope: Envelope,
    /// Opinions on its recipients.
    early: Vec<Opinion>,
    reception: Option<Reception>,
    pace: Option<Pace>,
    /// Why the backend can no longer take it.
    broken: Option<BackendError>,
    begun: Instant,
    content_begun: Option<Instant>,
}

/// How a transaction ended, for its record.
struct Outcome {
    name: &'static str,
    reply: Option<Reply>,
    backend_reply: Option<Reply>,
    error: Option<String>,
    judged: JudgedRecord,
    timing: Timing,
}

impl Outcome {
    fn named(name: &'static str) -> Self {
        Self {
            name,
            reply: None,
            backend_reply: None,
            error: None,
            judged: JudgedRecord::default(),
            timing: Timing::default(),
        }
    }
}

impl<W: World> Correspondence<W> {
    pub(crate) fn new(house: Arc<House<W>>, setup: Arc<Setup>, front: Arc<Front>) -> Self {
        Self { house, setup, front, leg: None, transaction: None, early: Vec::new(), count: 0, relayed: 0 }
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
        self.leg.is_none() && self.front.backend.is_down()
    }

    /// The client introduced itself (again): no transaction survives (RFC 5321 §4.1.4), and a backend that was told
    /// another name must not keep it.
    pub(crate) async fn hello(&mut self, before: &Session, name: &str) {
        self.reset().await;
        if self.front.backend.settings.identity == Identity::Xclient && before.helo != name {
            self.forget().await;
        }
    }

    /// MAIL: dials if need be. The backend's reply, or our own 4yz. Recipients that are known to come next are put to
    /// the backend with it, as long as it alone decides on them.
    pub(crate) async fn mail(
        &mut self,
        session: &Arc<Session>,
        reverse_path: ReversePath,
        parameters: MailParameters,
        mut ahead: Vec<ForwardPath>,
    ) -> Reply {
        let decision = self.fold(&self.early);
        if let Some(refusal) = refusal(&decision) {
            return refusal;
        }
        if self.setup.desk.budget.is_exhausted() {
            return replies::NO_SPACE;
        }
        let own_decision = |path: &ForwardPath| self.refusal_of(path).is_some();
        ahead.truncate(ahead.iter().position(own_decision).unwrap_or(ahead.len()));
        if self.setup.desk.panel.as_ref().is_some_and(|panel| panel.wants_recipients()) {
            ahead.clear();
        }
        let asked = match self.dial(session).await {
            Ok(()) => self.ask_mail(&reverse_path, &parameters, &ahead).await,
            Err(error) => Err(error),
        };
        let reply = match asked {
            Ok(reply) => reply,
            Err(error) => return self.backend_failed(session, &error),
        };
        if reply.is_positive_completion() {
            self.count += 1;
            let envelope = Envelope { reverse_path: reverse_path.as_str().to_owned(), forward_paths: Vec::new() };
            self.transaction = Some(Box::new(Transaction {
                session: Arc::clone(session),
                reverse_path,
                envelope,
                early: Vec::new(),
                reception: None,
                pace: None,
                broken: None,
                begun: Instant::now(),
                content_begun: None,
            }));
        }
        reply
    }

    /// RCPT: the backend's reply, or our own.
    pub(crate) async fn recipient(&mut self, session: &Arc<Session>, forward_path: ForwardPath) -> Reply {
        if let Some(refusal) = self.refusal_of(&forward_path) {
            return refusal;
        }
        let Some(reverse_path) = self.transaction.as_ref().map(|under_way| under_way.reverse_path.as_str()) else {
            return replies::LOCAL_ERROR;
        };
        let opinions = self.ask_about_recipient(session, reverse_path, forward_path.as_str()).await;
        if let Some(refusal) = refusal(&self.fold(&opinions)) {
            return refusal;
        }
        let Some(leg) = &mut self.leg else { return replies::BACKEND_LOST };
        match leg.recipient(&forward_path).await {
            Ok(reply) => {
                if let (true, Some(transaction)) = (reply.is_positive_completion(), &mut self.transaction) {
                    transaction.envelope.forward_paths.push(forward_path.as_str().to_owned());
                    transaction.early.extend(opinions);
                }
                reply
            }
            Err(error) => self.backend_failed(session, &error),
        }
    }

    /// DATA was answered 354, or the first BDAT has come.
    pub(crate) fn begin_content(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            let envelope = transaction.envelope.clone();
            let session = Arc::clone(&transaction.session);
            transaction.reception = Some(Reception::new(&self.setup.desk, session, envelope));
            transaction.pace = Some(Pace::new(self.setup.desk.settings.limits.data_rate));
            transaction.content_begun = Some(Instant::now());
        }
    }

    /// Further content. Never blocks; [`Correspondence::settle`] follows before the next read.
    pub(crate) fn content(&mut self, octets: &[u8]) {
        if let Some(reception) = self.transaction.as_mut().and_then(|under_way| under_way.reception.as_mut()) {
            reception.push(octets);
        }
    }

    /// Brings content to rest; back-pressure on the client.
    pub(crate) async fn settle(&mut self) {
        if let Some(reception) = self.transaction.as_mut().and_then(|under_way| under_way.reception.as_mut()) {
            reception.settle().await;
        }
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

    /// Keeps the backend's transaction alive and notices hung inspectors; when to look again.
    pub(crate) async fn look_after(&mut self) -> Option<Instant> {
        let transaction = self.transaction.as_mut()?;
        if let (Some(leg), None) = (&mut self.leg, &transaction.broken)
            && let Err(error) = leg.keep_alive().await
        {
            transaction.broken = Some(error);
        }
        transaction.reception.as_mut()?.look_after()
    }

    /// RSET, or a new introduction.
    pub(crate) async fn reset(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            self.record(&transaction, Outcome::named("abandoned"));
            self.reset_leg().await;
        }
    }

    /// Content that the protocol machine refused, already answered.
    pub(crate) async fn content_refused(&mut self, why: ContentError) {
        if let Some(transaction) = self.transaction.take() {
            let outcome = Outcome {
                reply: Some(why.reply()),
                error: Some(why.name().into()),
                ..Outcome::named("content-refused")
            };
            self.record(&transaction, outcome);
            self.reset_leg().await;
        }
    }

    /// The connection ends while a transaction is under way: the backend never sees its end.
    pub(crate) async fn abandon(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            self.record(&transaction, Outcome::named("abandoned"));
        }
    }

    /// Parts with the backend.
    pub(crate) async fn forget(&mut self) {
        self.transaction = None;
        if let Some(leg) = self.leg.take() {
            leg.quit().await;
        }
    }

    /// End of data: judges, relays, and says what the client is to hear.
    pub(crate) async fn end_of_data(&mut self) -> Reply {
        let Some(mut transaction) = self.transaction.take() else { return replies::LOCAL_ERROR };
        let Some(reception) = transaction.reception.take() else { return replies::LOCAL_ERROR };
        let ended = Instant::now();
        let mut timing = Timing::default();
        let content_begun = transaction.content_begun.unwrap_or(ended);
        timing.envelope_s = content_begun.duration_since(transaction.begun);
        timing.content_s = ended.duration_since(content_begun);
        let early = self.early.iter().cloned().chain(transaction.early.drain(..)).collect();
        let deadline = ended + self.setup.desk.settings.verdict.budget_s;
        let mut outcome = match reception.finish(early, deadline).await {
            Ok(judged) => {
                timing.verdict_s = ended.elapsed();
                transaction.envelope = judged.message.envelope.clone();
                let record = judged.record(&self.setup.desk);
                let outcome = self.carry_out(&mut transaction, judged).await;
                timing.relay_s = ended.elapsed() - timing.verdict_s;
                Outcome { judged: record, ..outcome }
            }
            Err(error) => {
                self.reset_leg().await;
                let reply = Some(replies::NO_SPACE);
                Outcome { reply, error: Some(format!("spool: {error}")), ..Outcome::named("deferred") }
            }
        };
        outcome.timing = timing;
        let reply = outcome.reply.clone().unwrap_or(replies::LOCAL_ERROR);
        self.record(&transaction, outcome);
        reply
    }

    async fn carry_out(&mut self, transaction: &mut Transaction, judged: Judged) -> Outcome {
        if received::hops(judged.message.progress.read().header.as_deref()) > self.setup.desk.settings.limits.hops {
            self.reset_leg().await;
            return Outcome { reply: Some(replies::TOO_MANY_HOPS), ..Outcome::named("looping") };
        }
        if judged.decision.action == Action::Accept {
            return self.relay(transaction, judged).await;
        }
        self.reset_leg().await;
        let text = judged.decision.reply.clone();
        let (name, reply) = match judged.decision.action {
            Action::Reject => ("rejected", worded(replies::REJECTED, text.as_deref())),
            Action::Quarantine => return self.quarantine(judged).await,
            Action::Discard => ("discarded", worded(replies::MESSAGE_OK, text.as_deref())),
            Action::Defer | Action::Accept => ("deferred", worded(replies::DEFERRED, text.as_deref())),
        };
        Outcome { reply: Some(reply), ..Outcome::named(name) }
    }

    async fn relay(&mut self, transaction: &mut Transaction, judged: Judged) -> Outcome {
        let (head, forged) = judged.added_header(&self.setup.desk);
        let mut message = Outgoing::new(head, forged, judged.content);
        message.prepend(self.received(transaction));
        let unique = self.house.unique();
        let delivered = match (transaction.broken.take(), &mut self.leg) {
            (None, Some(leg)) => leg.deliver(unique, message).await,
            (Some(error), _) => Err(error),
            (None, None) => Err(BackendError::Closed),
        };
        match delivered {
            Ok(reply) => {
                let name = if reply.is_positive_completion() { "relayed" } else { "refused-by-backend" };
                self.relayed += u32::from(reply.is_positive_completion());
                if reply.is_closing() {
                    self.leg = None;
                }
                Outcome { reply: Some(reply.clone()), backend_reply: Some(reply), ..Outcome::named(name) }
            }
            Err(error) => {
                // The backend may or may not have it; without its reply the client keeps it (RFC 1047).
                self.leg = None;
                let reply = match error {
                    BackendError::Spool(_) => replies::NO_SPACE,
                    _ => replies::BACKEND_LOST,
                };
                Outcome { reply: Some(reply), error: Some(error.to_string()), ..Outcome::named("deferred") }
            }
        }
    }

    /// Our own trace field for this message.
    fn received(&self, transaction: &Transaction) -> Vec<u8> {
        let session = &transaction.session;
        let id = format!("{}-{}", session.id, self.count);
        let hostname = &self.setup.desk.settings.hostname;
        received::field(session, hostname, &id, &transaction.envelope.forward_paths, self.house.world.now())
    }

    async fn quarantine(&self, judged: Judged) -> Outcome {
        let Some(quarantine) = &self.setup.desk.settings.quarantine else {
            let error = Some("the verdict is quarantine, and there is no [quarantine]".into());
            return Outcome { reply: Some(replies::DEFERRED), error, ..Outcome::named("deferred") };
        };
        let (folder, id, time) = (quarantine.path.clone(), self.house.unique(), timestamp(self.house.world.now()));
        match quarantine::keep(folder, id, time, judged.message, judged.content, &judged.decision).await {
            Ok(()) => {
                let reply = match quarantine.reply {
                    QuarantineReply::Accept => replies::MESSAGE_OK,
                    QuarantineReply::Reject => worded(replies::REJECTED, judged.decision.reply.as_deref()),
                };
                Outcome { reply: Some(reply), ..Outcome::named("quarantined") }
            }
            Err(error) => {
                let error = Some(format!("quarantine: {error}"));
                Outcome { reply: Some(replies::NO_SPACE), error, ..Outcome::named("deferred") }
            }
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

    /// The recipients that are not ours to ask the backend about.
    fn refusal_of(&self, forward_path: &ForwardPath) -> Option<Reply> {
        if !self.front.recipients.include(forward_path) {
            return Some(replies::RELAY_DENIED);
        }
        let routes_onward = forward_path.mailbox().is_some_and(smtpgw_smtp::Mailbox::routes_onward);
        routes_onward.then_some(replies::ROUTE_DENIED)
    }

    async fn ask_mail(
        &mut self,
        path: &ReversePath,
        parameters: &MailParameters,
        ahead: &[ForwardPath],
    ) -> Result<Reply, BackendError> {
        let leg = self.leg.as_mut().ok_or(BackendError::Closed)?;
        let reply = leg.mail(path, parameters, ahead).await?;
        if reply.is_closing() {
            self.leg = None;
        }
        Ok(reply)
    }

    async fn ask_about_recipient(&self, session: &Arc<Session>, from: &str, to: &str) -> Vec<Opinion> {
        let Some(panel) = &self.setup.desk.panel else { return Vec::new() };
        let subject =
            Subject::Recipient { session: Arc::clone(session), reverse_path: from.into(), forward_path: to.into() };
        if !panel.wants(&subject) {
            return Vec::new();
        }
        panel.ask(subject, Instant::now() + self.setup.desk.settings.verdict.budget_s).await
    }

    /// The leg is of no more use; the client is told to come back.
    fn backend_failed(&mut self, session: &Session, error: &BackendError) -> Reply {
        self.leg = None;
        let body = BackendRecord { session: &session.id, backend: &self.front.backend.settings.address, error };
        self.house.log(LogLevel::Warning, "backend-failed", &body);
        if let Some(transaction) = &mut self.transaction {
            transaction.broken = Some(BackendError::Closed);
        }
        match error {
            BackendError::Closed | BackendError::Io(_) | BackendError::Protocol(_) => replies::BACKEND_LOST,
            _ => replies::BACKEND_UNREACHABLE,
        }
    }

    async fn reset_leg(&mut self) {
        if let Some(leg) = &mut self.leg
            && leg.reset().await.is_err()
        {
            self.leg = None;
        }
    }

    fn fold(&self, opinions: &[Opinion]) -> Decision {
        fold(opinions, self.roster(), &Default::default(), &self.setup.desk.settings)
    }

    fn roster(&self) -> &[InspectorInfo] {
        self.setup.desk.panel.as_ref().map_or(&[], |panel| panel.roster())
    }

    fn record(&self, transaction: &Transaction, outcome: Outcome) {
        let session = &transaction.session;
        let text = |reply: Reply| reply.to_string();
        let level = if outcome.error.is_some() { LogLevel::Warning } else { LogLevel::Info };
        let record = TransactionRecord {
            session: &session.id,
            transaction: self.count,
            client: session.client,
            helo: &session.helo,
            tls: session.tls.is_some(),
            reverse_path: transaction.reverse_path.as_str(),
            forward_paths: &transaction.envelope.forward_paths,
            outcome: outcome.name,
            reply: outcome.reply.map(text),
            backend_reply: outcome.backend_reply.map(text),
            error: outcome.error,
            judged: outcome.judged,
            timing: outcome.timing,
        };
        self.house.log(level, "transaction", &record);
    }
}

#[derive(serde::Serialize)]
struct BackendRecord<'a> {
    session: &'a str,
    backend: &'a str,
    #[serde(serialize_with = "displayed")]
    error: &'a BackendError,
}

fn displayed<S: serde::Serializer>(error: &&BackendError, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(error)
}

/// What a client hears at MAIL or RCPT from a decision taken that early. Quarantine and discard need a message and
/// wait for it.
fn refusal(decision: &Decision) -> Option<Reply> {
    let text = decision.reply.as_deref();
    match decision.action {
        Action::Reject => Some(worded(replies::REJECTED, text)),
        Action::Defer => Some(worded(replies::DEFERRED, text)),
        Action::Accept | Action::Discard | Action::Quarantine => None,
    }
}

/// A reply of ours with an inspector's own text, if it gave one; code and class stay.
fn worded(reply: Reply, text: Option<&str>) -> Reply {
    match text {
        Some(text) if !text.trim().is_empty() => Reply::new(reply.code(), reply.enhanced(), text),
        _ => reply,
    }
}
