//! Candidates that need no second look: those whose host is the one that stands there, in plain letters.
//!
//! Most URLs of honest mail are of this kind. Whoever only wants to know whether a host is on a list is done with them
//! here, and makes canonical forms of the few others. When in doubt a candidate is not plain.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::schemed::begins_with_scheme;

/// The host of `candidate` in lower case, if every program goes there and nowhere else: a name in plain letters behind
/// a scheme and two slashes or behind nothing, and nothing behind it in which another URL may be.
pub fn plain_host(candidate: &str) -> Option<Cow<'_, str>> {
    let authority = match candidate.split_once("://") {
        Some((scheme, behind)) if !scheme.contains(|c: char| !c.is_ascii_alphabetic()) => {
            begins_with_scheme(candidate).then_some(behind)?
        }
        // `http:host` has a scheme too, and no program takes it for a name with a port.
        _ if begins_with_scheme(candidate) => return None,
        _ => candidate,
    };
    let end = authority.find(['/', '?', '#', ':']).unwrap_or(authority.len());
    let (host, behind) = authority.split_at_checked(end)?;
    let behind = match behind.strip_prefix(':') {
        Some(port) => {
            let digits = port.bytes().take_while(u8::is_ascii_digit).count();
            (1..=4).contains(&digits).then(|| port.get(digits..))??
        }
        None => behind,
    };
    let is_plain = is_name(host) && (behind.is_empty() || behind.starts_with(['/', '?', '#'])) && !may_lead_on(behind);
    if !is_plain {
        return None;
    }
    Some(if host.bytes().any(|octet| octet.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    })
}

/// Whether `host` is a name of letters, digits, hyphens and underscores whose last label begins with a letter, so that
/// it is no number for anybody.
fn is_name(host: &str) -> bool {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    host.len() <= LONGEST
        && host.split('.').all(|label| !label.is_empty() && label.bytes().all(plain))
        && host.rsplit('.').next().is_some_and(|last| last.starts_with(|first: char| first.is_ascii_alphabetic()))
}

/// Whether there may be another URL in what stands behind a host: for a redirector, or for a program that takes what
/// stands before an `@` for a name.
fn may_lead_on(behind: &str) -> bool {
    if behind.is_empty() || behind == "/" {
        return false;
    }
    if behind.bytes().any(|octet| !octet.is_ascii_graphic() || matches!(octet, b'@' | b'\\')) {
        return true;
    }
    let octets = if behind.contains('%') { Cow::Owned(decoded(behind)) } else { Cow::Borrowed(behind.as_bytes()) };
    memchr::memchr2_iter(b'h', b'H', &octets)
        .any(|at| octets.get(at..at + 4).is_some_and(|name| name.eq_ignore_ascii_case(b"http")))
}

/// With percent codes resolved.
fn decoded(text: &str) -> Vec<u8> {
    let (mut octets, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
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

fn code(digits: &[u8; 2]) -> Option<u8> {
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
    Some(high? << 4 | low?)
}

/// `host` and each name that it is below: `a.b.example`, `b.example`, `example`.
pub fn and_above(host: &str) -> impl Iterator<Item = &str> {
    core::iter::successors(Some(host), |name| name.split_once('.').map(|(_, above)| above))
}

/// Octets of a host name (RFC 1035 §2.3.4).
const LONGEST: usize = 253;

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    #[test]
    fn which_are_plain() {
        for (candidate, host) in [
            ("http://bad.example", Some("bad.example")),
            ("HTTPS://Bad.Example:443/a?b=c&d#e", Some("bad.example")),
            ("www.bad-x_y.example/path", Some("www.bad-x_y.example")),
            ("example", Some("example")),
            ("https://a.example/%41%zz%", Some("a.example")),
            ("", None),
            ("http://", None),
            ("http:/bad.example", None),
            ("http:\\\\bad.example", None),
            ("http:bad.example", None),
            ("http:80/", None),
            ("HTTPS:80", None),
            ("bad.example:80/http", None),
            ("bad.example:80/x://y", Some("bad.example")),
            ("gopher://bad.example", None),
            ("//bad.example", None),
            ("http:///bad.example", None),
            ("http://u@bad.example", None),
            ("http://good.example/@bad.example", None),
            ("http://good.example\\@bad.example", None),
            ("http://good.example:x@bad.example", None),
            ("http://good.example:80@bad.example", None),
            ("http://bad.example:99999/", None),
            ("http://bad.example.", None),
            ("http://bad..example", None),
            ("http://.bad.example", None),
            ("http://b%61d.example", None),
            ("http://bücher.example", None),
            ("http://bad.example/ü", None),
            ("http://bad.example/a b", None),
            ("http://10.0.0.1/", None),
            ("http://0x7f.1", None),
            ("http://a.0x7f", None),
            ("http://[::1]/", None),
            ("https://good.example/?u=http://bad.example", None),
            ("https://good.example/?u=%68%54tp%3a//bad.example", None),
            ("www.good.example/r/HTTPS:bad", None),
        ] {
            assert_eq!(plain_host(candidate).as_deref(), host, "{candidate}");
        }
        let long = String::from_utf8(alloc::vec![b'a'; 254]).unwrap_or_default();
        assert_eq!(plain_host(&long), None);
    }

    #[test]
    fn names_above() {
        assert_eq!(and_above("a.b.example").collect::<Vec<_>>(), ["a.b.example", "b.example", "example"]);
    }
}
