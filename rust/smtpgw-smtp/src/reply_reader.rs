//! Replies out of a stream of octets: strict, bounded, kept as they came.
//!
//! RFC 5321 §4.2 and §4.2.1: lines of one reply carry one code, `-` behind it on all but the last; a code alone is
//! a line too. Anything else means that we do not know what the server is saying, so the connection ends: guessing
//! is how one reply is taken for the answer to another command.

use alloc::vec::Vec;
use memchr::memchr;

use crate::error::ClientError;
use crate::limits::Limits;
use crate::reply::{Reply, ReplyCode, clean_into};

/// Reads replies, line by line.
#[derive(Debug, Default)]
pub(crate) struct ReplyReader {
    /// Octets of the line under way that have been searched in vain.
    searched: usize,
    partial: Option<Partial>,
}

/// The lines of a reply that goes on.
#[derive(Debug)]
struct Partial {
    code: ReplyCode,
    text: Vec<u8>,
    lines: usize,
}

impl ReplyReader {
    /// Reads one line; gives how many octets it used up, and the reply if it was its last line.
    pub(crate) fn read(&mut self, input: &[u8], limits: &Limits) -> Result<(usize, Option<Reply>), ClientError> {
        let window = input.get(..limits.reply_line).unwrap_or(input);
        let Some(found) = memchr(b'\n', window.get(self.searched..).unwrap_or_default()) else {
            if window.len() == limits.reply_line {
                return Err(ClientError::ReplyTooLong);
            }
            self.searched = window.len();
            return Ok((0, None));
        };
        let end = self.searched + found;
        self.searched = 0;
        let Some([line @ .., b'\r']) = window.get(..end) else { return Err(ClientError::MalformedReply) };
        let reply = self.line(line, limits)?;
        Ok((end + 1, reply))
    }

    fn line(&mut self, line: &[u8], limits: &Limits) -> Result<Option<Reply>, ClientError> {
        let (digits, behind) = line.split_at_checked(3).ok_or(ClientError::MalformedReply)?;
        let (last, text) = match behind {
            [] => (true, behind),
            [b' ', text @ ..] => (true, text),
            [b'-', text @ ..] => (false, text),
            _ => return Err(ClientError::MalformedReply),
        };
        let code = code(digits).ok_or(ClientError::MalformedReply)?;
        let mut partial = match self.partial.take() {
            None => Partial { code, text: Vec::new(), lines: 0 },
            Some(partial) if partial.code == code => partial,
            Some(_) => return Err(ClientError::MalformedReply),
        };
        if partial.lines > 0 {
            partial.text.push(b'\n');
        }
        clean_into(&mut partial.text, text);
        partial.lines += 1;
        if partial.lines > limits.reply_lines || partial.text.len() > limits.reply_octets {
            return Err(ClientError::ReplyTooLong);
        }
        if last {
            return Ok(Some(Reply::from_clean_lines(code, partial.text)));
        }
        self.partial = Some(partial);
        Ok(None)
    }

    /// Whether a reply has begun and not ended.
    pub(crate) fn is_partial(&self) -> bool {
        self.partial.is_some() || self.searched > 0
    }
}

fn code(digits: &[u8]) -> Option<ReplyCode> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    ReplyCode::new(digits.iter().fold(0, |value, digit| value * 10 + u16::from(digit - b'0')))
}
