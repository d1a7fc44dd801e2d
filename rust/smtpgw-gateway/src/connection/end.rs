//! The end of a connection: what ended it, a farewell that nobody waits for long, and its record.

use std::time::Duration;

use super::Connection;
use crate::record::{ConnectionRecord, LegRecord, SpeakerRecord};
use crate::settings::LogLevel;
use crate::world::{Instant, World, timeout};

/// How a connection ended.
pub(super) struct End {
    pub(super) how: &'static str,
    pub(super) error: Option<String>,
}

impl End {
    pub(super) const fn of(how: &'static str) -> Self {
        Self { how, error: None }
    }

    pub(super) fn because(how: &'static str, error: impl ToString) -> Self {
        Self { how, error: Some(error.to_string()) }
    }
}

impl<W: World> Connection<W> {
    pub(super) async fn close(mut self, end: End, greeted: Duration, accepted: Instant) {
        if let Some(checks) = self.checks.take() {
            checks.abort();
        }
        self.correspondence.abandon().await;
        let transactions = self.correspondence.count();
        let relayed = self.correspondence.relayed();
        self.correspondence.forget().await;
        // The peer may be gone or may not read; close_notify and FIN are a courtesy with a short limit.
        let _ = timeout(FAREWELL, self.wire.close()).await;
        let session = &self.session;
        let tls_failures =
            self.tls_failure.map(|cause| self.house.ledger.failed(session.client.ip(), cause, Instant::now()));
        let speaker = session.carried.as_ref().and_then(|carried| carried.speaker.as_deref());
        let leg = LegRecord {
            tls: speaker.unwrap_or(session).tls.clone(),
            client_hello: self.client_hello.take(),
            early_talker: speaker.unwrap_or(session).early_talker,
            starttls_withheld: self.starttls_withheld,
        };
        let (leg, speaker) = match speaker {
            Some(speaker) => (LegRecord::default(), Some(SpeakerRecord { address: speaker.client, leg })),
            None => (leg, None),
        };
        let refusals = self.refusals.take().map(|refusals| *refusals).unwrap_or_default();
        let record = ConnectionRecord {
            session: session.id.clone(),
            client: session.client,
            listener: session.listener,
            carried: session.carried.as_deref().cloned(),
            helo: session.helo.clone(),
            tls_failure: self.tls_failure,
            tls_failures,
            leg,
            speaker,
            authenticated: session.authenticated,
            uninspected: self.tunnelled.take(),
            end: end.how,
            error: end.error,
            transactions,
            relayed,
            errors: self.server.errors(),
            refused: refusals.commands,
            refused_more: refusals.more,
            greeting_s: greeted,
            handshake_s: self.handshake,
            duration_s: accepted.elapsed(),
        };
        // What nobody has seen is nothing to pass over, nor what an inspector should have and failed over.
        let to_look_at = record.uninspected.is_some() || refusals.for_a_failure;
        let level = if to_look_at { LogLevel::Warning } else { LogLevel::Info };
        self.house.log(level, "connection", &record);
        self.correspondence.record_turns();
    }
}

/// How long close_notify and the last octets to a client may take.
const FAREWELL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use smtpgw_smtp::{CloseReason, ContentError};

    #[test]
    fn every_name_that_the_protocol_machine_gives_is_documented() {
        let text = include_str!("../../../../docs/operations.md");
        let names = CloseReason::ALL.iter().map(|reason| reason.name());
        for name in names.chain(ContentError::ALL.iter().map(|error| error.name())) {
            assert!(text.contains(&format!("`{name}`")), "docs/operations.md does not say what `{name}` is");
        }
    }
}
