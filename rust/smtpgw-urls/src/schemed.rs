//! URLs that name their scheme: `https://host/path` in running text, up to a blank, a quote or an angle bracket.
//!
//! Programs do not agree where such a URL ends, so that it is noted whole, and besides: from each scheme in it to the
//! next (`http://one.example,http://two.example`), and with its host cut at what is no letter of one for some program
//! (`http://one.example|x`, `http://one.example` before a curly quote). Stretches are disjoint: time stays linear.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use crate::attributes::cleaned;
use crate::found::{Finds, TooMany};
use crate::letters::{
    ends_url, is_blank, is_full_stop, is_latin, is_of_label, is_plain, is_punctuation, without_dashes,
};
use crate::limits::ENCLOSED;

/// Notes those in `text`. Where they stand, up to where a host is cut.
pub(crate) fn find(text: &str, finds: &mut Finds<'_>) -> Result<Vec<Range<usize>>, TooMany> {
    let mut taken: Vec<Range<usize>> = Vec::new();
    let mut done = 0;
    for colon in memchr::memchr_iter(b':', text.as_bytes()) {
        if colon < done {
            continue;
        }
        let Some(start) = scheme_at(text, colon) else { continue };
        let Some(rest) = text.get(colon + 1..) else { continue };
        done = colon + 1 + rest.find(ends_url).unwrap_or(rest.len());
        let Some(whole) = text.get(start..done) else { continue };
        finds.candidate(whole.trim_end_matches(is_punctuation))?;
        if let Some(before) = text.get(..start).map(str::as_bytes)
            && let Some(whole) = text.get(start..).and_then(|rest| enclosed(before, rest))
        {
            finds.candidate(&whole)?;
        }
        stretches(whole, start, &mut taken, finds)?;
    }
    Ok(taken)
}

/// Notes each stretch of `whole` from a scheme to the next; `offset` is where `whole` stands.
fn stretches(whole: &str, offset: usize, taken: &mut Vec<Range<usize>>, finds: &mut Finds<'_>) -> Result<(), TooMany> {
    let schemes = memchr::memchr_iter(b':', whole.as_bytes()).filter_map(|colon| scheme_at(whole, colon));
    let mut start = 0;
    for next in schemes.skip(1).chain([whole.len()]) {
        let Some(stretch) = whole.get(start..next) else { continue };
        if stretch.len() < whole.len() {
            finds.candidate(stretch.trim_end_matches(is_punctuation))?;
        }
        let end = cut(stretch, finds)?;
        taken.push(offset + start..offset + start + end);
        start = next;
    }
    Ok(())
}

/// Notes `url` up to what its host cannot have, in plain letters and in any. Up to where the host is one for everybody.
fn cut(url: &str, finds: &mut Finds<'_>) -> Result<usize, TooMany> {
    let is_slash = |character| matches!(character, '/' | '\\');
    let name = url.split_once(':').map_or(url, |(_, behind)| behind).trim_start_matches(is_slash);
    let before = url.len() - name.len();
    let name = name.split(|c| is_slash(c) || matches!(c, '?' | '#')).next().unwrap_or_default();
    if let Some(shorter) = host_alone(name).and_then(|end| url.get(..before + end)) {
        finds.candidate(shorter)?;
    }
    let plain = name.find(|character| !is_of_authority(character) && !is_plain(character) && !is_latin(character));
    let Some(plain) = plain else { return Ok(url.len()) };
    let any = |character| is_of_authority(character) || is_of_label(character) || is_full_stop(character);
    let any = name.find(|character| !any(character)).unwrap_or(name.len());
    for end in [plain, any] {
        // A word alone is hardly the host that something leads to.
        if end < name.len()
            && name.get(..end).is_some_and(|host| host.contains(|c: char| !c.is_alphabetic()))
            && let Some(shorter) = url.get(..before + end)
        {
            finds.candidate(shorter.trim_end_matches(is_punctuation))?;
        }
    }
    Ok(if any < name.len() { before + any } else { url.len() })
}

/// Where the host of an authority ends for who takes what follows for the writer's: no port, no user's name, a bracket
/// that was opened before the URL, dashes.
fn host_alone(name: &str) -> Option<usize> {
    let end = name.find([':', '@', '[', ']']).unwrap_or(name.len());
    let (host, behind) = name.split_at_checked(end)?;
    let is_port = behind.strip_prefix(':').is_some_and(|port| port.bytes().all(|octet| octet.is_ascii_digit()));
    let host = if behind.is_empty() { without_dashes(host) } else { host };
    (host.len() < name.len() && !is_port && host.contains('.')).then_some(host.len())
}

/// Whether it stands before a path in a URL of plain letters.
pub(crate) fn is_of_authority(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '%' | ':' | '@' | '[' | ']' | '-')
}

/// Where the scheme begins that `colon` ends, if a slash follows.
pub(crate) fn scheme_at(text: &str, colon: usize) -> Option<usize> {
    let leads = matches!(text.as_bytes().get(colon + 1), Some(b'/' | b'\\'));
    leads.then(|| text.get(..colon).and_then(before_scheme))?
}

/// The schemes of the web, longer ones before those that they end with.
const SCHEMES: [&str; 6] = ["https", "http", "ftp", "wss", "ws", ""];

/// Where the scheme begins that `text` ends with.
pub(crate) fn before_scheme(text: &str) -> Option<usize> {
    let octets = text.as_bytes();
    let ends_with = |scheme: &&str| {
        let tail = octets.len().checked_sub(scheme.len()).and_then(|start| octets.get(start..));
        !scheme.is_empty() && tail.is_some_and(|tail| tail.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    SCHEMES.iter().find(|scheme| ends_with(scheme)).map(|scheme| octets.len() - scheme.len())
}

/// Whether `text` begins with a scheme of the web and a colon; tabs and line ends before it are no part of it.
pub(crate) fn begins_with_scheme(text: &str) -> bool {
    let Some((before, _)) = text.split_once(':') else { return false };
    let name = before.trim_end_matches(['\t', '\r', '\n']);
    SCHEMES.iter().any(|scheme| !scheme.is_empty() && name.eq_ignore_ascii_case(scheme))
}

/// The URL that `text` begins with if what stands `before` it encloses it, so that it may hold what ends one elsewhere;
/// `None` if that ends far away. Between angle brackets, also behind `URL:` (RFC 3986 appendix C), all blanks are left out;
/// between quotes tabs and line ends, as browsers do with a string that becomes a URL.
fn enclosed(before: &[u8], text: &str) -> Option<String> {
    let is_url = |tail: &[u8]| tail.eq_ignore_ascii_case(b"<url:");
    let (first, last) = match before {
        [.., b'<'] => (b'<', b'>'),
        [.., quote @ (b'"' | b'\'' | b'`')] => (*quote, *quote),
        _ if before.last_chunk::<5>().is_some_and(|tail| is_url(tail)) => (b'<', b'>'),
        _ => return None,
    };
    let octets = text.as_bytes();
    let near = octets.get(..octets.len().min(4 * ENCLOSED + 1))?;
    let end = memchr::memchr2(first, last, near).filter(|end| octets.get(*end) == Some(&last))?;
    let whole = text.get(..end).filter(|whole| whole.chars().count() <= ENCLOSED)?;
    if last == b'>' {
        return Some(whole.chars().filter(|character| !is_blank(*character)).collect());
    }
    // With other blanks it is a sentence.
    let is_one = |character| matches!(character, '\t' | '\r' | '\n') || !ends_url(character);
    let is_broken = whole.contains(['\t', '\r', '\n']) && whole.chars().all(is_one);
    is_broken.then(|| cleaned(whole).into_owned())
}
