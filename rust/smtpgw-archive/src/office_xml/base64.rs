//! base64 as the content of an element: characters may be references (`&#65;`), comments and other markup may stand
//! between them, and blanks anywhere. Takes its input in pieces.

use super::tags::ending;

/// Decodes it.
#[derive(Default)]
pub(super) struct Base64 {
    state: State,
    bits: u32,
    count: u32,
}

#[derive(Clone, Copy, Default)]
enum State {
    #[default]
    Text,
    /// A reference: what has come of its number, and whether that is hexadecimal.
    Reference { value: u32, hex: bool },
    /// A tag: so many octets of the beginning of a comment, or of verbatim text, have come; `None`: it is neither.
    Markup(Option<(Mark, usize)>),
    /// So many octets of its end have come.
    Comment(usize),
}

#[derive(Clone, Copy)]
enum Mark {
    Either,
    Comment,
    Verbatim,
}

impl Base64 {
    /// Adds what `octets` decode to.
    pub(super) fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        // In UTF-16 every other octet is a NUL.
        for &octet in octets.iter().filter(|octet| **octet != 0) {
            self.state = match self.state {
                State::Text => match octet {
                    b'&' => State::Reference { value: 0, hex: false },
                    b'<' => State::Markup(Some((Mark::Either, 0))),
                    _ => {
                        self.character(octet, out);
                        State::Text
                    }
                },
                State::Reference { value, .. } => match octet {
                    b'#' => State::Reference { value, hex: false },
                    b'x' => State::Reference { value, hex: true },
                    b';' => {
                        self.character(u8::try_from(value).unwrap_or(b' '), out);
                        State::Text
                    }
                    _ => self.state.with_digit(octet),
                },
                State::Markup(begun) => match (begun, octet) {
                    (_, b'>') => State::Text,
                    (Some((Mark::Either, 0)), b'!') => State::Markup(Some((Mark::Either, 1))),
                    (Some((Mark::Either, 1)), b'-') => State::Markup(Some((Mark::Comment, 2))),
                    (Some((Mark::Comment, 2)), b'-') => State::Comment(0),
                    (Some((Mark::Either, 1)), b'[') => State::Markup(Some((Mark::Verbatim, 2))),
                    // Verbatim text is text, and of the marks around it none is in the alphabet.
                    (Some((Mark::Verbatim, _)), b'[') => State::Text,
                    (Some((Mark::Verbatim, at)), _) if at < 16 => State::Markup(Some((Mark::Verbatim, at + 1))),
                    _ => State::Markup(None),
                },
                State::Comment(ended) => ending(b"--", octet, ended).map_or(State::Text, State::Comment),
            };
        }
    }

    fn character(&mut self, octet: u8, out: &mut Vec<u8>) {
        let value = match octet {
            b'A'..=b'Z' => octet - b'A',
            b'a'..=b'z' => octet - b'a' + 26,
            b'0'..=b'9' => octet - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                (self.bits, self.count) = (0, 0);
                return;
            }
            _ => return,
        };
        self.bits = self.bits << 6 | u32::from(value);
        self.count += 6;
        if self.count >= 8 {
            self.count -= 8;
            out.push((self.bits >> self.count) as u8);
            self.bits &= (1 << self.count) - 1;
        }
    }
}

impl State {
    /// A reference with one digit more; what is none does not count.
    fn with_digit(self, octet: u8) -> Self {
        let Self::Reference { value, hex } = self else { return self };
        let radix = if hex { 16 } else { 10 };
        let digit = char::from(octet).to_digit(radix).unwrap_or(0);
        Self::Reference { value: value.saturating_mul(radix).saturating_add(digit), hex }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_count_wherever_they_stand() {
        let table: &[(&[u8], &[u8])] = &[
            (b"YWJj", b"abc"),
            (b" Y\r\nW\tJ j ", b"abc"),
            (b"Y&#87;&#x4A;j", b"abc"),
            (b"YW<!-- Jj > -->Jj", b"abc"),
            (b"YW<![CDATA[Jj]]>", b"abc"),
            (b"YW<b x='1'/>Jj", b"abc"),
            (b"YQ==YWJj", b"aabc"),
            (b"Y\0W\0J\0j\0", b"abc"),
            (b"YWJ", b"ab"),
            (b"", b""),
        ];
        for (text, octets) in table {
            for size in 1..=text.len().max(1) {
                let (mut base64, mut out) = (Base64::default(), Vec::new());
                text.chunks(size).for_each(|piece| base64.push(piece, &mut out));
                assert_eq!(out, *octets, "{} in pieces of {size}", text.escape_ascii());
            }
        }
    }
}
