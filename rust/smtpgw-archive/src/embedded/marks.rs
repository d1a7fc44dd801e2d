//! Whether there may be files in a text: looks that skip nearly all of it, since every part of every message is looked
//! at.

use memchr::{memchr_iter, memmem};

use crate::format::HEAD;
use crate::limits::{EMBEDDED_ROW, EMBEDDED_URL};

/// Whether octets hold one of the marks by which files in texts are found. Whatever else they are: a page may stand in
/// front of an archive.
pub(crate) fn holds_files(head: &[u8]) -> bool {
    if is_wide(head) {
        let narrow: Vec<u8> = head.iter().copied().filter(|octet| *octet != 0).collect();
        return has_mark(&narrow) || is_cut(head, &narrow);
    }
    has_mark(head) || is_cut(head, head)
}

/// Whether a text is longer than what is seen of it.
fn is_cut(head: &[u8], narrow: &[u8]) -> bool {
    let begin = narrow.get(..BEGIN).unwrap_or(narrow);
    head.len() >= HEAD && begin.iter().all(|octet| *octet >= 0x20 || octet.is_ascii_whitespace())
}

/// Whether octets begin as UTF-16 does, if its first characters are ASCII.
fn is_wide(head: &[u8]) -> bool {
    match head {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        [0, one, 0, two, ..] | [one, 0, two, 0, ..] => *one != 0 && *two != 0,
        _ => false,
    }
}

fn has_mark(text: &[u8]) -> bool {
    let pairs = Pairs::of(text);
    (pairs.url && has_url(text))
        || (pairs.base64 && has_base64(text))
        || (pairs.armour && memmem::find(text, b"-----BEGIN ").is_some())
        || (pairs.call && [&b"atob"[..], b"Blob("].iter().any(|word| memmem::find(text, word).is_some()))
        || has_property(text)
        || has_row(text)
}

/// Which marks may be there, by the rarest characters of each: most texts are passed over once, and have none of them.
#[derive(Default)]
struct Pairs {
    url: bool,
    base64: bool,
    armour: bool,
    call: bool,
}

impl Pairs {
    fn of(text: &[u8]) -> Self {
        let mut seen = Self::default();
        let behind = |count: usize| text.get(count..).unwrap_or_default();
        for ((&one, &two), &three) in text.iter().zip(behind(1)).zip(behind(2)) {
            // No branches: compilers do many octets at a time.
            seen.url |= (one | 0x20 == b'a') & (two == b':');
            seen.base64 |= (one == b'6') & (two == b'4');
            seen.armour |= (one == b'-') & (two == b'B');
            seen.call |= (two == b'o') & (three == b'b') & ((one == b't') | (one == b'l'));
        }
        seen
    }
}

/// `data:`, a type or none, a comma.
fn has_url(text: &[u8]) -> bool {
    memchr_iter(b':', text).any(|at| {
        ends_with(text, at, b"data") && {
            let rest = text.get(at + 1..).unwrap_or_default();
            let rest = rest.get(..EMBEDDED_URL).unwrap_or(rest);
            let kind = memchr::memchr(b',', rest).and_then(|end| rest.get(..end));
            kind.is_some_and(|kind| kind.is_empty() || kind.contains(&b'/') || kind.contains(&b';'))
        }
    })
}

/// The word, and what follows it in a `data:` URL, in a property, in what scripts call. The digits have no case.
fn has_base64(text: &[u8]) -> bool {
    memmem::find_iter(text, b"64").any(|at| {
        ends_with(text, at, b"base") && {
            let rest = text.get(at + 2..).unwrap_or_default();
            let then = rest.get(..INDENT).unwrap_or(rest).trim_ascii_start().first();
            matches!(then, Some(b',' | b':' | b';' | b'&' | b'\\' | b'%' | b'"' | b'\'' | b'('))
                || rest.first().is_some_and(|next| next.is_ascii_alphabetic() || *next == b'_')
        }
    })
}

/// `ENCODING=B` in a card or a calendar, which is too short to be looked for anywhere else but before a long row.
fn has_property(text: &[u8]) -> bool {
    // Behind a byte order mark, of either width.
    let marks = text.iter().take(3).take_while(|octet| **octet >= 0x80).count();
    let begin = text.get(marks..).unwrap_or_default().trim_ascii_start();
    let is_card = begin.get(..7).is_some_and(|begin| begin.eq_ignore_ascii_case(b"BEGIN:V"));
    is_card
        && memchr_iter(b'=', text).any(|at| {
            let value = text.get(at + 1..at + 3).unwrap_or_default();
            ends_with(text, at, b"encoding") && matches!(value, [b'b' | b'B', b':' | b';'])
        })
}

/// A row of characters of the alphabet behind what may open it. Each window is read from its end: what stands before
/// the last character that is of none need not be looked at.
fn has_row(text: &[u8]) -> bool {
    let mut start = 0;
    while let Some(window) = text.get(start..start + EMBEDDED_ROW) {
        if let Some(last) = window.iter().rposition(|octet| !is_row(*octet)) {
            start += last + 1;
            continue;
        }
        let (before, row) = text.split_at(start);
        if is_opened(before) {
            return true;
        }
        start = row.iter().position(|octet| !is_row(*octet)).map_or(text.len(), |length| start + length);
    }
    false
}

/// Whether a quote or a tag is the last before a row, but for blanks; or right before it a comma or a reference, which
/// that of a `data:` URL may be whose other marks are written in some other way, or the end of `ENCODING=B:`.
fn is_opened(before: &[u8]) -> bool {
    let near = before.get(before.len().saturating_sub(INDENT)..).unwrap_or_default();
    matches!(near.trim_ascii_end().last(), Some(b'"' | b'\'' | b'`' | b'>'))
        || matches!(near, [.., b',' | b';'] | [.., b'=', b'b' | b'B', b':'])
}

fn is_row(octet: u8) -> bool {
    ROW.get(usize::from(octet)).is_some_and(|is_row| *is_row)
}

/// Whether an octet is of the alphabet.
static ROW: [bool; 256] = {
    let (mut row, mut octet) = ([false; 256], 0);
    while octet < 128 {
        row[octet] = (octet as u8).is_ascii_alphanumeric() || octet == b'+' as usize || octet == b'/' as usize;
        octet += 1;
    }
    row
};

/// Whether a word stands before `at`, in whatever case.
fn ends_with(text: &[u8], at: usize, word: &[u8]) -> bool {
    let start = at.checked_sub(word.len());
    start.and_then(|start| text.get(start..at)).is_some_and(|found| found.eq_ignore_ascii_case(word))
}

/// Octets that show whether a long one is a text.
const BEGIN: usize = 512;

/// Blanks between a quote and what is in it.
const INDENT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_seen_and_words_are_not() {
        let row = "QUJD".repeat(12);
        let texts = [
            "<a href=\"data:application/zip;base64,AAAA\">".to_owned(),
            "<a href='DATA:,%41'>".to_owned(),
            "; Base64 ,AAAA".to_owned(),
            "ATTACH;ENCODING=BASE64;VALUE=BINARY:AAAA".to_owned(),
            "BEGIN:VCARD\r\nPHOTO;ENCODING=b:AAAA".to_owned(),
            "-----BEGIN CERTIFICATE-----".to_owned(),
            "x = atob(y)".to_owned(),
            "node.dataType = \"bin.base64\"".to_owned(),
            "[Convert]::FromBase64String($x)".to_owned(),
            "new Blob([y])".to_owned(),
            format!("var x = \"{row}\""),
            format!("var x = `\n  {row}\n`"),
            format!("<div>{row}</div>"),
            format!("junk\r\nBEGIN:VCARD\r\nPHOTO;ENCODING=B:{row}"),
            format!("dat&#97;:x/y;ba\nse64&comma;{row}"),
        ];
        for text in &texts {
            assert!(holds_files(text.as_bytes()), "{text}");
            for front in [1, 31, 32, 100] {
                let behind = format!("{}{text}", " ".repeat(front));
                assert!(holds_files(behind.as_bytes()) || text.starts_with("BEGIN"), "{behind}");
            }
            let wide: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert!(holds_files(&wide), "{text}, in UTF-16");
        }
        let others = [
            String::new(),
            "a text about data: what it is, and base64 as such".to_owned(),
            format!("see https://www.example.org/{row}?{row}"),
            format!("DKIM-Signature: v=1; b={row}\r\n\t {row}"),
            "Content-Transfer-Encoding: base64\r\n\r\nAAAA".to_owned(),
            "<p class=\"one two\" style=\"color: red\">words</p>".to_owned(),
            "encoding=b: in a text".to_owned(),
        ];
        for text in &others {
            assert!(!holds_files(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_not_seen_whole_is_looked_through() {
        assert!(holds_files(&vec![b' '; HEAD]) && !holds_files(&vec![b' '; HEAD - 1]) && !holds_files(&vec![1; HEAD]));
    }
}
