//! What is decided before any content: opinions on the connection and on recipients, and whom we take mail for.

use std::sync::Arc;

use smtpgw_smtp::{ForwardPath, Reply, replies};

use super::Correspondence;
use super::outcome::worded;
use crate::decision::{Decision, fold};
use crate::inspect::{InspectorInfo, Subject};
use crate::inspection::Opinion;
use crate::message::Session;
use crate::verdict::Action;
use crate::world::{Instant, World};

impl<W: World> Correspondence<W> {
    /// The recipients that are not ours to ask the backend about.
    pub(super) fn refusal_of(&self, forward_path: &ForwardPath) -> Option<Reply> {
        if !self.front.recipients.include(forward_path) {
            return Some(replies::RELAY_DENIED);
        }
        let routes_onward = forward_path.mailbox().is_some_and(smtpgw_smtp::Mailbox::routes_onward);
        routes_onward.then_some(replies::ROUTE_DENIED)
    }

    pub(super) async fn ask_about_recipient(&self, session: &Arc<Session>, from: &str, to: &str) -> Vec<Opinion> {
        let Some(panel) = &self.setup.desk.panel else { return Vec::new() };
        let subject =
            Subject::Recipient { session: Arc::clone(session), reverse_path: from.into(), forward_path: to.into() };
        if !panel.wants(&subject) {
            return Vec::new();
        }
        panel.ask(subject, Instant::now() + self.setup.desk.settings.verdict.budget_s).await
    }

    pub(super) fn fold(&self, opinions: &[Opinion]) -> Decision {
        fold(opinions, self.roster(), &Default::default(), &self.setup.desk.settings)
    }

    pub(super) fn roster(&self) -> &[InspectorInfo] {
        self.setup.desk.panel.as_ref().map_or(&[], |panel| panel.roster())
    }
}

/// What a client hears at MAIL or RCPT.
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    /// Why, where inspectors have refused it. Boxed: hardly any is theirs.
    pub(crate) decision: Option<Box<Decision>>,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self { reply, decision: None }
    }
}

/// The answer that comes of a decision taken that early. Quarantine and discard need a message and wait for it.
pub(super) fn refusal(decision: Decision) -> Option<Answer> {
    let text = decision.reply.as_deref();
    let reply = match decision.action {
        Action::Reject => worded(replies::REJECTED, text),
        Action::Defer => worded(replies::DEFERRED, text),
        Action::Accept | Action::Discard | Action::Quarantine => return None,
    };
    Some(Answer { reply, decision: Some(Box::new(decision)) })
}
