//! Cuts the octets of a body into content and delimiters while they arrive.
//!
//! A delimiter stands at the beginning of a line, and the line end before it belongs to it (RFC 2046 §5.1.1). So a
//! line end is held back until the next line is known not to be a delimiter, and a line that may be one until it is
//! decided. All other content passes in place, as far as the input goes: only `LF - -` is searched for.
//!
//! | edge            | meaning                                             | held                       |
//! |-----------------|-----------------------------------------------------|----------------------------|
//! | LineStart(end)  | at the beginning of a line                          | the line end before it     |
//! | Inside          | within a line of content, or of no interest         | nothing                    |
//! | CarriageReturn  | within a line, after a CR                           | the CR                     |
//! | Line            | within a line that may be a delimiter               | line end and line, bounded |
//! | Trailer         | behind a delimiter that was decided on without its line end | nothing            |

use alloc::vec::Vec;
use core::ops::Range;

use memchr::memmem::Finder;

use super::{Delimiters, Found, Judgement};

/// Cuts one body.
#[derive(Debug)]
pub(crate) struct Splitter {
    edge: Edge,
    /// In `Edge::Line`: the line end before the line, and the line.
    held: Vec<u8>,
    near_miss: Option<(Found, usize)>,
    /// The boundary that the last delimiter has, where it was not known before.
    guess: Option<Vec<u8>>,
    finder: Finder<'static>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edge {
    LineStart(LineEnd),
    Inside,
    CarriageReturn,
    /// `before`: octets of the line end in front; `judged`: octets of the line when it was judged last.
    Line {
        before: usize,
        judged: usize,
    },
    Trailer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineEnd {
    None,
    Lf,
    CrLf,
}

impl LineEnd {
    fn octets(self) -> &'static [u8] {
        match self {
            Self::None => b"",
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
        }
    }
}

/// What a step brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Nothing yet.
    None,
    /// Content: this stretch of the input.
    Input(Range<usize>),
    /// Content that was held: a line end, or a CR.
    LineEnd(&'static [u8]),
    /// Content that was held, and how many of the octets consumed so far lie from its beginning on; give the buffer
    /// back with [`Splitter::give_back`].
    Held(Vec<u8>, usize),
    /// A delimiter.
    Delimiter {
        /// Which.
        found: Found,
        /// Octets of its line that were consumed, in this step and before.
        len: usize,
        /// Its line, or the line before it, ends with LF alone.
        bare: bool,
    },
}

impl Default for Splitter {
    fn default() -> Self {
        let edge = Edge::LineStart(LineEnd::None);
        Self { edge, held: Vec::new(), near_miss: None, guess: None, finder: Finder::new(b"\n--") }
    }
}

impl Splitter {
    /// A new body begins here, at the beginning of a line.
    pub(crate) fn restart(&mut self) {
        self.edge = Edge::LineStart(LineEnd::None);
        self.held.clear();
    }

    /// Reads from `raw`, which is not empty: how many octets were consumed, and what came of them.
    pub(crate) fn step(&mut self, raw: &[u8], delimiters: Delimiters<'_>) -> (usize, Piece) {
        match self.edge {
            Edge::Inside => self.inside(raw),
            Edge::LineStart(before) if raw.first() != Some(&b'-') => self.enter(before),
            Edge::LineStart(before) => self.line_start(raw, before, delimiters),
            Edge::Line { before, judged } => self.line(raw, before, judged, delimiters),
            Edge::CarriageReturn if raw.first() == Some(&b'\n') => {
                self.edge = Edge::LineStart(LineEnd::CrLf);
                (1, Piece::None)
            }
            Edge::CarriageReturn => {
                self.edge = Edge::Inside;
                (0, Piece::LineEnd(b"\r"))
            }
            Edge::Trailer => match memchr::memchr(b'\n', raw) {
                Some(at) => {
                    self.edge = Edge::LineStart(LineEnd::None);
                    (at + 1, Piece::None)
                }
                None => (raw.len(), Piece::None),
            },
        }
    }

    /// A delimiter was found elsewhere, in a header: `line` is what was read of its line.
    pub(crate) fn go_on_after(&mut self, line: &[u8]) {
        self.edge = after_delimiter(line);
        self.held.clear();
    }

    /// Whether nothing but a line end before the next line is held.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.edge, Edge::LineStart(_) | Edge::Inside)
    }

    /// Octets were read as content elsewhere: no delimiter is among them, and line ends in them are of no interest.
    pub(crate) fn skip(&mut self, content: &[u8]) {
        self.edge = match content {
            [] => return,
            [.., b'\r', b'\n'] => Edge::LineStart(LineEnd::CrLf),
            [.., b'\n'] => Edge::LineStart(LineEnd::Lf),
            _ => Edge::Inside,
        };
    }

    /// Whether the rest of a delimiter's line has to be read before anything else.
    pub(crate) fn is_in_trailer(&self) -> bool {
        self.edge == Edge::Trailer
    }

    /// The body ends: what is held. Then it is as new.
    pub(crate) fn finish(&mut self, delimiters: Delimiters<'_>) -> Piece {
        let piece = match self.edge {
            Edge::LineStart(before) => Piece::LineEnd(before.octets()),
            Edge::CarriageReturn => Piece::LineEnd(b"\r"),
            Edge::Inside | Edge::Trailer => Piece::None,
            Edge::Line { before, .. } => {
                let line = self.held.get(before..).unwrap_or_default();
                match guessed(delimiters.judge(line, true), line, &mut self.guess) {
                    Judgement::Delimiter(found) => {
                        Piece::Delimiter { found, len: line.len(), bare: self.held.starts_with(b"\n") }
                    }
                    judgement => {
                        self.note(judgement, line.len());
                        let held = core::mem::take(&mut self.held);
                        let len = held.len();
                        Piece::Held(held, len)
                    }
                }
            }
        };
        self.restart();
        piece
    }

    /// A line that another dialect would take for a delimiter, if the last step met one, and how many of the octets
    /// consumed so far are that line's.
    pub(crate) fn take_near_miss(&mut self) -> Option<(Found, usize)> {
        self.near_miss.take()
    }

    /// The boundary of the multipart that the last delimiter belongs to, if it was not known before.
    pub(crate) fn take_guess(&mut self) -> Option<Vec<u8>> {
        self.guess.take()
    }

    /// Takes back the buffer of [`Piece::Held`].
    pub(crate) fn give_back(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.held = buffer;
    }

    /// The line at hand is content: its octets are read where they stand.
    fn enter(&mut self, before: LineEnd) -> (usize, Piece) {
        self.edge = Edge::Inside;
        match before {
            LineEnd::None => (0, Piece::None),
            before => (0, Piece::LineEnd(before.octets())),
        }
    }

    fn note(&mut self, judgement: Judgement, len: usize) {
        if let Judgement::NearMiss(found) = judgement {
            self.near_miss = Some((found, len));
        }
    }

    fn inside(&mut self, raw: &[u8]) -> (usize, Piece) {
        let line_feed = match (self.finder.find(raw), raw) {
            (Some(at), _) => at,
            (None, [.., b'\n']) => raw.len() - 1,
            (None, [.., b'\n', b'-']) => raw.len() - 2,
            (None, [text @ .., b'\r']) => {
                self.edge = Edge::CarriageReturn;
                return (raw.len(), Piece::Input(0..text.len()));
            }
            (None, _) => return (raw.len(), Piece::Input(0..raw.len())),
        };
        let text = raw.get(..line_feed).unwrap_or_default();
        let (text, end) = text.strip_suffix(b"\r").map_or((text, LineEnd::Lf), |text| (text, LineEnd::CrLf));
        self.edge = Edge::LineStart(end);
        (line_feed + 1, Piece::Input(0..text.len()))
    }

    /// At the beginning of a line that begins with a hyphen.
    fn line_start(&mut self, raw: &[u8], before: LineEnd, delimiters: Delimiters<'_>) -> (usize, Piece) {
        let window = raw.get(..delimiters.judged()).unwrap_or(raw);
        let line_feed = memchr::memchr(b'\n', window);
        let complete = line_feed.is_some() || window.len() == delimiters.judged();
        let line = line_feed.and_then(|at| window.get(..=at)).unwrap_or(window);
        match guessed(delimiters.judge(line, complete), line, &mut self.guess) {
            Judgement::Undecided => {
                let before = before.octets();
                self.held.extend_from_slice(before);
                self.held.extend_from_slice(line);
                self.edge = Edge::Line { before: before.len(), judged: line.len() };
                (line.len(), Piece::None)
            }
            Judgement::Delimiter(found) => {
                self.edge = after_delimiter(line);
                let bare = before == LineEnd::Lf || ends_bare(line);
                (line.len(), Piece::Delimiter { found, len: line.len(), bare })
            }
            judgement => {
                self.note(judgement, 0);
                self.enter(before)
            }
        }
    }

    /// Within a line that may be a delimiter.
    fn line(&mut self, raw: &[u8], before: usize, judged: usize, delimiters: Delimiters<'_>) -> (usize, Piece) {
        let room = delimiters.judged().saturating_sub(self.held.len() - before);
        let window = raw.get(..room).unwrap_or(raw);
        let consumed = memchr::memchr(b'\n', window).map_or(window.len(), |at| at + 1);
        self.held.extend_from_slice(window.get(..consumed).unwrap_or_default());
        let line = self.held.get(before..).unwrap_or_default();
        let len = line.len();
        let complete = line.ends_with(b"\n") || len >= delimiters.judged();
        if !complete && len / 2 < judged {
            // Judging anew for every octet that dribbles in would cost quadratic time.
            return (consumed, Piece::None);
        }
        match guessed(delimiters.judge(line, complete), line, &mut self.guess) {
            Judgement::Undecided => {
                self.edge = Edge::Line { before, judged: len };
                (consumed, Piece::None)
            }
            Judgement::Delimiter(found) => {
                self.edge = after_delimiter(line);
                let bare = self.held.starts_with(b"\n") || ends_bare(line);
                self.held.clear();
                (consumed, Piece::Delimiter { found, len, bare })
            }
            judgement => {
                self.note(judgement, len);
                let mut held = core::mem::take(&mut self.held);
                let end = match held.as_slice() {
                    [.., b'\r', b'\n'] => LineEnd::CrLf,
                    [.., b'\n'] => LineEnd::Lf,
                    _ => LineEnd::None,
                };
                held.truncate(held.len() - end.octets().len());
                self.edge = match (end, held.last()) {
                    (LineEnd::None, Some(b'\r')) => {
                        held.pop();
                        Edge::CarriageReturn
                    }
                    (LineEnd::None, _) => Edge::Inside,
                    (end, _) => Edge::LineStart(end),
                };
                (consumed, Piece::Held(held, before + len))
            }
        }
    }
}

/// A guess as the delimiter that it is taken for; its boundary goes to `boundary`.
fn guessed(judgement: Judgement, line: &[u8], boundary: &mut Option<Vec<u8>>) -> Judgement {
    let Judgement::Guess(frame) = judgement else { return judgement };
    let text = line.trim_ascii_end();
    let text = text.strip_prefix(b"--").unwrap_or(text);
    *boundary = Some(text.strip_suffix(b"--").filter(|text| !text.is_empty()).unwrap_or(text).to_vec());
    Judgement::Delimiter(Found { frame, close: false, trailer: false, after_close: false, other_case: false })
}

/// Where a line that was a delimiter leaves off.
fn after_delimiter(line: &[u8]) -> Edge {
    if line.ends_with(b"\n") { Edge::LineStart(LineEnd::None) } else { Edge::Trailer }
}

/// Whether a line ends with LF alone.
pub(crate) fn ends_bare(line: &[u8]) -> bool {
    line.ends_with(b"\n") && !line.ends_with(b"\r\n")
}

#[cfg(test)]
#[path = "splitter_tests.rs"]
mod tests;
