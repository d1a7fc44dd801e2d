//! Judges whether a line is a delimiter (RFC 2046 §5.1.1), and whose.
//!
//! The boundaries of all enclosing multiparts count, the innermost first (RFC 2046 §5.1.2), in this order:
//!
//! 1. a line that is a delimiter whole, of a multipart that is open;
//! 2. the same of one that was closed: nested multiparts may share a boundary, and then the line is the outer one's;
//! 3. by [`DelimiterMatch::Prefix`] a line that only begins with a delimiter, the longest boundary first: of two
//!    boundaries of which one begins with the other, the longer one is meant.
//!
//! A line is judged by its first octets (`Limits::boundary` and some blanks): no delimiter is longer.

use alloc::vec::Vec;

use crate::dialect::{AfterClose, DelimiterMatch, Dialect, MissingBoundary, Shared};

/// One multipart that is being read.
#[derive(Debug)]
pub(crate) struct Multipart {
    pub(crate) boundary: Boundary,
    /// Its close delimiter came.
    pub(crate) closed: bool,
    /// Its children are messages where they do not say otherwise (RFC 2046 §5.1.5).
    pub(crate) digest: bool,
    /// How many children it had.
    pub(crate) children: u32,
}

/// A boundary, without the two hyphens.
#[derive(Debug)]
pub(crate) struct Boundary {
    octets: Vec<u8>,
    /// It was longer; a delimiter only has to begin with this.
    cut: bool,
}

/// What one multipart says to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    No,
    /// Not yet: the line could become one.
    Perhaps,
    /// The line begins with a delimiter, but for its case.
    OtherCase {
        close: bool,
    },
    /// The line begins with a delimiter.
    Prefix {
        close: bool,
    },
    /// The line is a delimiter.
    Whole {
        close: bool,
    },
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Content.
    Content,
    /// Content, though a program with another dialect would see this delimiter.
    NearMiss(Found),
    /// More of the line is needed.
    Undecided,
    /// A delimiter.
    Delimiter(Found),
    /// What the dialect takes for the first delimiter of the multipart at this frame, whose boundary is not known.
    Guess(usize),
}

/// A delimiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Whose it is: index of its frame.
    pub(crate) frame: usize,
    /// It closes.
    pub(crate) close: bool,
    /// The line goes on behind it.
    pub(crate) trailer: bool,
    /// Its multipart was closed before.
    pub(crate) after_close: bool,
    /// Its case is another.
    pub(crate) other_case: bool,
}

/// Something that may be a multipart; the outermost comes first.
pub(crate) trait Frames {
    /// How many there are.
    fn count(&self) -> usize;
    /// The multipart at `index`, if it is one.
    fn multipart(&self, index: usize) -> Option<&Multipart>;
}

/// The boundaries around a line, and the rules.
#[derive(Clone, Copy)]
pub(crate) struct Delimiters<'a> {
    pub(crate) frames: &'a dyn Frames,
    pub(crate) dialect: &'a Dialect,
    /// `Limits::boundary`
    pub(crate) longest: usize,
}

/// Blanks behind a delimiter that are looked at.
const BLANKS: usize = 1024;

impl Boundary {
    /// From a boundary parameter; the first `longest` octets count.
    pub(crate) fn new(mut octets: Vec<u8>, longest: usize) -> Self {
        let cut = octets.len() > longest;
        octets.truncate(longest);
        Self { octets, cut }
    }

    /// Whether it is still to be guessed: no line is its delimiter.
    pub(crate) fn is_unknown(&self) -> bool {
        self.octets.is_empty()
    }

    /// Whether it was cut.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Whether one is the other's beginning, or they are equal.
    pub(crate) fn is_ambiguous_with(&self, other: &Self) -> bool {
        self.octets.starts_with(&other.octets) || other.octets.starts_with(&self.octets)
    }

    /// Whether RFC 2046 §5.1.1 allows it.
    pub(crate) fn is_valid(&self) -> bool {
        let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(b);
        (1..=70).contains(&self.octets.len()) && self.octets.iter().all(allowed) && !self.octets.ends_with(b" ")
    }

    /// `text`: a line without its two hyphens and its line end; `complete`: nothing more comes.
    fn compare(&self, text: &[u8], complete: bool) -> Match {
        if self.is_unknown() {
            return Match::No;
        }
        let Some(after) = text.strip_prefix(self.octets.as_slice()) else {
            return self.compare_case(text, complete);
        };
        if !complete {
            return Match::Perhaps;
        }
        let (close, after) = after.strip_prefix(b"--").map_or((false, after), |after| (true, after));
        if after.iter().all(|&b| b == b' ' || b == b'\t') {
            return Match::Whole { close };
        }
        if self.cut {
            let text = text.trim_ascii_end();
            return Match::Whole { close: text.ends_with(b"--") };
        }
        Match::Prefix { close }
    }
}

impl Boundary {
    fn compare_case(&self, text: &[u8], complete: bool) -> Match {
        let common = text.len().min(self.octets.len());
        let alike = !self.octets.is_empty()
            && text
                .get(..common)
                .is_some_and(|text| text.eq_ignore_ascii_case(self.octets.get(..common).unwrap_or_default()));
        match (alike, complete) {
            (false, _) => Match::No,
            (true, false) => Match::Perhaps,
            (true, true) if common < self.octets.len() => Match::No,
            (true, true) => {
                Match::OtherCase { close: text.get(common..).is_some_and(|after| after.starts_with(b"--")) }
            }
        }
    }
}

impl Delimiters<'_> {
    /// Octets of a line that are looked at.
    pub(crate) fn judged(&self) -> usize {
        self.longest.saturating_add(BLANKS)
    }

    /// Judges a line, or its beginning. `complete`: it has its line end, or it is the last one, or it has
    /// [`Self::judged`] octets.
    pub(crate) fn judge(&self, line: &[u8], complete: bool) -> Judgement {
        let line = line.get(..self.judged()).unwrap_or(line);
        let line = line.strip_suffix(b"\n").map_or(line, |line| line.strip_suffix(b"\r").unwrap_or(line));
        let text = match line {
            [b'-', b'-', text @ ..] => text,
            [b'-'] | [] if !complete => return Judgement::Undecided,
            _ => return Judgement::Content,
        };
        let mut undecided = false;
        let mut closed = None;
        let mut other_case = None;
        let mut prefix: Option<(usize, Found)> = None;
        let outer_first = self.dialect.shared == Shared::Outer;
        let count = self.frames.count();
        for index in 0..count {
            let frame = if outer_first { index } else { count - 1 - index };
            let Some(multipart) = self.frames.multipart(frame) else { continue };
            let found =
                |close, trailer| Found { frame, close, trailer, after_close: multipart.closed, other_case: false };
            match multipart.boundary.compare(text, complete) {
                Match::No => {}
                Match::Perhaps => undecided = true,
                Match::OtherCase { close } if !multipart.closed => {
                    other_case = other_case.or(Some(Found { other_case: true, ..found(close, false) }));
                }
                Match::OtherCase { .. } => {}
                Match::Whole { close } if !multipart.closed => return Judgement::Delimiter(found(close, false)),
                Match::Whole { close } => closed = closed.or(Some(found(close, false))),
                Match::Prefix { close } if !multipart.closed => {
                    let len = multipart.boundary.octets.len();
                    if prefix.is_none_or(|(longest, _)| longest < len && !outer_first) {
                        prefix = Some((len, found(close, true)));
                    }
                }
                Match::Prefix { .. } => {}
            }
        }
        if undecided {
            return Judgement::Undecided;
        }
        if self.dialect.missing_boundary == MissingBoundary::Guess
            && (closed, prefix, other_case) == (None, None, None)
            && let Some(frame) = count.checked_sub(1)
            && self.frames.multipart(frame).is_some_and(|multipart| multipart.children == 0 && !multipart.closed)
            && text.first().map_or(!complete, u8::is_ascii_graphic)
        {
            return if complete { Judgement::Guess(frame) } else { Judgement::Undecided };
        }
        if let Some(found) = closed {
            return if found.close || self.dialect.after_close == AfterClose::Ignore {
                Judgement::NearMiss(found)
            } else {
                Judgement::Delimiter(found)
            };
        }
        match (prefix, self.dialect.delimiter) {
            (None, rule) => match other_case {
                None => Judgement::Content,
                Some(found) if rule == DelimiterMatch::AnyCase => Judgement::Delimiter(found),
                Some(found) => Judgement::NearMiss(found),
            },
            (Some((_, found)), DelimiterMatch::Prefix | DelimiterMatch::AnyCase) => Judgement::Delimiter(found),
            (Some((_, found)), DelimiterMatch::Exact) => Judgement::NearMiss(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Open(Vec<Option<Multipart>>);

    impl Frames for Open {
        fn count(&self) -> usize {
            self.0.len()
        }

        fn multipart(&self, index: usize) -> Option<&Multipart> {
            self.0.get(index)?.as_ref()
        }
    }

    /// Boundaries from outside in; `!` in front: closed; empty: no multipart.
    fn open(boundaries: &[&str]) -> Open {
        let frame = |text: &&str| {
            let closed = text.starts_with('!');
            let octets = text.trim_start_matches('!').as_bytes().to_vec();
            let boundary = Boundary::new(octets, 10);
            (!text.is_empty()).then_some(Multipart { boundary, closed, digest: false, children: 1 })
        };
        Open(boundaries.iter().map(frame).collect())
    }

    fn judge(boundaries: &[&str], line: &str, complete: bool, dialect: Dialect) -> Judgement {
        let frames = open(boundaries);
        Delimiters { frames: &frames, dialect: &dialect, longest: 10 }.judge(line.as_bytes(), complete)
    }

    fn found(frame: usize, close: bool) -> Found {
        Found { frame, close, trailer: false, after_close: false, other_case: false }
    }

    #[test]
    fn judges_complete_lines() {
        use Judgement::{Content, Delimiter, NearMiss};
        let trailer = |frame, close| Delimiter(Found { trailer: true, ..found(frame, close) });
        let table: &[(&[&str], &str, Judgement)] = &[
            (&["b"], "--b\r\n", Delimiter(found(0, false))),
            (&["b"], "--b\n", Delimiter(found(0, false))),
            (&["b"], "--b", Delimiter(found(0, false))),
            (&["b"], "--b--\r\n", Delimiter(found(0, true))),
            (&["b"], "--b \t \r\n", Delimiter(found(0, false))),
            (&["b"], "--b-- \r\n", Delimiter(found(0, true))),
            (&["b"], "--B\r\n", NearMiss(Found { other_case: true, ..found(0, false) })),
            (&["b"], "--B--\r\n", NearMiss(Found { other_case: true, ..found(0, true) })),
            (&["bc"], "--B\r\n", Content),
            (&["b"], "-- b\r\n", Content),
            (&["b"], "-b\r\n", Content),
            (&["b"], "---b\r\n", Content),
            (&["b"], "--\r\n", Content),
            (&["b"], "", Content),
            (&["b"], "text\r\n", Content),
            (&["b"], "--bx\r\n", trailer(0, false)),
            (&["b"], "--b-\r\n", trailer(0, false)),
            (&["b"], "--b--x\r\n", trailer(0, true)),
            (&["b"], "--b -- \r\n", trailer(0, false)),
            (&["b"], "--b\r\r\n", trailer(0, false)),
            // Of several the innermost, then the one that matches whole, then the longest.
            (&["b", "", "b"], "--b\r\n", Delimiter(found(2, false))),
            (&["b", "!b"], "--b\r\n", Delimiter(found(0, false))),
            (&["bb", "b"], "--bb\r\n", Delimiter(found(0, false))),
            (&["b", "bb"], "--b\r\n", Delimiter(found(0, false))),
            (&["bb", "b"], "--bbx\r\n", trailer(0, false)),
            (&["b", "bb"], "--bbx\r\n", trailer(1, false)),
            (&["b--"], "--b--\r\n", Delimiter(found(0, false))),
            (&["!b"], "--b\r\n", NearMiss(Found { after_close: true, ..found(0, false) })),
            (&["!b"], "--bx\r\n", Content),
            // Ten octets count.
            (&["0123456789abc"], "--0123456789xyz\r\n", Delimiter(found(0, false))),
            (&["0123456789abc"], "--0123456789abc--\r\n", Delimiter(found(0, true))),
        ];
        for (boundaries, line, judgement) in table {
            assert_eq!(judge(boundaries, line, true, Dialect::default()), *judgement, "{boundaries:?} {line:?}");
        }
    }

    #[test]
    fn the_dialect_decides_about_trailers_and_closed_multiparts() {
        let exact = Dialect { delimiter: DelimiterMatch::Exact, ..Dialect::default() };
        let near = Found { trailer: true, ..found(0, false) };
        assert_eq!(judge(&["b"], "--bx\r\n", true, exact), Judgement::NearMiss(near));
        assert_eq!(judge(&["b"], "--b \r\n", true, exact), Judgement::Delimiter(found(0, false)));

        let reopen = Dialect { after_close: AfterClose::Reopen, ..Dialect::default() };
        let after_close = Found { after_close: true, ..found(0, false) };
        assert_eq!(judge(&["!b"], "--b\r\n", true, reopen), Judgement::Delimiter(after_close));
        let twice = Found { close: true, ..after_close };
        assert_eq!(judge(&["!b"], "--b--\r\n", true, reopen), Judgement::NearMiss(twice));
    }

    #[test]
    fn decides_early_only_against() {
        use Judgement::{Content, Undecided};
        let table = [("", Undecided), ("-", Undecided), ("--", Undecided), ("--bo", Undecided), ("--bound", Undecided)];
        for (line, judgement) in table {
            assert_eq!(judge(&["bound"], line, false, Dialect::default()), judgement, "{line:?}");
        }
        for line in ["x", "-x", "--x", "--bouNt"] {
            assert_eq!(judge(&["bound"], line, false, Dialect::default()), Content, "{line:?}");
        }
    }

    #[test]
    fn says_what_rfc_2046_allows() {
        let valid = |text: &str| Boundary::new(text.as_bytes().to_vec(), 100).is_valid();
        assert!(valid("gc0pJq0M:08jU534c0p") && valid("a b") && valid(&"x".repeat(70)));
        assert!(!valid("") && !valid("a ") && !valid("a;b") && !valid("\u{fc}") && !valid(&"x".repeat(71)));
    }
}
