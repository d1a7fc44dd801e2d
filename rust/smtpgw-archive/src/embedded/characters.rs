//! The characters of a text as a page or a script means them: references of HTML (`&#x2f;`, `&colon;`) and escapes of
//! scripts (`\x2f`, `\u002f`, `\/`) are what they stand for.
//!
//! Which of the two holds at a place only a parser could tell, so both hold everywhere: neither is in the alphabets
//! that matter. In UTF-16 every other octet is a NUL, and those are passed over.

/// Octets behind a place that its character is known by.
pub(super) const AHEAD: usize = 32;

/// The character at the beginning of `octets`, unless it is passed over, and how many octets it takes.
pub(super) fn next(octets: &[u8]) -> (Option<u8>, usize) {
    match octets {
        [] | [0, ..] => (None, 1),
        [b'&' | b'\\', ..] => {
            let begun = Begun::of(octets);
            let text = begun.text.get(..begun.length).unwrap_or_default();
            let (octet, taken) = if octets.first() == Some(&b'&') { reference(text) } else { escape(text) };
            (Some(octet), begun.octets(taken))
        }
        [octet, ..] => (Some(*octet), 1),
    }
}

/// The characters from a place on, without the NULs between them.
struct Begun {
    text: [u8; LONGEST],
    ends: [usize; LONGEST],
    length: usize,
}

impl Begun {
    fn of(octets: &[u8]) -> Self {
        let mut begun = Self { text: [0; LONGEST], ends: [1; LONGEST], length: 0 };
        let characters = octets.iter().take(AHEAD).enumerate().filter(|(_, octet)| **octet != 0);
        let places = begun.text.iter_mut().zip(&mut begun.ends);
        for ((at, octet), (character, end)) in characters.zip(places) {
            (*character, *end) = (*octet, at + 1);
            begun.length += 1;
        }
        begun
    }

    /// How many octets so many characters take.
    fn octets(&self, characters: usize) -> usize {
        self.ends.get(characters.saturating_sub(1)).copied().unwrap_or(1)
    }
}

/// What a reference stands for, and its length; the ampersand, if it is none.
fn reference(text: &[u8]) -> (u8, usize) {
    let number = |digits: &[u8], radix: u32, before: usize| {
        let (value, count) = digits_of(digits, radix, digits.len())?;
        let end = usize::from(digits.get(count) == Some(&b';'));
        Some((ascii(value)?, before + count + end))
    };
    let found = match text {
        [_, b'#', b'x' | b'X', digits @ ..] => number(digits, 16, 3),
        [_, b'#', digits @ ..] => number(digits, 10, 2),
        [_, name @ ..] => {
            NAMED.iter().find(|(named, _)| name.starts_with(named)).map(|(n, octet)| (*octet, n.len() + 1))
        }
        [] => None,
    };
    found.unwrap_or((b'&', 1))
}

/// What an escape stands for, and its length; the backslash, if it is none. Escapes that are escaped once more, as in
/// JSON within a script, stand for the same.
fn escape(text: &[u8]) -> (u8, usize) {
    let before = text.iter().take_while(|octet| **octet == b'\\').count();
    let code = |digits: &[u8], count: usize, around: usize| {
        let (value, length) = digits_of(digits, 16, count)?;
        Some((ascii(value)?, before + around + length))
    };
    let found = match text.get(before..).unwrap_or_default() {
        [b'x', digits @ ..] => code(digits, 2, 1),
        [b'u', b'{', digits @ ..] => code(digits, 6, 3),
        [b'u', digits @ ..] => code(digits, 4, 1),
        [b'n' | b'r' | b't' | b'f', ..] => Some((b'\n', before + 1)),
        [octet @ (b'/' | b'+' | b'=' | b'"' | b'\'' | b'`' | b'\n' | b'\r'), ..] => Some((*octet, before + 1)),
        _ => None,
    };
    found.unwrap_or((b'\\', 1))
}

/// The number that up to `most` digits are, and how many these were.
fn digits_of(text: &[u8], radix: u32, most: usize) -> Option<(u32, usize)> {
    let digits = text.iter().take(most).map_while(|octet| char::from(*octet).to_digit(radix));
    let (value, count) =
        digits.fold((0u32, 0), |(value, count), digit| (value.saturating_mul(radix).saturating_add(digit), count + 1));
    (count > 0).then_some((value, count))
}

fn ascii(value: u32) -> Option<u8> {
    u8::try_from(value).ok().filter(|octet| octet.is_ascii() && *octet != 0)
}

/// Characters of the longest reference that is undone.
const LONGEST: usize = 12;

/// References by name to what marks and base64 consist of.
const NAMED: [(&[u8], u8); 13] = [
    (b"colon;", b':'),
    (b"comma;", b','),
    (b"semi;", b';'),
    (b"plus;", b'+'),
    (b"sol;", b'/'),
    (b"equals;", b'='),
    (b"percnt;", b'%'),
    (b"quot;", b'"'),
    (b"apos;", b'\''),
    (b"lpar;", b'('),
    (b"rpar;", b')'),
    (b"Tab;", b'\t'),
    (b"NewLine;", b'\n'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_and_escapes_are_undone() {
        let table: &[(&[u8], Option<u8>, usize)] = &[
            (b"a", Some(b'a'), 1),
            (b"\0a", None, 1),
            (b"", None, 1),
            (b"&#x2f;A", Some(b'/'), 6),
            (b"&#47A", Some(b'/'), 4),
            (b"&#X0002F;", Some(b'/'), 9),
            (b"&colon;x", Some(b':'), 7),
            (b"&NewLine;", Some(b'\n'), 9),
            (b"&#256;", Some(b'&'), 1),
            (b"& and", Some(b'&'), 1),
            (b"\\x2fA", Some(b'/'), 4),
            (b"\\u002F", Some(b'/'), 6),
            (b"\\u{2f}A", Some(b'/'), 6),
            (b"\\\\/", Some(b'/'), 3),
            (b"\\\"", Some(b'"'), 2),
            (b"\\q", Some(b'\\'), 1),
            (b"\\", Some(b'\\'), 1),
            (b"&\0#\x004\x007\0;\0", Some(b'/'), 9),
        ];
        for (text, octet, taken) in table {
            assert_eq!(next(text), (*octet, *taken), "{}", text.escape_ascii());
        }
    }
}
