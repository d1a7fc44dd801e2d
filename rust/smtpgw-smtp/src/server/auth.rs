//! AUTH (RFC 4954): the exchange between the client and whoever knows it, line by line. We only keep the order.
//!
//! | state \ what comes | 334 | 235 | any other reply | a line | a line that is no answer |
//! |---|---|---|---|---|---|
//! | AuthPending | → AuthExchange | → Ready, authenticated | → Ready | not read | not read |
//! | AuthExchange | – | – | – | → AuthPending | → AuthPending, as `*` |

use super::{Server, State};
use crate::auth::AuthAnswer;
use crate::error::{CloseReason, CommandError};
use crate::line_reader::Line;
use crate::replies;
use crate::reply::Reply;
use crate::server_event::{Received, ServerEvent};

impl Server {
    /// Whether the client has authenticated.
    pub fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// The answer to a challenge.
    pub(super) fn auth_answer<'b>(&mut self, input: &'b [u8]) -> Received<'b> {
        let (consumed, answer) = match self.lines.read_response(input) {
            Line::Incomplete(consumed) => return Received { consumed, event: None },
            Line::Close(reason) => return self.hang_up(0, reason),
            Line::Complete(consumed, line) => (consumed, AuthAnswer::parse(line)),
            // What is left of it is skipped behind the reply.
            Line::Refused(consumed, CommandError::LineTooLong | CommandError::BareNewline) => {
                (consumed, AuthAnswer::Cancel)
            }
            Line::Refused(consumed, error) => return self.refuse(consumed, error),
        };
        if self.count_junk() {
            return self.hang_up(consumed, CloseReason::TooManyCommands);
        }
        self.state = State::AuthPending;
        Received { consumed, event: Some(ServerEvent::AuthAnswer(answer)) }
    }

    /// What the client is told in the exchange.
    pub(super) fn reply_to_auth(&mut self, reply: &Reply) {
        match reply.code().value() {
            334 => {
                self.state = State::AuthExchange;
                reply.write_to(&mut self.output);
            }
            235 => {
                self.state = State::Ready { mail_refused: false };
                self.authenticated = true;
                reply.write_to(&mut self.output);
            }
            _ => {
                let senseless = reply.is_positive_completion() || reply.is_intermediate();
                self.state = State::Ready { mail_refused: false };
                self.answer(&if senseless { replies::AUTH_UNAVAILABLE } else { reply.clone() });
            }
        }
    }
}
