//! Host names without a scheme, with what follows them: `www.example.org/path`. Not those of mail addresses, nor those
//! that were disarmed: `hxxp://bad.example`.
//!
//! A name in several writings is noted whole, and so is each stretch of plain letters in it: where no blanks are
//! written between words, what stands around a name is none of it. Within a word of Latin letters no name begins or
//! ends: of `bücher.example` nobody makes `cher.example`. Letters may be in percent codes, as in `//%62ad.example`.
//! Behind the user of a URL, as in `//user@bad.example`, a name is none of a mail address.

use alloc::format;
use core::ops::Range;

use unicode_normalization::UnicodeNormalization as _;

use crate::carried::code;
use crate::found::{Finds, TooMany};
use crate::letters::{
    ends_url, ends_within_word, is_full_stop, is_latin, is_of_label, is_plain, is_punctuation, without_dashes,
};
use crate::limits::LABEL;
use crate::schemed::before_scheme;

/// Notes those in `text`, except within `taken`, which are in order.
pub(crate) fn find(text: &str, taken: &[Range<usize>], finds: &mut Finds<'_>) -> Result<(), TooMany> {
    let octets = text.as_bytes();
    if text.is_ascii() {
        return at_dots(text, memchr::memchr2_iter(b'.', b'%', octets), taken, finds);
    }
    if memchr::memchr(b'%', octets).is_some() {
        let is_first = |(_, octet): &(usize, &u8)| matches!(**octet, b'.' | b'%' | 0xe3 | 0xef);
        return at_dots(text, octets.iter().enumerate().filter(is_first).map(|(at, _)| at), taken, finds);
    }
    // The first octets of the other three full stops.
    at_dots(text, memchr::memchr3_iter(b'.', 0xe3, 0xef, octets), taken, finds)
}

fn at_dots(
    text: &str,
    dots: impl Iterator<Item = usize>,
    mut taken: &[Range<usize>],
    finds: &mut Finds<'_>,
) -> Result<(), TooMany> {
    let mut done = 0;
    let mut users = Users::default();
    for at in dots.filter(|at| text.as_bytes().get(at + 1).is_some_and(|next| !b" \r\n\t<".contains(next))) {
        if at < done {
            continue;
        }
        while let [first, others @ ..] = taken
            && first.end <= at
        {
            taken = others;
        }
        if let Some(url) = taken.first().filter(|url| url.start <= at) {
            done = url.end;
            continue;
        }
        // Only now: it may be as long as the rest of the text.
        let Some(name) = text.get(at..).and_then(Name::read) else { continue };
        let before = text.get(done..at).unwrap_or_default();
        let label = label_before(before);
        let (start, end) = (at - label, at + name.length);
        done = end;
        let before = text.as_bytes().get(..start).unwrap_or_default();
        let of_mail = before.ends_with(b"@") && !users.ends_at(start - 1, text) || is_disarmed(before);
        let Some(whole) = text.get(start..end) else { continue };
        if !of_mail && name.is_plausible() {
            finds.candidate(whole.trim_end_matches(is_punctuation))?;
            without_ornament(whole, label + name.host, finds)?;
        }
        plain_stretches(whole, label + name.host, of_mail, finds)?;
    }
    Ok(())
}

/// Whether `before` ends with the scheme by which people write a URL that nobody shall follow: `hxxps://bad.example`.
fn is_disarmed(before: &[u8]) -> bool {
    before.strip_suffix(b"//").is_some_and(is_disarming)
}

fn is_disarming(octets: &[u8]) -> bool {
    DISARMED.iter().any(|scheme| {
        let tail = octets.len().checked_sub(scheme.len()).and_then(|at| octets.get(at..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(scheme.as_bytes()))
    })
}

/// Follows a text to the ends of what may be users of URLs: `//user@`, `https:user:password@`.
#[derive(Default)]
struct Users {
    /// Up to where the text was followed.
    at: usize,
    /// The one that has begun and not ended.
    open: Option<User>,
}

struct User {
    start: usize,
    /// The URL is the value of an attribute without quotes: then quotes are part of it, as browsers read it.
    is_bare: bool,
}

impl Users {
    /// Whether one ends at the `@` at this place of `text`. Places only grow.
    fn ends_at(&mut self, place: usize, text: &str) -> bool {
        let begun = self.at.min(place);
        for (at, octet) in text.as_bytes().get(begun..place).unwrap_or_default().iter().enumerate() {
            // None of these octets is part of a longer character.
            if matches!(octet, b'/' | b'\\' | b':' | b'?' | b'#' | b'<' | b'>' | b'"' | b'\'' | b'`')
                || octet.is_ascii_whitespace()
            {
                self.step(*octet, text.get(..begun + at).unwrap_or_default());
            }
        }
        self.at = place.max(begun);
        self.open.as_ref().is_some_and(|user| user.start < place)
    }

    fn step(&mut self, octet: u8, before: &str) {
        let at = before.len();
        let begin = |url: &str| Some(User { start: at + 1, is_bare: url.ends_with('=') });
        match (octet, &mut self.open) {
            // Any number of slashes does.
            (b'/' | b'\\', Some(user)) if user.start == at => user.start = at + 1,
            (b'/' | b'\\', open) => {
                let url = before.strip_suffix(['/', '\\']).filter(|url| !is_disarming(url.as_bytes()));
                *open = url.and_then(begin);
            }
            (b':', open) => {
                if let Some(scheme) = before_scheme(before) {
                    *open = begin(before.get(..scheme).unwrap_or_default());
                }
            }
            (b'"' | b'\'' | b'`' | b'<', Some(User { is_bare: true, .. })) => {}
            (_, open) => *open = None,
        }
    }
}

/// Notes a name that letters of names stand around as signs: `-bad.example`, `_bad.example_`, `bad.example--`.
fn without_ornament(whole: &str, host: usize, finds: &mut Finds<'_>) -> Result<(), TooMany> {
    let is_ornament = |character| matches!(character, '-' | '_');
    let begun = whole.trim_start_matches(is_ornament);
    let bare = if host == whole.len() { without_dashes(begun) } else { begun };
    if bare.len() < whole.len() { finds.candidate(bare.trim_end_matches(is_punctuation)) } else { Ok(()) }
}

/// Notes the stretches of plain letters of a name that has others as well, of which `host` octets are the host.
fn plain_stretches(whole: &str, host: usize, of_mail: bool, finds: &mut Finds<'_>) -> Result<(), TooMany> {
    let Some((host, behind)) = whole.split_at_checked(host).filter(|(host, _)| !host.is_ascii() || host.contains('%'))
    else {
        return Ok(());
    };
    let ends = host.char_indices().filter(|(_, character)| !is_plain(*character));
    let mut start = 0;
    for (end, next) in ends.chain([(host.len(), ' ')]) {
        let Some((before, stretch)) = host.get(..end).and_then(|host| host.split_at_checked(start)) else { break };
        let name = stretch.trim_matches(is_full_stop);
        let is_skipped = start == 0 && of_mail || is_latin(next);
        if name.contains(is_full_stop) && !is_skipped && !ends_within_word(before) {
            finds.candidate(name)?;
            if end == host.len() && !behind.is_empty() {
                let url = format!("{name}{behind}");
                finds.candidate(url.trim_end_matches(is_punctuation))?;
            }
        }
        start = end + next.len_utf8();
    }
    Ok(())
}

/// A host name from its first full stop on, with port and path.
struct Name<'a> {
    /// The last full stop and label.
    last: (char, &'a str),
    /// Octets of it alone.
    host: usize,
    /// Octets with port and path.
    length: usize,
}

impl<'a> Name<'a> {
    /// Reads what `text` begins with; `None` if that is no full stop with a label behind it.
    fn read(text: &'a str) -> Option<Self> {
        let (mut last, mut rest) = (None, text);
        while let Some((dot, behind)) = full_stop(rest) {
            let length = label(behind);
            let (label, others) = behind.split_at_checked(length)?;
            if label.is_empty() {
                break;
            }
            (last, rest) = (Some((dot, label)), others);
        }
        let last = last?;
        let host = text.len() - rest.len();
        rest = without_port(rest);
        if rest.starts_with(['/', '?', '#', '\\']) {
            rest = rest.find(ends_url).and_then(|end| rest.get(end..)).unwrap_or_default();
        }
        Some(Self { last, host, length: text.len() - rest.len() })
    }

    /// An ideographic full stop between words of such a language ends a sentence, not a label.
    fn is_plausible(&self) -> bool {
        let (dot, label) = self.last;
        dot == '.' || label.is_ascii() || label.nfkc().all(|character| character.is_ascii())
    }
}

/// The full stop that `text` begins with, in any writing, and what is behind it.
fn full_stop(text: &str) -> Option<(char, &str)> {
    if let [b'%', b'2', b'e' | b'E', ..] = text.as_bytes() {
        return Some(('.', text.get(3..)?));
    }
    let mut characters = text.chars();
    let dot = characters.next().filter(|first| is_full_stop(*first))?;
    Some((dot, characters.as_str()))
}

/// Octets of the label that `text` begins with.
fn label(text: &str) -> usize {
    let mut rest = text;
    loop {
        let Some(first) = rest.chars().next() else { return text.len() };
        let length = if is_coded(rest) { CODE } else { first.len_utf8() };
        match rest.get(length..).filter(|_| length == CODE && first == '%' || is_of_label(first)) {
            Some(others) => rest = others,
            None => return text.len() - rest.len(),
        }
    }
}

/// Octets of the label that `text` ends with.
fn label_before(text: &str) -> usize {
    let (mut rest, mut letters) = (text, 0);
    while letters < LABEL {
        let coded = rest.len().checked_sub(CODE).filter(|at| rest.get(*at..).is_some_and(is_coded));
        let last = || rest.char_indices().next_back().filter(|(_, last)| is_of_label(*last)).map(|(at, _)| at);
        let Some(others) = coded.or_else(last).and_then(|at| rest.get(..at)) else { break };
        // Coded ones do not count: the limit is not one of octets.
        letters += usize::from(coded.is_none());
        rest = others;
    }
    text.len() - rest.len()
}

/// Whether `text` begins with the percent code of a plain letter. Others may be names of files: of them there are more.
fn is_coded(text: &str) -> bool {
    let [b'%', digits @ ..] = text.as_bytes() else { return false };
    digits.first_chunk::<2>().and_then(code).is_some_and(|octet| octet.is_ascii() && is_of_label(char::from(octet)))
}

/// Schemes of URLs that nobody shall follow.
const DISARMED: [&str; 2] = ["hxxp:", "hxxps:"];

/// Octets of a percent code.
const CODE: usize = 3;

/// Without the port that `text` begins with: a colon and up to five digits.
fn without_port(text: &str) -> &str {
    let Some(behind) = text.strip_prefix(':') else { return text };
    let digits = behind.bytes().take(5).take_while(u8::is_ascii_digit).count();
    if digits == 0 { text } else { behind.get(digits..).unwrap_or_default() }
}
