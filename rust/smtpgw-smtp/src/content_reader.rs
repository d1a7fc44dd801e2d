//! The content of a message as it comes in: transparency (dot-stuffing) undone, its end found, no bad newline let in.
//!
//! RFC 5321 §4.5.2 and §4.1.1.4. Only `CRLF . CRLF` ends content (RFC 5321 §2.3.8, §4.1.1.4); a CR without LF or an
//! LF without CR anywhere makes the whole message refused, because some servers take them for line ends and would
//! see two messages where we see one (SMTP smuggling). Refused content is swallowed up to its true end. Under
//! [`BareNewline::Normalize`] each becomes CRLF instead. That makes a line, and never a place where content could
//! end or a dot were stuffed: only the client's own CRLF does. Whoever writes the content on stuffs the dots of such
//! lines like any other's.
//!
//! The reader starts in "just saw CRLF", so a dot that begins the first line is no special case, and the CRLF in
//! front of the final dot belongs to the content. It keeps no input: it hands out slices of what it is shown, as
//! large as possible, and leaves unread the one or two octets whose meaning the next octet decides (`CR`, `.`, `. CR`).
//!
//! | state \ input | `.` CRLF | `.` other | CRLF | bare CR, bare LF | other |
//! |---|---|---|---|---|---|
//! | line start | **end** | drop the dot → in line | → line start | → refused | → in line |
//! | in line | (content) | (content) | → line start | → refused | (content) |
//! | either, normalizing | | | | given out as CRLF → in line | |
//! | refused, line start | **end** | → refused, in line | → refused, line start | → refused, in line | → refused, in line |
//! | refused, in line | (swallowed) | (swallowed) | → refused, line start | (swallowed) | (swallowed) |

use memchr::{memchr, memchr2};

use crate::error::ContentError;
use crate::limits::Limits;
use crate::newline::BareNewline;

/// Reads the content of one message.
#[derive(Debug)]
pub(crate) struct ContentReader {
    /// The last octets were CRLF, or nothing has been read.
    line_start: bool,
    /// Octets of the line under way, without its stuffed dot.
    column: usize,
    /// Octets of content given out.
    octets: u64,
    /// Set once the content is refused.
    refused: Option<ContentError>,
    /// Octets swallowed since.
    swallowed: u64,
    limits: ContentLimits,
    bare_newline: BareNewline,
}

/// The limits of one message.
#[derive(Clone, Copy, Debug)]
struct ContentLimits {
    size: u64,
    line: usize,
    swallowed: u64,
}

/// What one step found; the number is how many octets of the input it used up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<'b> {
    /// The next octets of content; perhaps none.
    Content(usize, &'b [u8]),
    /// The end of content that was not refused.
    End(usize),
    /// The end of content that was.
    Refused(usize, ContentError),
    /// Refused content that does not end.
    Endless,
}

impl ContentReader {
    /// A reader for a message of at most `size` octets.
    pub(crate) fn new(limits: &Limits, size: u64, bare_newline: BareNewline) -> Self {
        let limits = ContentLimits { size, line: limits.text_octets(), swallowed: limits.swallowed_content };
        Self { line_start: true, column: 0, octets: 0, refused: None, swallowed: 0, limits, bare_newline }
    }

    /// Looks at `input`, everything unread.
    pub(crate) fn read<'b>(&mut self, input: &'b [u8]) -> Step<'b> {
        let mut start = 0;
        if self.line_start {
            match Dot::at(input) {
                Dot::None => {}
                Dot::Undecided => return Step::Content(0, &[]),
                Dot::End => return self.refused.map_or(Step::End(END.len()), |error| Step::Refused(END.len(), error)),
                Dot::Stuffed => start = 1,
            }
        }
        if self.refused.is_some() {
            return self.swallow(input);
        }
        let run = Run::find(input, start, self.column, self.limits.line);
        let content = input.get(start..run.end).unwrap_or_default();
        if content.len() as u64 > self.limits.size - self.octets {
            return self.refuse(ContentError::TooLarge, input);
        }
        if let Some(error) = run.error
            && content.is_empty()
        {
            if error == ContentError::BareNewline && self.bare_newline == BareNewline::Normalize {
                return self.normalize(run.end, input);
            }
            return self.refuse(error, input);
        }
        if start == 1 || !content.is_empty() {
            self.line_start = run.line_start;
            self.column = run.column;
        }
        self.octets += content.len() as u64;
        Step::Content(run.end, content)
    }

    /// Gives out a bare CR or LF, which stands behind `before` octets without content, as CRLF.
    fn normalize<'b>(&mut self, before: usize, input: &'b [u8]) -> Step<'b> {
        if self.limits.size - self.octets < 2 {
            return self.refuse(ContentError::TooLarge, input);
        }
        self.octets += 2;
        self.line_start = false;
        self.column = 0;
        Step::Content(before + 1, b"\r\n")
    }

    fn refuse<'b>(&mut self, error: ContentError, input: &'b [u8]) -> Step<'b> {
        self.refused = Some(error);
        self.swallow(input)
    }

    /// Skips to the next line that begins with a dot, which alone can be the end.
    fn swallow<'b>(&mut self, input: &'b [u8]) -> Step<'b> {
        let mut at = 0;
        let used = loop {
            let Some(found) = memchr(b'\n', input.get(at..).unwrap_or_default()) else {
                // A CR at the very end may be the first half of CRLF, so it stays unread.
                self.line_start = false;
                break input.len() - usize::from(input.last() == Some(&b'\r'));
            };
            at += found + 1;
            let crlf = at >= 2 && input.get(at - 2) == Some(&b'\r');
            if crlf && input.get(at).is_none_or(|octet| *octet == b'.') {
                self.line_start = true;
                break at;
            }
        };
        self.swallowed = self.swallowed.saturating_add(used as u64);
        if self.swallowed > self.limits.swallowed { Step::Endless } else { Step::Content(used, &[]) }
    }
}

/// What stands behind the CRLF that ends content.
const END: &[u8] = b".\r\n";

/// The meaning of the start of a line.
enum Dot {
    /// It does not begin with a dot.
    None,
    /// It begins with a dot that was stuffed, or that a careless client did not stuff: dropped either way.
    Stuffed,
    /// It is the end of content.
    End,
    /// More octets must be seen.
    Undecided,
}

impl Dot {
    fn at(line: &[u8]) -> Self {
        match line {
            [] | [b'.'] | [b'.', b'\r'] => Self::Undecided,
            [b'.', b'\r', b'\n', ..] => Self::End,
            [b'.', ..] => Self::Stuffed,
            _ => Self::None,
        }
    }
}

/// A stretch of content that can be given out as one slice.
struct Run {
    /// Where it ends in the input.
    end: usize,
    /// Whether it ends in CRLF.
    line_start: bool,
    /// Octets of the last line that it leaves unfinished.
    column: usize,
    /// Why the octet behind it cannot be content.
    error: Option<ContentError>,
}

impl Run {
    /// Goes from line to line until something needs a decision: a line that begins with a dot, a bad newline, an
    /// over-long line, or the end of the input. One search per line, so this is what the speed of content hangs on.
    #[inline]
    fn find(input: &[u8], start: usize, column: usize, longest: usize) -> Self {
        let mut line = start;
        let mut column = column;
        loop {
            let text = input.get(line..).unwrap_or_default();
            let found = memchr2(b'\r', b'\n', text);
            let length = found.unwrap_or(text.len());
            if length > longest - column {
                let end = line + (longest - column);
                return Self { end, line_start: false, column: longest, error: Some(ContentError::LineTooLong) };
            }
            let stop = |error| Self { end: line + length, line_start: false, column: column + length, error };
            match (text.get(length), text.get(length + 1)) {
                // The input ends in mid-line, or behind a CR, which stays unread.
                (None, _) | (Some(b'\r'), None) => return stop(None),
                (Some(b'\r'), Some(b'\n')) => {}
                _ => return stop(Some(ContentError::BareNewline)),
            }
            line += length + 2;
            column = 0;
            match input.get(line) {
                Some(b'.') | None => return Self { end: line, line_start: true, column: 0, error: None },
                Some(_) => {}
            }
        }
    }
}
