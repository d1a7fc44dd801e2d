//! Says whether there may be parts of a multipart within what is none: a line that begins as a delimiter does, and in
//! the header behind it a field of MIME.
//!
//! Mail that comes back is quoted so, and some programs open the parts of it.

use memchr::memmem;

/// Looks for them in a text that comes in pieces.
#[derive(Debug)]
pub struct PartsWatch {
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// So many octets of [`DELIMITER`] have come, at the end of the last piece.
    Text(usize),
    /// In the line of a delimiter.
    Delimiter,
    /// So many octets of [`FIELD`] have come, at the beginning of a line of its header.
    Field(usize),
    /// In the name of another field.
    Name,
    /// Behind it, or in a line that goes on.
    Value,
    Found,
}

impl Default for PartsWatch {
    fn default() -> Self {
        // A text begins as a line does.
        Self { state: State::Text(1) }
    }
}

impl PartsWatch {
    /// The next piece.
    pub fn push(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while !rest.is_empty() {
            rest = match self.state {
                State::Text(known) => self.text(known, rest),
                State::Delimiter => {
                    let end = memchr::memchr(b'\n', rest);
                    if end.is_some() {
                        self.state = State::Field(0);
                    }
                    rest.get(end.map_or(rest.len(), |at| at + 1)..).unwrap_or_default()
                }
                State::Field(known) => self.field(known, rest),
                State::Name => self.name(rest),
                State::Value => {
                    let end = memchr::memchr(b'\n', rest);
                    if end.is_some() {
                        self.state = State::Field(0);
                    }
                    rest.get(end.map_or(rest.len(), |at| at + 1)..).unwrap_or_default()
                }
                State::Found => return,
            };
        }
    }

    /// Whether there are.
    pub fn found(&self) -> bool {
        matches!(self.state, State::Found)
    }

    fn text<'a>(&mut self, known: usize, octets: &'a [u8]) -> &'a [u8] {
        let missing = DELIMITER.get(known..).unwrap_or_default();
        let here = missing.get(..octets.len()).unwrap_or(missing);
        if known > 0 && octets.starts_with(here) {
            let known = known + here.len();
            self.state = if known == DELIMITER.len() { State::Delimiter } else { State::Text(known) };
            return octets.get(here.len()..).unwrap_or_default();
        }
        if let Some(at) = memmem::find(octets, DELIMITER) {
            self.state = State::Delimiter;
            return octets.get(at + DELIMITER.len()..).unwrap_or_default();
        }
        let begun = (1..DELIMITER.len()).rev().find(|&count| octets.ends_with(&DELIMITER[..count]));
        self.state = State::Text(begun.unwrap_or(0));
        &[]
    }

    fn field<'a>(&mut self, known: usize, octets: &'a [u8]) -> &'a [u8] {
        if known == FIELD.len() {
            let is_meant = octets.first().is_some_and(|octet| MEANT.contains(&octet.to_ascii_lowercase()));
            self.state = if is_meant { State::Found } else { State::Name };
            return octets;
        }
        let missing = FIELD.get(known..).unwrap_or_default();
        let here = missing.get(..octets.len()).unwrap_or(missing);
        if octets.get(..here.len()).is_some_and(|octets| octets.eq_ignore_ascii_case(here)) {
            let known = known + here.len();
            self.state = State::Field(known);
            return octets.get(here.len()..).unwrap_or_default();
        }
        self.state = match octets.first() {
            Some(b' ' | b'\t') if known == 0 => State::Value,
            Some(octet) if known > 0 || octet.is_ascii_alphanumeric() => State::Name,
            // The line end before this line may be that before a delimiter.
            _ => State::Text(1),
        };
        octets
    }

    fn name<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let is_of_name = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        let Some(end) = octets.iter().position(|octet| !is_of_name(octet)) else { return &[] };
        let rest = octets.get(end..).unwrap_or_default();
        self.state = if rest.first() == Some(&b':') { State::Value } else { State::Text(0) };
        rest
    }
}

const DELIMITER: &[u8] = b"\n--";

/// How fields of MIME begin, and how those go on that matter: the type, the encoding, the disposition.
const FIELD: &[u8] = b"content-";
const MEANT: &[u8] = b"td";

#[cfg(test)]
mod tests {
    use super::*;
    use smtpgw_testkit::effort;
    use smtpgw_testkit::splits::every_split;

    #[test]
    fn parts_are_seen_at_every_cut() {
        for (text, are_there) in [
            ("--b\nContent-Type: x", true),
            ("x\r\n--b\r\nCONTENT-transfer", true),
            ("--a\n--b\nContent-T", true),
            ("\n\n--\ncontent-t", true),
            ("x--b\nContent-Type", false),
            ("--b\n\nContent-Type", false),
            ("--b\n Content-Type", false),
            ("--b\nContent-Disposition: attachment", true),
            ("--b\nX-A: b\n c\nContent-Id: x\r\nContent-Type", true),
            ("--b\nX A: b\nContent-Type", false),
            ("--b\nX-A: b\n\nContent-Type", false),
            ("--b\nJohn\n--b\nContent-Type", true),
            ("--b\nX-A: b\n--b\nContent-Type", true),
            ("--b\nContent-Language: x", false),
            ("-- \nJohn\nContent-Type", false),
            ("\n-\n-\n-", false),
            ("", false),
        ] {
            let found = every_split(text.as_bytes(), |pieces| {
                let mut watch = PartsWatch::default();
                pieces.iter().for_each(|piece| watch.push(piece));
                watch.found()
            });
            assert_eq!(found, are_there, "{text:?}");
        }
    }

    #[test]
    fn time_is_linear() {
        for line in [&b"\n--"[..], b"\n--b\nContent-", b"\n-", b"--"] {
            let work = |times: usize| {
                let text = line.repeat(times);
                effort::quickest(|| {
                    let mut watch = PartsWatch::default();
                    text.chunks(99).for_each(|piece| watch.push(piece));
                })
            };
            assert!(effort::is_linear(work(20_000), work(160_000)), "{line:?}");
        }
    }
}
