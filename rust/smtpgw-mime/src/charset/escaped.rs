//! Text in ASCII with escapes for everything else, as Python's `unicode_escape` and libiconv's `JAVA` and `C99` have
//! it: a program that obeys such a label shows letters where others show a backslash and digits.

use alloc::string::String;

use super::utf_8_or_latin;

/// The text, and whether an escape could not be read. `all`: those of strings in C as well as those by code point.
pub(super) fn decode(octets: &[u8], all: bool) -> (String, bool) {
    let (text, mut odd) = utf_8_or_latin(octets);
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let kind = rest.chars().next();
        let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
        let digits = |from: usize, count: usize| {
            rest.get(from..from + count).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
        };
        let escape = match kind {
            Some('u') => digits(1, 4).map(|digits| (number(digits, 16), 5)),
            Some('U') => digits(1, 8).map(|digits| (number(digits, 16), 9)),
            Some('x') if all => digits(1, 2).map(|digits| (number(digits, 16), 3)),
            Some('0'..='7') if all => {
                let count = rest.bytes().take(3).take_while(|digit| (b'0'..=b'7').contains(digit)).count();
                Some((number(&rest[..count], 8), count))
            }
            Some(letter) if all => SIMPLE.iter().find(|(known, _)| *known == letter).map(|(_, is)| (Some(*is), 1)),
            _ => None,
        };
        match escape {
            Some((letter, length)) => {
                odd |= letter.is_none();
                out.push(letter.unwrap_or(char::REPLACEMENT_CHARACTER));
                rest = rest.get(length..).unwrap_or_default();
            }
            None if all && kind == Some('\n') => rest = &rest[1..],
            None if all && rest.starts_with("\r\n") => rest = &rest[2..],
            None => {
                odd = true;
                out.push('\\');
            }
        }
    }
    out.push_str(rest);
    (out, odd)
}

const SIMPLE: [(char, char); 10] = [
    ('\\', '\\'),
    ('\'', '\''),
    ('"', '"'),
    ('n', '\n'),
    ('r', '\r'),
    ('t', '\t'),
    ('a', '\x07'),
    ('b', '\x08'),
    ('f', '\x0c'),
    ('v', '\x0b'),
];
