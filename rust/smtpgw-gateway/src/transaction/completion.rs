//! The end of a transaction: judged, carried out, and the one reply that the client is to hear.
//!
//! A 2yz for content is given in four places only, all of them here: the backend's own, verbatim; after quarantine,
//! once the message is on the disk; for `discard`, which must be switched on by name; and nowhere else. Whatever fails
//! on our side or the backend's is a 4yz, and the backend has not seen the end of data, so that a retry is no duplicate
//! (rules R2, D0).

use std::pin::pin;

use smtpgw_smtp::{Reply, replies};

use super::outcome::{Outcome, worded};
use super::patience::meanwhile;
use super::{Correspondence, Transaction};
use crate::digits::push_number;
use crate::error::BackendError;
use crate::log::timestamp;
use crate::message::Session;
use crate::outgoing::Outgoing;
use crate::quarantine;
use crate::received;
use crate::reception::Judged;
use crate::record::Timing;
use crate::settings::QuarantineReply;
use crate::verdict::Action;
use crate::world::{Instant, World};

impl<W: World> Correspondence<W> {
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
        let Transaction { streaming, broken, .. } = &mut *transaction;
        if let Some(streaming) = streaming {
            streaming.complete();
        }
        // What has begun to go to the backend goes on while the inspectors think; only the end waits for them.
        let finish = pin!(reception.finish(early, deadline));
        let (judged, sent) = meanwhile(finish, streaming, &mut self.leg, broken).await;
        transaction.streamed |= sent;
        let mut outcome = match judged {
            Ok(judged) => {
                timing.verdict_s = ended.elapsed();
                let record = judged.record(&self.setup.desk);
                let outcome = self.carry_out(&mut transaction, judged).await;
                timing.relay_s = ended.elapsed() - timing.verdict_s;
                Outcome { judged: record, ..outcome }
            }
            Err(error) => {
                self.leg.reset().await;
                let reply = Some(replies::NO_SPACE);
                Outcome { reply, error: Some(format!("spool: {error}")), ..Outcome::named("deferred") }
            }
        };
        outcome.timing = timing;
        self.record(&transaction, &outcome);
        outcome.reply.unwrap_or(replies::LOCAL_ERROR)
    }

    async fn carry_out(&mut self, transaction: &mut Transaction, judged: Judged) -> Outcome {
        if received::hops(judged.message.progress.read().header.as_deref()) > self.setup.desk.settings.limits.hops {
            self.leg.reset().await;
            return Outcome { reply: Some(replies::TOO_MANY_HOPS), ..Outcome::named("looping") };
        }
        if judged.decision.action == Action::Accept {
            return self.relay(transaction, judged).await;
        }
        self.leg.reset().await;
        let text = judged.decision.reply.clone();
        let (name, reply) = match judged.decision.action {
            Action::Reject => ("rejected", worded(replies::REJECTED, text.as_deref())),
            Action::Quarantine => return Box::pin(self.quarantine(judged)).await,
            Action::Discard => ("discarded", worded(replies::MESSAGE_OK, text.as_deref())),
            Action::Defer | Action::Accept => ("deferred", worded(replies::DEFERRED, text.as_deref())),
        };
        Outcome { reply: Some(reply), ..Outcome::named(name) }
    }

    async fn relay(&mut self, transaction: &mut Transaction, judged: Judged) -> Outcome {
        let streaming = transaction.streaming.take();
        let unwritten = if streaming.is_some() { judged.unwritten(&self.setup.desk) } else { Vec::new() };
        let delivered = match (transaction.broken.take(), streaming) {
            (Some(error), _) => Err(error),
            (None, Some(streaming)) => Box::pin(streaming.release(&mut self.leg)).await,
            (None, None) => {
                let (head, forged) = judged.added_header(&self.setup.desk);
                let mut message = Outgoing::new(head, forged, judged.content);
                message.prepend(self.received(transaction));
                self.leg.deliver(self.trace_id(&transaction.session), message).await
            }
        };
        match delivered {
            Ok(reply) => {
                let name = if reply.is_positive_completion() { "relayed" } else { "refused-by-backend" };
                self.relayed += u32::from(reply.is_positive_completion());
                Outcome { reply: Some(reply.clone()), backend_reply: Some(reply), unwritten, ..Outcome::named(name) }
            }
            Err(error) => {
                self.leg.give_up();
                let reply = match error {
                    BackendError::Spool(_) => replies::NO_SPACE,
                    _ => replies::BACKEND_LOST,
                };
                Outcome { reply: Some(reply), error: Some(error.to_string()), ..Outcome::named("deferred") }
            }
        }
    }

    /// Our own trace field for this message.
    pub(super) fn received(&self, transaction: &Transaction) -> Vec<u8> {
        let session = &transaction.session;
        let id = self.trace_id(session);
        let hostname = &self.setup.desk.settings.hostname;
        let (smtputf8, recipients) = (transaction.smtputf8, &transaction.envelope.forward_paths);
        received::field(session, smtputf8, hostname, &id, recipients, self.house.world.now())
    }

    /// What a message is called in its trace field and where it is stored: nobody else has that name, and as that of
    /// the session nobody can guess it.
    fn trace_id(&self, session: &Session) -> String {
        let mut id = String::with_capacity(session.id.len() + "-4294967295".len());
        id.push_str(&session.id);
        id.push('-');
        push_number(&mut id, self.count.into());
        id
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
}
