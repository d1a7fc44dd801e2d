//! What a client was refused before there was any content, for the record of its connection: the answer to "why can
//! they not write to us" when no message ever came so far as to have a record of its own.

use smtpgw_smtp::Reply;

use crate::record::{RefusedCommand, shortened};
use crate::transaction::Answer;

/// The first [`AT_MOST`] of them, in no more than [`OCTETS_AT_MOST`], and how many more there were.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    pub(super) commands: Vec<RefusedCommand>,
    octets: usize,
    pub(super) more: u32,
    /// One of them because an inspector failed.
    pub(super) for_a_failure: bool,
}

impl Refusals {
    /// Notes `command` if `answer` refuses it.
    pub(super) fn note(&mut self, command: &str, answer: &Answer) {
        let Answer { reply, decision } = answer;
        if !reply.is_transient() && !reply.is_permanent() {
            return;
        }
        let decision = decision.as_deref();
        self.for_a_failure |= decision.is_some_and(|decision| decision.for_a_failure);
        let said = |text: &String| shortened(text.as_str());
        let (by, reason) = decision.map(|decision| (said(&decision.by), said(&decision.reason))).unzip();
        let refused = RefusedCommand { command: shortened(command), reply: shortened(reply.to_string()), by, reason };
        let octets = self.octets + refused.octets();
        if self.commands.len() < AT_MOST && octets <= OCTETS_AT_MOST {
            self.octets = octets;
            self.commands.push(refused);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Notes a line that the protocol machine has refused, if it is one of those that lead to a message. Others say
    /// nothing of mail, and may hold what must stay secret (AUTH, RFC 4954 §4).
    pub(super) fn note_line(&mut self, line: &[u8], reply: &Reply) {
        let leads_to_mail = |verb: &[u8]| {
            line.get(..verb.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(verb))
                && line.get(verb.len()).is_none_or(|next| !next.is_ascii_alphanumeric())
        };
        if VERBS.iter().any(|verb| leads_to_mail(verb)) {
            self.note(String::from_utf8_lossy(line).trim_end(), &reply.clone().into());
        }
    }
}

const VERBS: [&[u8]; 6] = [b"EHLO", b"HELO", b"MAIL", b"RCPT", b"DATA", b"BDAT"];

/// Refusals of one connection that are written down. A sender tries a few recipients; whoever guesses at thousands is
/// known by the first of them and by their number.
const AT_MOST: usize = 20;

/// Octets of these that one connection keeps while it lasts: twenty of the usual length, and no more than two idle
/// connections take, since thousands may be kept open so.
const OCTETS_AT_MOST: usize = 4_096;

#[cfg(test)]
mod tests {
    use smtpgw_smtp::replies;

    use super::*;

    #[test]
    fn what_leads_to_no_mail_is_not_written_down() {
        let mut refusals = Refusals::default();
        for line in [&b"AUTH PLAIN AGEAYg=="[..], b"AGEAYg==", b"mailbox", b"GET / HTTP/1.1", b"", b"STARTTLS x"] {
            refusals.note_line(line, &replies::LOCAL_ERROR);
        }
        assert!(refusals.commands.is_empty() && refusals.more == 0);
        for line in [&b"mail from:<a b>\r\n"[..], b"RCPT", b"Data now\xff"] {
            refusals.note_line(line, &replies::LOCAL_ERROR);
        }
        let commands: Vec<_> = refusals.commands.iter().map(|refused| refused.command.as_str()).collect();
        assert_eq!(commands, ["mail from:<a b>", "RCPT", "Data now\u{fffd}"]);
    }

    #[test]
    fn they_are_bounded() {
        let mut refusals = Refusals::default();
        refusals.note("MAIL FROM:<>", &replies::SENDER_OK.into());
        for number in 0..100 {
            refusals.note(&format!("RCPT TO:<{number}@example.org>"), &replies::LOCAL_ERROR.into());
        }
        assert_eq!((refusals.commands.len(), refusals.more), (AT_MOST, 100 - 20));
        let mut refusals = Refusals::default();
        for number in 0..100 {
            refusals.note(&format!("RCPT TO:<{number}{}>", "\u{e9}".repeat(1_000)), &replies::LOCAL_ERROR.into());
        }
        let kept = &refusals.commands;
        assert!(kept.iter().all(|refused| refused.command.chars().count() <= 501));
        let octets: usize = kept.iter().map(RefusedCommand::octets).sum();
        assert!((1_000..=OCTETS_AT_MOST).contains(&octets) && kept.len() < AT_MOST, "{octets}");
        assert_eq!(refusals.more as usize + kept.len(), 100);
    }
}
