//! Command lines out of a stream of octets, in fixed memory: strict CRLF, bounded, and junk skipped.
//!
//! RFC 5321 §2.3.8 and §4.5.3.1.4. A line that is too long or holds a bare LF is refused as soon as that is seen,
//! once, and skipped up to its CRLF, so that whatever else the line holds can never be taken for a command. One that
//! was to be BDAT's closes: how many octets of chunk follow it is not known. Also skips the octets of a chunk (RFC
//! 3030) that was refused. Leaves what a line says to `request`.

use memchr::memchr;

use crate::error::{CloseReason, CommandError};
use crate::limits::{self, Limits};
use crate::request;

/// Reads command lines.
#[derive(Debug)]
pub(crate) struct LineReader {
    reading: Reading,
    longest: usize,
    /// Whether AUTH may be longer.
    auth: bool,
    longest_skipped: usize,
}

#[derive(Debug)]
enum Reading {
    /// A line, of which so many octets have been searched in vain.
    Line { searched: usize },
    /// The rest of a line that has been refused; so many octets of it have gone.
    Rest { skipped: usize },
    /// A chunk, of which so many octets are to come; the answer is due behind it.
    Chunk { left: u64, answer: CommandError },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Command,
    Response,
}

/// Octets of a line with as much base64 as RFC 4954 §4 wants room for, a command in front of it and CRLF behind.
const AUTH_LINE: usize = limits::AUTH_LINE + 64;

/// What one step found; the number is how many octets of the input it used up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'b> {
    /// Nothing yet.
    Incomplete(usize),
    /// A line, without its CRLF.
    Complete(usize, &'b [u8]),
    /// To be answered with this refusal.
    Refused(usize, CommandError),
    /// To be hung up on.
    Close(CloseReason),
}

impl LineReader {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            reading: Reading::Line { searched: 0 },
            longest: limits.effective_command_line(),
            auth: false,
            longest_skipped: limits.skipped_line,
        }
    }

    /// Skips the next `left` octets, whatever they are, and then answers.
    pub(crate) fn skip_chunk(&mut self, left: u64, answer: CommandError) {
        self.reading = Reading::Chunk { left, answer };
    }

    /// Looks at `input`, everything unread.
    pub(crate) fn read<'b>(&mut self, input: &'b [u8]) -> Line<'b> {
        self.read_as(input, Kind::Command)
    }

    /// The same where a line is no command but a response to a challenge, whatever it begins with (RFC 4954 §4).
    pub(crate) fn read_response<'b>(&mut self, input: &'b [u8]) -> Line<'b> {
        self.read_as(input, Kind::Response)
    }

    /// Lets AUTH be as long as its initial response may be (RFC 4954 §4).
    pub(crate) fn allow_auth(&mut self, allow: bool) {
        self.auth = allow;
    }

    fn read_as<'b>(&mut self, input: &'b [u8], kind: Kind) -> Line<'b> {
        match self.reading {
            Reading::Line { searched } => self.line(input, searched, kind),
            Reading::Rest { skipped } => self.rest(input, skipped),
            // By itself: what was refused is the line in front, and its octets are nobody's command.
            Reading::Chunk { left: 0, answer } => {
                self.reading = Reading::Line { searched: 0 };
                Line::Refused(0, answer)
            }
            Reading::Chunk { left, answer } => {
                let used = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                self.reading = Reading::Chunk { left: left - used as u64, answer };
                Line::Incomplete(used)
            }
        }
    }

    fn line<'b>(&mut self, input: &'b [u8], searched: usize, kind: Kind) -> Line<'b> {
        if kind == Kind::Command && request::is_foreign(input) {
            return Line::Close(CloseReason::Protocol);
        }
        let auth = || self.auth && input.get(..5).is_some_and(|begin| begin.eq_ignore_ascii_case(b"AUTH "));
        let longest = if kind == Kind::Response || auth() { self.longest.max(AUTH_LINE) } else { self.longest };
        let window = input.get(..longest).unwrap_or(input);
        let Some(found) = memchr(b'\n', window.get(searched..).unwrap_or_default()) else {
            if window.len() < longest {
                self.reading = Reading::Line { searched: window.len() };
                return Line::Incomplete(0);
            }
            if kind == Kind::Command && request::is_chunk(window) {
                return Line::Close(CloseReason::ChunkLine);
            }
            // A CR at the very end may be the first half of CRLF, so it stays unread.
            let used = window.len() - usize::from(window.last() == Some(&b'\r'));
            self.reading = Reading::Rest { skipped: used };
            return Line::Refused(used, CommandError::LineTooLong);
        };
        let end = searched + found;
        match window.get(..end) {
            Some([line @ .., b'\r']) => {
                self.reading = Reading::Line { searched: 0 };
                Line::Complete(end + 1, line)
            }
            Some(line) if kind == Kind::Command && request::is_chunk(line) => Line::Close(CloseReason::ChunkLine),
            _ => {
                self.reading = Reading::Rest { skipped: end + 1 };
                Line::Refused(end + 1, CommandError::BareNewline)
            }
        }
    }

    fn rest<'b>(&mut self, input: &'b [u8], skipped: usize) -> Line<'b> {
        let mut at = 0;
        while let Some(found) = memchr(b'\n', input.get(at..).unwrap_or_default()) {
            at += found + 1;
            if at >= 2 && input.get(at - 2) == Some(&b'\r') {
                self.reading = Reading::Line { searched: 0 };
                return Line::Incomplete(at);
            }
        }
        let used = input.len() - usize::from(input.last() == Some(&b'\r'));
        let skipped = skipped.saturating_add(used);
        self.reading = Reading::Rest { skipped };
        if skipped > self.longest_skipped { Line::Close(CloseReason::EndlessLine) } else { Line::Incomplete(used) }
    }
}
