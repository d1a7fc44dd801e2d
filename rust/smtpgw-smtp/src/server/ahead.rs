//! What a pipelining client has already asked for behind its MAIL (RFC 2920 §3.1).
//!
//! A gateway that knows of the recipients can put them to its own server together with MAIL, in one segment instead of
//! one round trip each. This only looks: the commands are read and answered in their turn afterwards, by the same
//! functions, so what is seen here is what will come, unless the replies until then end the session.

use alloc::vec::Vec;

use super::{Server, State};
use crate::limits;
use crate::line_reader::{Line, LineReader};
use crate::parameters::RecipientParameters;
use crate::path::ForwardPath;
use crate::request::Request;
use crate::verb::Verb;

impl Server {
    /// The recipients that stand complete and well-formed at the beginning of `input` while MAIL is pending, up to the
    /// first other line. At most 32, and not more than a transaction may have. Empty in every other state.
    pub fn recipients_ahead(&self, input: &[u8]) -> Vec<(ForwardPath, RecipientParameters)> {
        let mut found = Vec::new();
        let State::MailPending(envelope) = self.state else { return found };
        let at_most = limits::AHEAD.min(self.options.limits.recipients);
        let mut lines = LineReader::new(&self.options.limits);
        let mut unread = input;
        while found.len() < at_most
            && let Line::Complete(consumed, line) = lines.read(unread)
            && let Ok(request) = Request::parse(line)
            && request.verb == Verb::Recipient
            && let Ok(recipient) = request.recipient(&self.announced, envelope.smtputf8)
        {
            found.push(recipient);
            unread = unread.get(consumed..).unwrap_or_default();
        }
        found
    }
}
