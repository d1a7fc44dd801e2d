//! Finds where a piece begins: by the last few characters at any place, whatever stands around them.
//!
//! | behind                                                  | begins                        |
//! |---------------------------------------------------------|-------------------------------|
//! | `base64,`                                               | base64 of a `data:` URL       |
//! | `data:`, a type or none, `,`                            | one without                   |
//! | `;ENCODING=BASE64`, `;BASE64` or `;ENCODING=B`, and `:` | the value of a property       |
//! | `-----BEGIN …-----`                                     | armour                        |
//! | a quote, a tag                                          | what may be a piece           |
//!
//! Line ends and tabs do not count, as in URLs, nor does the blank that continues a line of a card.

use crate::Unscanned;
use crate::flow::Out;
use crate::limits::EMBEDDED_URL;

use super::names::Names;
use super::run::{Around, Kind, Run};

pub(super) struct Finder {
    /// The last eight characters that count, in lower case.
    recent: u64,
    run: Option<Run>,
    url: Option<Url>,
    /// Parameters of a property whose value is base64, so many characters of them.
    parameters: Option<usize>,
    label: Option<Label>,
    /// A line has ended with the last character.
    is_line_end: bool,
    names: Names,
    /// Octets of the container.
    packed: u64,
}

/// A `data:` URL up to its comma.
struct Url {
    around: Around,
    /// So many characters of its type.
    length: usize,
    /// The first of them.
    kind: u64,
    has_type: bool,
}

/// What stands between the hyphens of armour.
#[derive(Default)]
struct Label {
    length: usize,
    begin: u64,
    hyphens: usize,
}

impl Finder {
    /// `packed`: octets of the container.
    pub(super) fn new(names: Names, packed: u64) -> Self {
        Self { recent: 0, run: None, url: None, parameters: None, label: None, is_line_end: true, names, packed }
    }

    /// The next character, that stands at `at`.
    pub(super) fn take(&mut self, octet: u8, at: u64, out: &mut Out<'_>) -> Result<(), Unscanned> {
        let continues = matches!(octet, b' ' | b'\t');
        let is_new_line = std::mem::replace(&mut self.is_line_end, octet == b'\n');
        if is_new_line && !continues {
            self.parameters = None;
            if self.run.as_ref().is_some_and(|run| run.around == Around::Line) {
                self.end_run(out)?;
            }
        }
        if let Some(run) = &mut self.run {
            let is_line = run.around == Around::Line;
            // Of a value that stands as it is, the end of the line is known with the next character.
            let goes_on =
                (is_line && (matches!(octet, b'\n' | b'\r') || (is_new_line && continues))) || run.take(octet, out)?;
            if !goes_on {
                self.reopen(octet, out)?;
            }
        }
        if self.label(octet, at, out)? || matches!(octet, b'\t' | b'\n' | b'\r') || (is_new_line && octet == b' ') {
            return Ok(());
        }
        let before = self.recent;
        self.recent = self.recent << 8 | u64::from(octet.to_ascii_lowercase());
        if matches!(octet, b'n' | b'N') && ends(self.recent, b"---begin") {
            self.label = Some(Label::default());
            return self.end_run(out);
        }
        if self.run.is_some() {
            // It goes on, and nothing but armour begins with what it may consist of.
            return Ok(());
        }
        self.url = self.url.take().and_then(|url| url.with(octet));
        self.parameters = self.parameters.map(|length| length + 1).filter(|length| *length <= EMBEDDED_URL);
        match octet {
            b',' => self.comma(at),
            b':' => self.colon(at),
            b';' if [&b"=base64;"[..], b";base64;", b"oding=b;"].iter().any(|mark| ends(self.recent, mark)) => {
                self.parameters = Some(0);
            }
            b'"' | b'\'' | b'`' => {
                let around = Around::Quotes { quote: Some(octet), list: ends(before, b"[") };
                let call = CALLS.iter().any(|call| ends(before, call));
                self.begin(Kind::Literal { call }, around, at);
            }
            b'>' => self.begin(Kind::Literal { call: false }, Around::Tags, at),
            _ => {}
        }
        Ok(())
    }

    /// The text ends, with this outcome.
    pub(super) fn finish(&mut self, out: &mut Out<'_>, outcome: Result<(), Unscanned>) -> Result<(), Unscanned> {
        if let (Err(reason), Some(run)) = (outcome, &mut self.run) {
            run.cut(reason);
        }
        self.end_run(out)
    }

    fn end_run(&mut self, out: &mut Out<'_>) -> Result<(), Unscanned> {
        self.run.take().map_or(Ok(()), |run| run.finish(out))
    }

    /// A piece ends with this character, which is not of it. What looked like its closing quote may be the opening one
    /// of another, where an apostrophe came before.
    fn reopen(&mut self, octet: u8, out: &mut Out<'_>) -> Result<(), Unscanned> {
        let reopened = self.run.as_ref().and_then(Run::reopened);
        self.end_run(out)?;
        if let Some(mut run) = reopened
            && run.take(octet, out)?
        {
            self.run = Some(run);
        }
        Ok(())
    }

    fn comma(&mut self, at: u64) {
        let url = self.url.take();
        if ends(self.recent, b"base64,") || ends(self.recent, b"base64 ,") {
            let around = url.as_ref().map_or(Around::Quotes { quote: None, list: false }, |url| url.around);
            self.begin(Kind::Url, around, at);
        } else if let Some(url) = url.as_ref().filter(|url| url.is_one()) {
            self.begin(Kind::Percent, url.around, at);
        } else {
            return;
        }
        if let (Some(run), true) = (&mut self.run, url.is_some_and(|url| url.is_picture())) {
            run.name = self.names.near(at, false).unwrap_or_default().to_vec();
        }
    }

    fn colon(&mut self, at: u64) {
        if ends(self.recent, b"data:") {
            let around = match (self.recent >> 40) as u8 {
                quote @ (b'"' | b'\'' | b'`') => Around::Quotes { quote: Some(quote), list: false },
                b'(' => Around::Brackets,
                b':' => Around::Line,
                _ => Around::Nothing,
            };
            self.url = Some(Url { around, length: 0, kind: 0, has_type: false });
        }
        let is_value = self.parameters.take().is_some()
            || [&b"=base64:"[..], b";base64:", b"oding=b:"].iter().any(|mark| ends(self.recent, mark));
        if is_value {
            self.begin(Kind::Property, Around::Line, at);
        }
    }

    /// Follows a label; whether that took the character.
    fn label(&mut self, octet: u8, at: u64, out: &mut Out<'_>) -> Result<bool, Unscanned> {
        let Some(label) = &mut self.label else { return Ok(false) };
        let is_closed = label.hyphens >= 5;
        match octet {
            b'-' => label.hyphens += 1,
            _ if is_closed => {
                let pgp = ends(label.begin, b"pgp ");
                self.label = None;
                self.begin(Kind::Armour { pgp }, Around::Tags, at);
                return self.run.as_mut().map_or(Ok(true), |run| run.take(octet, out));
            }
            b'\n' | b'\r' => self.label = None,
            _ => {
                (label.hyphens, label.length) = (0, label.length + 1);
                if (2..=5).contains(&label.length) {
                    label.begin = label.begin << 8 | u64::from(octet.to_ascii_lowercase());
                }
                if label.length > LABEL {
                    self.label = None;
                }
            }
        }
        Ok(true)
    }

    fn begin(&mut self, kind: Kind, around: Around, at: u64) {
        let any = !matches!(kind, Kind::Property | Kind::Armour { .. });
        let mut run = Run::new(kind, around, at, self.packed);
        run.name = self.names.near(at, any).unwrap_or_default().to_vec();
        self.run = Some(run);
    }
}

impl Url {
    /// With one character more of its type, if it still may be one.
    fn with(mut self, octet: u8) -> Option<Self> {
        let is_quote = matches!(self.around, Around::Quotes { quote, .. } if quote == Some(octet));
        if is_quote || matches!(octet, b'<' | b'>' | b'{' | b'}' | b'(' | b')' | b'\\') || self.length >= EMBEDDED_URL {
            return None;
        }
        if self.length == 0 && octet == b';' || octet == b'/' {
            self.has_type = true;
        }
        if self.length < 5 {
            self.kind = self.kind << 8 | u64::from(octet.to_ascii_lowercase());
        }
        self.length += 1;
        Some(self)
    }

    /// Whether what came before the comma, which is counted, is a type or none: anything else is prose.
    const fn is_one(&self) -> bool {
        self.length <= 1 || self.has_type
    }

    /// Pictures and fonts are not what a page saves.
    fn is_picture(&self) -> bool {
        ends(self.kind, b"image") || ends(self.kind, b"font/")
    }
}

/// Whether the last characters are these.
fn ends(recent: u64, mark: &[u8]) -> bool {
    mark.iter().rev().zip(recent.to_le_bytes()).all(|(octet, last)| *octet == last)
}

/// The last characters of what makes octets of base64: `atob`, `FromBase64String`, `b64decode`, `base64_decode`.
const CALLS: [&[u8]; 5] = [b"atob(", b"atob( ", b"4string(", b"4decode(", b"_decode("];

/// Characters of a label.
const LABEL: usize = 64;
