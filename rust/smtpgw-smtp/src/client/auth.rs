//! AUTH (RFC 4954) on behalf of a client: its lines go out, challenges come in.

use super::{Client, State};
use crate::auth::{AuthAnswer, is_base64};
use crate::error::{ClientError, Misuse};
use crate::limits::{self, Limits};
use crate::reply::Reply;
use crate::verb::Verb;

impl Client {
    /// Appends the answer to a challenge; what comes back is the reply to [`Verb::Auth`] once more.
    pub fn answer(&mut self, answer: &AuthAnswer) -> Result<(), Misuse> {
        let State::Exchange { cancelled } = &mut self.state else { return Err(Misuse::OutOfPlace) };
        if !self.outstanding.is_empty() {
            return Err(Misuse::MustWait);
        }
        *cancelled |= matches!(answer, AuthAnswer::Cancel);
        self.output.extend_from_slice(answer.as_str().as_bytes());
        self.output.extend_from_slice(b"\r\n");
        self.outstanding.push_back(Verb::Auth);
        Ok(())
    }

    /// Whether the server knows the client for whom we speak.
    pub const fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// A challenge may be longer than any other reply.
    pub(super) fn reply_limits(&self) -> Limits {
        match self.outstanding.front() {
            Some(Verb::Auth) => {
                Limits { reply_line: self.limits.reply_line.max(limits::AUTH_LINE + "334 \r\n".len()), ..self.limits }
            }
            _ => self.limits,
        }
    }

    /// What a reply to AUTH, or to an answer, changes. A challenge is one line of base64, and what is said to `*` is a
    /// refusal; anything else is none of RFC 4954 §4.
    pub(super) fn follow_auth(&mut self, reply: &Reply) -> Result<(), ClientError> {
        let cancelled = matches!(self.state, State::Exchange { cancelled: true });
        let unexpected = Err(ClientError::UnexpectedCode(Verb::Auth, reply.code()));
        match reply.code().value() {
            _ if cancelled && !(reply.is_transient() || reply.is_permanent()) => return unexpected,
            334 => {
                let mut lines = reply.lines();
                let (Some(challenge), None) = (lines.next(), lines.next()) else {
                    return Err(ClientError::MalformedReply);
                };
                if !is_base64(challenge) {
                    return Err(ClientError::MalformedReply);
                }
                self.state = State::Exchange { cancelled: false };
            }
            235 => {
                self.authenticated = true;
                self.state = State::Ready;
            }
            421 => self.state = State::Closed,
            _ if reply.is_intermediate() || reply.is_positive_completion() => return unexpected,
            _ => self.state = State::Ready,
        }
        Ok(())
    }
}
