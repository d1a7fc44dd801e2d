//! The words of a PDF (ISO 32000-1 §7.2, §7.3), from octets that come in pieces.
//!
//! Only what tells objects apart: a name with its escapes undone, a number, a string, brackets, and any other word. No
//! more than so many octets are kept of one: [`PDF_TOKEN`], if nothing else is said.

use crate::limits::PDF_TOKEN;

/// One word.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// Without its slash.
    Name(&'t [u8]),
    /// An integer that is not negative.
    Number(u64),
    /// A string, of either kind, decoded.
    Text(&'t [u8]),
    OpenDict,
    CloseDict,
    OpenArray,
    CloseArray,
    /// `obj`, `R`, `stream`, `true`, and numbers of other kinds.
    Word(&'t [u8]),
}

impl Token<'_> {
    /// Whether an object ends with this word, or the data of a stream begin.
    pub(super) fn is_end(&self) -> bool {
        matches!(self, Self::Word(word) if *word == b"stream" || word.ends_with(b"obj"))
    }
}

/// Where in a word the octets so far end.
#[derive(Clone, Copy, Debug)]
enum State {
    Blank,
    Comment,
    Name,
    Word,
    /// In so many brackets.
    Text(u64),
    /// Behind a backslash in so many.
    Escape(u64),
    Less,
    Digits,
    Greater,
}

/// Reads words.
#[derive(Debug)]
pub(super) struct Lexer {
    state: State,
    kept: Vec<u8>,
    /// Octets of one word that are kept.
    most: usize,
    has_cut: bool,
}

impl Default for Lexer {
    fn default() -> Self {
        Self::keeping(PDF_TOKEN)
    }
}

impl Lexer {
    /// One that keeps so many octets of a word.
    pub(super) const fn keeping(most: usize) -> Self {
        Self { state: State::Blank, kept: Vec::new(), most, has_cut: false }
    }

    /// Whether a word had more.
    pub(super) const fn has_cut(&self) -> bool {
        self.has_cut
    }

    /// Takes octets, and tells each word that ends among them until `take` has had enough; how many it took. What ends
    /// a name or a word is not part of it.
    pub(super) fn push(&mut self, octets: &[u8], mut take: impl FnMut(Token<'_>) -> bool) -> usize {
        let mut at = 0;
        while let Some(&octet) = octets.get(at) {
            let (is_used, token) = self.step(octet);
            at += usize::from(is_used);
            if let Some(token) = token
                && take(token)
            {
                break;
            }
        }
        at
    }

    /// One octet: whether it is used up, and the word that it ends.
    fn step(&mut self, octet: u8) -> (bool, Option<Token<'_>>) {
        match self.state {
            State::Blank => (true, self.begin(octet)),
            State::Comment => {
                if matches!(octet, b'\r' | b'\n') {
                    self.state = State::Blank;
                }
                (true, None)
            }
            State::Name | State::Word if is_regular(octet) => {
                self.keep(octet);
                (true, None)
            }
            State::Name => {
                self.state = State::Blank;
                unescape_name(&mut self.kept);
                (false, Some(Token::Name(&self.kept)))
            }
            State::Word => {
                self.state = State::Blank;
                (false, Some(number(&self.kept).map_or(Token::Word(&self.kept), Token::Number)))
            }
            State::Text(depth) => {
                self.state = match octet {
                    b'\\' => State::Escape(depth),
                    b'(' => State::Text(depth + 1),
                    b')' if depth == 1 => {
                        self.state = State::Blank;
                        unescape_text(&mut self.kept);
                        return (true, Some(Token::Text(&self.kept)));
                    }
                    b')' => State::Text(depth - 1),
                    _ => State::Text(depth),
                };
                self.keep(octet);
                (true, None)
            }
            State::Escape(depth) => {
                self.state = State::Text(depth);
                self.keep(octet);
                (true, None)
            }
            State::Less if octet == b'<' => {
                self.state = State::Blank;
                (true, Some(Token::OpenDict))
            }
            State::Less => {
                (self.state, _) = (State::Digits, self.kept.clear());
                (false, None)
            }
            State::Digits if octet == b'>' => {
                self.state = State::Blank;
                undo_digits(&mut self.kept);
                (true, Some(Token::Text(&self.kept)))
            }
            State::Digits => {
                if octet.is_ascii_hexdigit() {
                    self.keep(octet);
                }
                (true, None)
            }
            State::Greater => {
                self.state = State::Blank;
                let is_end = octet == b'>';
                (is_end, is_end.then_some(Token::CloseDict))
            }
        }
    }

    /// The first octet of whatever comes.
    fn begin(&mut self, octet: u8) -> Option<Token<'_>> {
        self.kept.clear();
        match octet {
            b'%' => self.state = State::Comment,
            b'/' => self.state = State::Name,
            b'(' => self.state = State::Text(1),
            b'<' => self.state = State::Less,
            b'>' => self.state = State::Greater,
            b'[' => return Some(Token::OpenArray),
            b']' => return Some(Token::CloseArray),
            octet if is_regular(octet) => {
                self.state = State::Word;
                self.keep(octet);
            }
            _ => {}
        }
        None
    }

    fn keep(&mut self, octet: u8) {
        if self.kept.len() < self.most {
            self.kept.push(octet);
        } else {
            self.has_cut = true;
        }
    }
}

/// Whether an octet neither separates words nor is one by itself (§7.2.2).
const fn is_regular(octet: u8) -> bool {
    !matches!(
        octet,
        0 | b'\t' | b'\n' | 0x0c | b'\r' | b' ' | b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%'
    )
}

fn number(word: &[u8]) -> Option<u64> {
    let word = word.strip_prefix(b"+").unwrap_or(word);
    // Nobody counts so far.
    if word.is_empty() || word.len() > 15 || !word.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(word.iter().fold(0, |number, digit| 10 * number + u64::from(digit - b'0')))
}

fn digit(octet: Option<&u8>) -> Option<u8> {
    octet.and_then(|&octet| char::from(octet).to_digit(16)).and_then(|digit| u8::try_from(digit).ok())
}

/// `#41` is `A` (§7.3.5).
fn unescape_name(name: &mut Vec<u8>) {
    if !name.contains(&b'#') {
        return;
    }
    let (mut plain, mut at) = (Vec::with_capacity(name.len()), 0);
    while let Some(&octet) = name.get(at) {
        let code = (octet == b'#').then(|| Some(16 * digit(name.get(at + 1))? + digit(name.get(at + 2))?)).flatten();
        plain.push(code.unwrap_or(octet));
        at += if code.is_some() { 3 } else { 1 };
    }
    *name = plain;
}

/// What backslashes stand for (§7.3.4.2).
fn unescape_text(text: &mut Vec<u8>) {
    if !text.contains(&b'\\') {
        return;
    }
    let (mut plain, mut octets) = (Vec::with_capacity(text.len()), text.iter().copied().peekable());
    while let Some(octet) = octets.next() {
        if octet != b'\\' {
            plain.push(octet);
            continue;
        }
        match octets.next() {
            Some(b'n') => plain.push(b'\n'),
            Some(b'r') => plain.push(b'\r'),
            Some(b't') => plain.push(b'\t'),
            Some(b'b') => plain.push(8),
            Some(b'f') => plain.push(12),
            Some(b'\r') => _ = octets.next_if_eq(&b'\n'),
            Some(b'\n') | None => {}
            Some(first @ b'0'..=b'7') => {
                let mut code = first - b'0';
                for _ in 0..2 {
                    let Some(next) = octets.next_if(|next| matches!(next, b'0'..=b'7')) else { break };
                    // What overflows is dropped (§7.3.4.2).
                    code = code.wrapping_mul(8).wrapping_add(next - b'0');
                }
                plain.push(code);
            }
            Some(other) => plain.push(other),
        }
    }
    *text = plain;
}

/// Digits of octets; a last one alone counts as if a zero followed (§7.3.4.3).
fn undo_digits(digits: &mut Vec<u8>) {
    *digits =
        digits.chunks(2).filter_map(|pair| Some(16 * digit(pair.first())? + digit(pair.get(1)).unwrap_or(0))).collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(octets: &[u8], piece: usize) -> Vec<String> {
        let (mut lexer, mut words) = (Lexer::default(), Vec::new());
        for octets in octets.chunks(piece) {
            lexer.push(octets, |token| {
                words.push(match token {
                    Token::Name(name) => format!("/{}", name.escape_ascii()),
                    Token::Number(number) => number.to_string(),
                    Token::Text(text) => format!("({})", text.escape_ascii()),
                    Token::Word(word) => word.escape_ascii().to_string(),
                    token => format!("{token:?}"),
                });
                false
            });
        }
        words
    }

    #[test]
    fn words_in_whatever_pieces() {
        let text = b"<</Ty#70e/A#/B(a(b)\\)\\101\\r\\\r\nc)/C<6 16>%x >>\r[1 -2 0 R]/D/E 1.5 true>>stream\n";
        let expected = [
            "OpenDict",
            "/Type",
            "/A#",
            "/B",
            "(a(b)A\\rc)",
            "/C",
            "(a`)",
            "OpenArray",
            "1",
            "-2",
            "0",
            "R",
            "CloseArray",
            "/D",
            "/E",
            "1.5",
            "true",
            "CloseDict",
            "stream",
        ]
        .map(|word| word.replace("(a(b)A", "(a(b))A"));
        for piece in 1..text.len() {
            assert_eq!(words(text, piece), expected, "{piece} at a time");
        }
    }

    #[test]
    fn it_stops_where_it_is_told_to() {
        let taken = Lexer::default().push(b"a stream\r\nb", |token| token == Token::Word(b"stream"));
        assert_eq!(taken, 8, "before the end of the line");
    }
}
