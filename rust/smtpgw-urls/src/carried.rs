//! What a URL carries to the place that it leads to: other URLs, as redirectors and trackers have them.
//!
//! Looked for in path, query and fragment, as they stand and behind each percent code and base64 that is undone, up to
//! [`CODINGS`] deep. `https://host/…` counts wherever it stands, `//host` and `host.name/…` as a parameter's value,
//! besides what two widely used services write in a way of their own. Text in base64 counts if there is a scheme in it.
//! What is undone is never longer than what it was in, so that time stays linear.

use alloc::string::String;
use alloc::vec::Vec;

use crate::letters::{is_full_stop, is_of_label};
use crate::limits::{CODINGS, PACKED};
use crate::schemed::{before_scheme, begins_with_scheme, is_of_authority, scheme_at};

/// Calls `visit` for each URL that `url` carries until it says no; whether it never did.
pub fn carried(url: &str, visit: &mut dyn FnMut(&str) -> bool) -> bool {
    behind(tail(url), visit)
}

/// The same of what stands behind a host.
pub(crate) fn behind(tail: &str, visit: &mut dyn FnMut(&str) -> bool) -> bool {
    if tail.len() < SHORTEST {
        return true;
    }
    // A path that begins with two slashes is itself a reference, to who sends it back.
    let path = if tail.starts_with("//") && tail.contains(is_full_stop) { Some(tail) } else { tail.strip_prefix(AMP) };
    if path.is_some_and(|url| !visit(url)) {
        return false;
    }
    let mut waiting: Vec<(String, usize)> = Vec::new();
    if !look(tail, 0, &mut waiting, visit) {
        return false;
    }
    while let Some((text, codings)) = waiting.pop() {
        if !look(&text, codings, &mut waiting, visit) {
            return false;
        }
    }
    true
}

/// Visits the URLs in one text, of which so many codings were undone, and puts what is coded in it among what waits.
fn look(text: &str, codings: usize, waiting: &mut Vec<(String, usize)>, visit: &mut dyn FnMut(&str) -> bool) -> bool {
    let octets = text.as_bytes();
    if !with_schemes(text, visit) {
        return false;
    }
    for value in values(text) {
        if is_host(value) && !visit(value) || defended(value).is_some_and(|url| !visit(&url)) {
            return false;
        }
    }
    if codings < CODINGS && memchr::memchr_iter(b'%', octets).any(|at| is_code(octets, at)) {
        // What is packed has no such codes in it, and is looked for when none is left.
        waiting.push((String::from_utf8_lossy(&decoded(octets)).into_owned(), codings + 1));
    } else if codings < CODINGS && may_be_packed(octets) {
        waiting.extend(unpacked(octets).map(|text| (text, codings + 1)));
    }
    true
}

/// What stands behind the host of a URL.
fn tail(url: &str) -> &str {
    let behind = if begins_with_scheme(url) { url.split_once(':').map_or(url, |(_, behind)| behind) } else { url };
    let authority = behind.trim_start_matches(is_slash);
    let end = authority.find(|c| is_slash(c) || matches!(c, '?' | '#')).unwrap_or(authority.len());
    authority.get(end..).unwrap_or_default()
}

/// Those that name their scheme: each up to the next, and from the first to the end.
fn with_schemes(text: &str, visit: &mut dyn FnMut(&str) -> bool) -> bool {
    let octets = text.as_bytes();
    // Not those of web sockets, to which nothing is redirected.
    let is_redirected = |at: &usize| !matches!(octets.get(*at), Some(b'w' | b'W'));
    let starts = memchr::memchr_iter(b':', octets).filter_map(|colon| scheme_at(text, colon));
    let mut starts = starts.filter(is_redirected).peekable();
    let Some(first) = starts.peek().copied() else { return true };
    let mut last = first;
    while let Some(start) = starts.next() {
        let Some(piece) = text.get(start..starts.peek().copied().unwrap_or(text.len())) else { break };
        if !visit(piece) || host_alone(piece).is_some_and(|host| !visit(host)) {
            return false;
        }
        last = start;
    }
    last == first || text.get(first..).is_none_or(visit)
}

/// A URL up to the end of its host, if what follows ends no host: the next parameter may.
fn host_alone(url: &str) -> Option<&str> {
    let (_, behind) = url.split_once(':')?;
    let host = behind.trim_start_matches(is_slash);
    let end = host.find(|character| !is_of_authority(character))?;
    let behind = host.get(end..)?;
    (end > 0 && !behind.starts_with(['/', '\\', '?', '#'])).then(|| url.get(..url.len() - behind.len()))?
}

/// Values of parameters, up to where another begins.
fn values(text: &str) -> impl Iterator<Item = &str> {
    memchr::memchr_iter(b'=', text.as_bytes()).filter_map(|equals| {
        let value = text.get(equals + 1..)?;
        value.get(..memchr::memchr3(b'&', b'=', b'?', value.as_bytes()).unwrap_or(value.len()))
    })
}

/// Whether a value is a host without a scheme, with or without a path.
fn is_host(value: &str) -> bool {
    if value.is_ascii() && memchr::memchr(b'.', value.as_bytes()).is_none() {
        return false;
    }
    let host = value.trim_start_matches(is_slash);
    let end = host.find(|character| !(is_of_label(character) || is_full_stop(character))).unwrap_or(host.len());
    let (name, behind) = host.split_at_checked(end).unwrap_or_default();
    // Behind one slash it is a path; `x@host` is a mail address, `1.5` is a number.
    value.len() != host.len() + 1
        && (behind.is_empty() || behind.starts_with(['/', '\\', ':', '#']))
        && name.rsplit_once(is_full_stop).is_some_and(|(_, last)| last.starts_with(char::is_alphabetic))
}

fn is_slash(character: char) -> bool {
    matches!(character, '/' | '\\')
}

/// The URL that a value is in Proofpoint's way: octets as `-3A`, and slashes as underlines.
fn defended(value: &str) -> Option<String> {
    if !value.starts_with(['h', 'H', 'f', 'F']) {
        return None;
    }
    let (scheme, _) = value.get(..value.len().min(FIRST))?.split_once(DEFENDED)?;
    if before_scheme(scheme)? > 0 {
        return None;
    }
    let (mut octets, mut rest) = (Vec::new(), value.as_bytes());
    while let [first, others @ ..] = rest {
        let octet = if *first == b'-' { others.first_chunk::<2>().and_then(code) } else { None };
        octets.push(octet.unwrap_or(if *first == b'_' { b'/' } else { *first }));
        rest = if octet.is_some() { others.get(2..).unwrap_or_default() } else { others };
    }
    Some(String::from_utf8_lossy(&octets).into_owned())
}

/// Whether there may be `://` in something in base64, or the beginning of JSON: each is one of few, as it falls on
/// groups.
fn may_be_packed(octets: &[u8]) -> bool {
    memchr::memchr3_iter(b'O', b'L', b'J', octets).any(|at| {
        let (before, after) = octets.split_at_checked(at).unwrap_or_default();
        match after {
            [b'O', b'i', b'8', ..] => true,
            [b'L', b'y', ..] if before.ends_with(b"6") => true,
            [b'L', ..] => before.ends_with(b"ov"),
            [b'J', ..] => before.ends_with(b"ey"),
            _ => false,
        }
    })
}

/// Texts in base64 that have a scheme in them, whatever stands before them: the mark of a redirector, a path's slash.
fn unpacked(octets: &[u8]) -> impl Iterator<Item = String> {
    let runs = octets.split(|octet| six_bits(*octet).is_none()).filter(|run| run.len() >= PACKED);
    runs.flat_map(|run| (0..4).filter_map(|from| run.get(from..))).filter_map(|run| {
        let text = String::from_utf8_lossy(&octets_of(run)).into_owned();
        let has_scheme = memchr::memchr_iter(b':', text.as_bytes()).any(|colon| scheme_at(&text, colon).is_some());
        has_scheme.then_some(text)
    })
}

/// What base64 says, in either alphabet, up to its last whole octet.
fn octets_of(run: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(run.len() / 4 * 3 + 3);
    let (mut bits, mut held) = (0_u32, 0);
    for six in run.iter().filter_map(|octet| six_bits(*octet)) {
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            octets.extend((bits >> held).to_le_bytes().first());
        }
    }
    octets
}

fn six_bits(octet: u8) -> Option<u8> {
    match octet {
        b'A'..=b'Z' => Some(octet - b'A'),
        b'a'..=b'z' => Some(octet - b'a' + 26),
        b'0'..=b'9' => Some(octet - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// Whether there is a percent code at a place.
fn is_code(octets: &[u8], percent: usize) -> bool {
    octets.get(percent + 1..).and_then(<[u8]>::first_chunk::<2>).and_then(code).is_some()
}

/// With percent codes resolved.
fn decoded(text: &[u8]) -> Vec<u8> {
    let (mut octets, mut rest) = (Vec::with_capacity(text.len()), text);
    while let [first, others @ ..] = rest {
        rest = others;
        let code = if *first == b'%' { others.first_chunk::<2>().and_then(code) } else { None };
        octets.push(code.unwrap_or(*first));
        if code.is_some() {
            rest = others.get(2..).unwrap_or_default();
        }
    }
    octets
}

/// The octet that two hexadecimal digits say.
pub(crate) fn code(digits: &[u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
    Some(high? << 4 | low?)
}

/// Google's AMP: `https://www.google.com/amp/s/host.name/path`.
const AMP: &str = "/amp/s/";

/// Proofpoint's URL Defense, version 2: `u=https-3A__host.name_path`.
const DEFENDED: &str = "-3A__";

/// Octets of `https-3A__`.
const FIRST: usize = 10;

/// Octets of `/?=a.b`.
const SHORTEST: usize = 6;

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn all(url: &str) -> Vec<String> {
        let mut all = Vec::new();
        carried(url, &mut |url| {
            all.push(String::from(url));
            true
        });
        all
    }

    #[test]
    fn what_redirectors_carry() {
        let expected = "https://bad.example/x";
        for carrying in [
            "?u=https://bad.example/x",
            "r/https://bad.example/x",
            "#https://bad.example/x",
            "?u=https%3A%2F%2Fbad.example%2Fx",
            "#https%3a//bad.example/x",
            "?u=https%253A%252F%252Fbad.example%252Fx",
            "?u=https%2525253A%252F/bad.example/x",
            "?u=aHR0cHM6Ly9iYWQuZXhhbXBsZS94",
            "?u=aHR0cHM6Ly9iYWQuZXhhbXBsZS94&v=1",
            "?u=aHR0cHM6Ly9iYWQuZXhhbXBsZS94%3D%3D",
            "r/aHR0cHM6Ly9iYWQuZXhhbXBsZS94",
            "r/_aHR0cHM6Ly9iYWQuZXhhbXBsZS94",
            "ck/a?!&&p=1&u=a1aHR0cHM6Ly9iYWQuZXhhbXBsZS94&ntb=1",
            "v2/url?u=https-3A__bad.example_x&d=DwMFaQ",
            "v2/url?u=https-3A__bad-2Eexample_x&d=DwMFaQ",
        ] {
            let found = all(&format!("https://good.example/{carrying}"));
            assert!(found.iter().any(|url| url == expected), "{carrying}: {found:?}");
        }
        // {"u":30,"url":"https:\/\/bad.example\/x"}
        let json = "https://good.example/?p=eyJ1IjozMCwidXJsIjoiaHR0cHM6XC9cL2JhZC5leGFtcGxlXC94In0";
        assert!(all(json).iter().any(|url| url.starts_with("https:\\/\\/bad.example\\/x")), "{:?}", all(json));
    }

    #[test]
    fn hosts_without_a_scheme() {
        for (url, expected) in [
            ("https://good.example/?u=bad.example", &["bad.example"][..]),
            ("https://good.example/?u=bad.example/x&v=1", &["bad.example/x"]),
            ("https://good.example/?u=//bad.example/x", &["//bad.example/x"]),
            ("https://good.example/?u=bad%2Eexample%2Fx", &["bad.example/x"]),
            ("https://good.example//bad.example/x", &["//bad.example/x"]),
            ("good.example/?u=bad.example:81", &["bad.example:81"]),
            ("https://www.google.example/amp/s/bad.example/x", &["bad.example/x"]),
            ("https://good.example/?mail=ben@bad.example", &[]),
            ("https://good.example/?v=1.5&w=10.0.0.1", &[]),
            ("https://good.example/?path=/bad.example", &[]),
            ("https://good.example/bad.example", &[]),
            ("https://good.example/a?b=c", &[]),
            ("https://bad.example", &[]),
            ("https://u:p@bad.example:80", &[]),
        ] {
            assert_eq!(all(url), expected, "{url}");
        }
    }

    #[test]
    fn it_stops_when_told() {
        let mut seen = 0;
        let went_on = carried("http://a.example/?u=http://b.example&v=http://c.example", &mut |_| {
            seen += 1;
            false
        });
        assert!(!went_on && seen == 1);
    }
}
