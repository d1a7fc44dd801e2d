//! Character references of HTML, resolved as browsers do (HTML §13.2.5.72 to §13.2.5.80), whatever the length of a
//! number.
//!
//! `references.txt` is the table of the standard, sorted by the octets of the names: a name, with its semicolon if it
//! needs one, and its characters in hexadecimal.

use alloc::borrow::Cow;
use alloc::string::String;

/// `text` with its character references resolved; borrowed if there are none.
pub fn resolved(text: &str) -> Cow<'_, str> {
    let (mut out, mut copied) = (String::new(), 0);
    // There is no ampersand within a reference.
    for ampersand in memchr::memchr_iter(b'&', text.as_bytes()) {
        let Some(reference) = text.get(ampersand + 1..).and_then(Reference::read) else { continue };
        out.push_str(text.get(copied..ampersand).unwrap_or_default());
        out.extend(reference.characters);
        copied = ampersand + 1 + reference.length;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// A reference behind its ampersand.
struct Reference {
    /// One or two; none for a number that stands for nothing.
    characters: Characters,
    /// Octets.
    length: usize,
}

/// Up to two characters.
type Characters = core::iter::Flatten<core::array::IntoIter<Option<char>, 2>>;

fn characters(first: Option<char>, second: Option<char>) -> Characters {
    [first, second].into_iter().flatten()
}

impl Reference {
    fn read(text: &str) -> Option<Self> {
        match text.strip_prefix('#') {
            Some(digits) => match digits.strip_prefix(['x', 'X']) {
                Some(digits) => Self::number(digits, 16, 2),
                None => Self::number(digits, 10, 1),
            },
            None => Self::name(text),
        }
    }

    /// A number of which `before` octets are read, in front of `digits`.
    fn number(digits: &str, radix: u32, before: usize) -> Option<Self> {
        let length = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
        let number = digits.get(..length).filter(|number| !number.is_empty())?;
        let significant = number.trim_start_matches('0');
        let value = if significant.is_empty() { Ok(0) } else { u32::from_str_radix(significant, radix) };
        let semicolon = usize::from(digits.as_bytes().get(length) == Some(&b';'));
        let characters = characters(value.map_or(Some(char::REPLACEMENT_CHARACTER), of_number), None);
        Some(Self { characters, length: before + length + semicolon })
    }

    /// The longest name that `text` begins with.
    fn name(text: &str) -> Option<Self> {
        let letters = text.bytes().take(LONGEST).take_while(u8::is_ascii_alphanumeric).count();
        if !text.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return None;
        }
        if text.as_bytes().get(letters) == Some(&b';')
            && let Some(characters) = text.get(..=letters).and_then(of_name)
        {
            return Some(Self { characters, length: letters + 1 });
        }
        (2..=letters.min(LONGEST_BARE)).rev().find_map(|length| {
            let characters = text.get(..length).and_then(of_name)?;
            Some(Self { characters, length })
        })
    }
}

/// What a number stands for: some code points are read as those of windows-1252, some are dropped.
fn of_number(number: u32) -> Option<char> {
    match number {
        0x0 | 0xd800..=0xdfff | 0x11_0000.. => Some(char::REPLACEMENT_CHARACTER),
        0x80..=0x9f => usize::try_from(number - 0x80).ok().and_then(|at| WINDOWS.get(at)).copied(),
        0x1..=0x8 | 0xb | 0xe..=0x1f | 0x7f | 0xfdd0..=0xfdef => None,
        _ if number & 0xfffe == 0xfffe => None,
        _ => char::from_u32(number),
    }
}

/// What a name of the table stands for.
fn of_name(name: &str) -> Option<Characters> {
    // By halves of the file, each time the line in which the middle lies.
    let (mut low, mut high) = (0, TABLE.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let before = TABLE.as_bytes().get(low..middle)?;
        let start = low + memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        let (line, _) = TABLE.get(start..)?.split_once('\n')?;
        let (known, codes) = line.split_once(' ')?;
        match known.as_bytes().cmp(name.as_bytes()) {
            core::cmp::Ordering::Equal => {
                let mut codes =
                    codes.split(' ').map(|code| u32::from_str_radix(code, 16).ok().and_then(char::from_u32));
                return Some(characters(codes.next().flatten(), codes.next().flatten()));
            }
            core::cmp::Ordering::Less => low = start + line.len() + 1,
            core::cmp::Ordering::Greater => high = start,
        }
    }
    None
}

const TABLE: &str = include_str!("references.txt");

/// Letters of the longest name.
const LONGEST: usize = 32;

/// Letters of the longest name that needs no semicolon.
const LONGEST_BARE: usize = 6;

/// What 0x80 to 0x9F stand for.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];
