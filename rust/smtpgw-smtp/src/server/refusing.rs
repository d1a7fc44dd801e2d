//! What the server role refuses by itself: the reply, the count of mistakes and of commands in vain, and hanging up.

use super::{Server, State};
use crate::error::{CloseReason, CommandError, ContentError};
use crate::server_event::{Received, ServerEvent};

impl Server {
    pub(super) fn refuse<'b>(&mut self, consumed: usize, error: CommandError) -> Received<'b> {
        error.reply().write_to(&mut self.output);
        // A client that pipelined behind a refused MAIL, or sends all its recipients, has made no mistake.
        let behind_refused_mail = matches!(self.state, State::Ready { mail_refused: true });
        let innocent = match error {
            CommandError::TooManyRecipients => true,
            CommandError::MailFirst => behind_refused_mail,
            _ => false,
        };
        if innocent {
            if self.count_junk() {
                return self.hang_up(consumed, CloseReason::TooManyCommands);
            }
        } else if self.count_error() {
            return self.hang_up(consumed, CloseReason::TooManyErrors);
        }
        Received { consumed, event: Some(ServerEvent::Answered(Err(error))) }
    }

    pub(super) fn refuse_content<'b>(&mut self, consumed: usize, error: ContentError) -> Received<'b> {
        error.reply().write_to(&mut self.output);
        // Chunks that were pipelined behind a refused one are refused without counting as mistakes.
        self.state = State::Ready { mail_refused: matches!(self.state, State::Chunk(_)) };
        if self.count_error() {
            self.close_later(CloseReason::TooManyErrors);
        }
        Received { consumed, event: Some(ServerEvent::ContentRefused(error)) }
    }

    /// Counts a mistake; whether it was one too many.
    pub(super) fn count_error(&mut self) -> bool {
        self.errors = self.errors.saturating_add(1);
        self.errors >= self.options.limits.errors
    }

    /// Counts a command that brought no mail forward; whether it was one too many.
    pub(super) fn count_junk(&mut self) -> bool {
        self.junk = self.junk.saturating_add(1);
        self.junk >= self.options.limits.junk
    }

    /// Hangs up, and the next call of `receive` reports it: this one has something else to tell.
    pub(super) fn close_later(&mut self, reason: CloseReason) {
        reason.reply().write_to(&mut self.output);
        self.state = State::Closed { unreported: Some(reason) };
    }

    /// Hangs up, with a last reply unless the peer is about to speak TLS.
    pub(super) fn hang_up<'b>(&mut self, consumed: usize, reason: CloseReason) -> Received<'b> {
        if !matches!(self.state, State::Handshake) {
            reason.reply().write_to(&mut self.output);
        }
        self.state = State::Closed { unreported: None };
        Received { consumed, event: Some(ServerEvent::Close(reason)) }
    }
}
