//! The content of a message that comes in chunks (BDAT): counted strictly, no transparency, no end to be found.
//!
//! RFC 3030 §2. A chunk is so many octets, and nothing in them is looked at to find out where it ends: a line with a
//! dot alone is content. One reader reads all chunks of a message, since CR and LF may stand in two of them; a CR that
//! ends a chunk is held back until the next octet is known. Where MAIL did not say BINARYMIME, the content
//! consists of lines (RFC 3030 §3), so a bare CR or LF is refused or becomes CRLF as in DATA. Content that does not
//! end in CRLF is given out as it is: whoever writes it on for DATA adds the line end, which changes no DKIM signature
//! (RFC 6376 §3.4.3) and no header. Binary content is any octets, given out as they are.
//!
//! A chunk that is refused is swallowed to its last octet all the same.

use memchr::memchr2;

use crate::error::ContentError;
use crate::limits::Limits;
use crate::newline::BareNewline;

/// Reads the content of one message, chunk by chunk.
#[derive(Debug)]
pub(crate) struct ChunkReader {
    /// Octets of the chunk under way that are still to come.
    left: u64,
    /// The chunk under way is the last.
    last: bool,
    /// The chunk before ended in CR.
    after_cr: bool,
    /// Octets of the line under way.
    column: usize,
    /// Octets of content that may still come.
    room: u64,
    /// Set once the content is refused.
    refused: Option<ContentError>,
    longest: usize,
    bare_newline: BareNewline,
    /// The content consists of octets, not of lines.
    binary: bool,
}

/// What one step found; the number is how many octets of the input it used up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ChunkStep<'b> {
    /// The next octets of content; perhaps none.
    Content(usize, &'b [u8]),
    /// The end of a chunk behind which more come.
    Chunk,
    /// The end of the last one.
    End,
    /// The end of a chunk that was refused.
    Refused(ContentError),
}

impl ChunkReader {
    /// A reader for a message of at most `size` octets.
    pub(crate) fn new(limits: &Limits, size: u64, bare_newline: BareNewline) -> Self {
        Self {
            left: 0,
            last: false,
            after_cr: false,
            column: 0,
            room: size,
            refused: None,
            longest: limits.text_octets(),
            bare_newline,
            binary: false,
        }
    }

    /// The same for content that MAIL said is binary (RFC 3030 §3).
    pub(crate) fn binary(limits: &Limits, size: u64) -> Self {
        Self { binary: true, ..Self::new(limits, size, BareNewline::Reject) }
    }

    /// A chunk of `size` octets follows.
    pub(crate) fn begin(&mut self, size: u64, last: bool) {
        self.left = size;
        self.last = last;
        if size > self.room {
            // Known before its first octet: nothing of it needs to be kept.
            self.refused = Some(ContentError::TooLarge);
        }
    }

    /// Looks at `input`, everything unread, of which only the chunk is touched.
    pub(crate) fn read<'b>(&mut self, input: &'b [u8]) -> ChunkStep<'b> {
        let shown = usize::try_from(self.left).unwrap_or(usize::MAX).min(input.len());
        if self.refused.is_none() {
            let step = self.step(input.get(..shown).unwrap_or_default());
            if self.refused.is_none() {
                return step;
            }
        }
        match self.refused {
            Some(error) if self.left == 0 => ChunkStep::Refused(error),
            _ => {
                self.left -= shown as u64;
                ChunkStep::Content(shown, &[])
            }
        }
    }

    fn step<'b>(&mut self, chunk: &'b [u8]) -> ChunkStep<'b> {
        if self.left == 0 {
            return self.end();
        }
        let Some(first) = chunk.first() else { return ChunkStep::Content(0, &[]) };
        if self.binary {
            return self.give(chunk.len(), chunk);
        }
        if self.after_cr {
            self.after_cr = false;
            return if *first == b'\n' { self.newline(1) } else { self.bare(0) };
        }
        let length = memchr2(b'\r', b'\n', chunk).unwrap_or(chunk.len());
        if length > self.longest.saturating_sub(self.column) {
            return self.refuse(ContentError::LineTooLong);
        }
        match (chunk.get(length), chunk.get(length + 1)) {
            (Some(b'\r'), Some(b'\n')) => self.lines(chunk),
            _ if length > 0 => self.text(chunk, length),
            (Some(b'\r'), None) if self.left == 1 => {
                self.left = 0;
                self.after_cr = true;
                ChunkStep::Content(1, &[])
            }
            (Some(b'\r'), None) => ChunkStep::Content(0, &[]),
            _ => self.bare(1),
        }
    }

    /// Whole lines, as many as there are, in one slice.
    fn lines<'b>(&mut self, chunk: &'b [u8]) -> ChunkStep<'b> {
        let mut end = 0;
        let mut column = self.column;
        while let Some(rest) = chunk.get(end..)
            && let Some(length) = memchr2(b'\r', b'\n', rest)
            && let (Some(b'\r'), Some(b'\n')) = (rest.get(length), rest.get(length + 1))
            && length <= self.longest.saturating_sub(column)
        {
            end += length + 2;
            column = 0;
        }
        self.column = column;
        self.give(end, chunk.get(..end).unwrap_or_default())
    }

    /// The part of a line in front of something that needs a decision.
    fn text<'b>(&mut self, chunk: &'b [u8], length: usize) -> ChunkStep<'b> {
        self.column += length;
        self.give(length, chunk.get(..length).unwrap_or_default())
    }

    fn newline<'b>(&mut self, used: usize) -> ChunkStep<'b> {
        self.column = 0;
        self.give(used, b"\r\n")
    }

    /// A CR without LF, or an LF without CR, which takes up `used` octets of what is shown.
    fn bare<'b>(&mut self, used: usize) -> ChunkStep<'b> {
        match self.bare_newline {
            BareNewline::Normalize => self.newline(used),
            BareNewline::Reject => self.refuse(ContentError::BareNewline),
        }
    }

    fn give<'b>(&mut self, used: usize, content: &'b [u8]) -> ChunkStep<'b> {
        let Some(room) = self.room.checked_sub(content.len() as u64) else {
            return self.refuse(ContentError::TooLarge);
        };
        self.room = room;
        self.left -= used as u64;
        ChunkStep::Content(used, content)
    }

    fn refuse<'b>(&mut self, error: ContentError) -> ChunkStep<'b> {
        self.refused = Some(error);
        ChunkStep::Content(0, &[])
    }

    fn end<'b>(&mut self) -> ChunkStep<'b> {
        match (self.last, self.after_cr) {
            (false, _) => ChunkStep::Chunk,
            (true, false) => ChunkStep::End,
            (true, true) => {
                self.after_cr = false;
                self.bare(0)
            }
        }
    }
}
