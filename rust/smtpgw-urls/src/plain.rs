//! Candidates that need no second look: those whose host is the one that stands there, in plain letters.
//!
//! Most URLs of honest mail are of this kind, those of redirectors, which carry another URL, included. Whoever only
//! wants to know whether a host is on a list is done with them here, and makes canonical forms of the few others. When
//! in doubt a candidate is not plain.

use alloc::borrow::Cow;

use crate::carried;
use crate::schemed::begins_with_scheme;

/// Whether `candidate` plainly leads to a host that `is_fine`, and if it carries other URLs, those as well. Hosts are
/// given in lower case.
pub fn plainly_leads(candidate: &str, is_fine: &dyn Fn(&str) -> bool) -> bool {
    let Some((host, behind)) = plain(candidate) else { return false };
    is_fine(&host) && carries_only(behind, is_fine)
}

/// The host of `candidate` in lower case and what is behind it, if every program goes there: a name in plain letters
/// behind a scheme and two slashes or behind nothing.
fn plain(candidate: &str) -> Option<(Cow<'_, str>, &str)> {
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
    // Google shows the page of another host under such a name.
    let is_proxy = host.len() > PROXY.len()
        && host.get(host.len() - PROXY.len()..).is_some_and(|end| end.eq_ignore_ascii_case(PROXY));
    if is_proxy || !is_name(host) || !(behind.is_empty() || behind.starts_with(['/', '?', '#'])) {
        return None;
    }
    let host = match host.bytes().any(|octet| octet.is_ascii_uppercase()) {
        true => Cow::Owned(host.to_ascii_lowercase()),
        false => Cow::Borrowed(host),
    };
    Some((host, behind))
}

/// Whether `host` is a name of letters, digits, hyphens and underscores whose last label begins with a letter, so that
/// it is no number for anybody.
fn is_name(host: &str) -> bool {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    host.len() <= LONGEST
        && host.split('.').all(|label| !label.is_empty() && label.bytes().all(plain))
        && host.rsplit('.').next().is_some_and(|last| last.starts_with(|first: char| first.is_ascii_alphabetic()))
}

/// Whether other URLs in what stands behind a host, which a redirector leads to, plainly lead to a host that `is_fine`.
fn carries_only(behind: &str, is_fine: &dyn Fn(&str) -> bool) -> bool {
    if behind.bytes().any(|octet| !octet.is_ascii_graphic() || octet == b'\\') {
        return false;
    }
    // Steps up and down the path make another path, in which there may be other URLs.
    let octets = behind.as_bytes();
    let has_steps = memchr::memchr_iter(b'/', octets).any(|at| {
        let after = octets.get(at + 1..).unwrap_or_default();
        after.starts_with(b".") || after.get(..3).is_some_and(|code| code.eq_ignore_ascii_case(b"%2e"))
    });
    if has_steps && memchr::memmem::find(octets, b"//").is_some() {
        return false;
    }
    carried::behind(behind, &mut |url| !has_steps && plain(url).is_some_and(|(host, _)| is_fine(&host)))
}

/// `host` and each name that it is below: `a.b.example`, `b.example`, `example`.
pub fn and_above(host: &str) -> impl Iterator<Item = &str> {
    core::iter::successors(Some(host), |name| name.split_once('.').map(|(_, above)| above))
}

/// Octets of a host name (RFC 1035 §2.3.4).
const LONGEST: usize = 253;

/// `bad-example.translate.goog` shows `bad.example`.
const PROXY: &str = ".translate.goog";

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;
    use core::cell::RefCell;

    use super::*;

    /// The hosts that were asked for; none if it is not plain.
    fn hosts(candidate: &str) -> Vec<String> {
        let asked = RefCell::new(Vec::new());
        let note = |host: &str| {
            let mut asked = asked.borrow_mut();
            if !asked.iter().any(|known| known == host) {
                asked.push(String::from(host));
            }
            true
        };
        if plainly_leads(candidate, &note) { asked.into_inner() } else { Vec::new() }
    }

    #[test]
    fn which_are_plain() {
        for (candidate, expected) in [
            ("http://bad.example", &["bad.example"][..]),
            ("HTTPS://Bad.Example:443/a?b=c&d#e", &["bad.example"]),
            ("www.bad-x_y.example/path", &["www.bad-x_y.example"]),
            ("example", &["example"]),
            ("https://a.example/%41%zz%", &["a.example"]),
            ("https://a.example/?mail=b@c.example&type=http", &["a.example"]),
            ("bad.example:80/http", &["bad.example"]),
            ("bad.example:80/x://y", &["bad.example"]),
            ("", &[]),
            ("http://", &[]),
            ("http:/bad.example", &[]),
            ("http:\\\\bad.example", &[]),
            ("http:bad.example", &[]),
            ("http:80/", &[]),
            ("HTTPS:80", &[]),
            ("gopher://bad.example", &[]),
            ("//bad.example", &[]),
            ("http:///bad.example", &[]),
            ("http://u@bad.example", &[]),
            ("http://good.example\\@bad.example", &[]),
            ("http://good.example:x@bad.example", &[]),
            ("http://good.example:80@bad.example", &[]),
            ("http://bad.example:99999/", &[]),
            ("http://bad.example.", &[]),
            ("http://bad..example", &[]),
            ("http://.bad.example", &[]),
            ("http://b%61d.example", &[]),
            ("http://bücher.example", &[]),
            ("http://bad.example/ü", &[]),
            ("http://bad.example/a b", &[]),
            ("http://10.0.0.1/", &[]),
            ("http://0x7f.1", &[]),
            ("http://a.0x7f", &[]),
            ("http://[::1]/", &[]),
            ("https://bad-example.translate.goog/", &[]),
        ] {
            assert_eq!(hosts(candidate), expected, "{candidate}");
        }
        let long = String::from_utf8(alloc::vec![b'a'; 254]).unwrap_or_default();
        assert!(hosts(&long).is_empty());
        assert!(!plainly_leads("http://bad.example/", &|_| false));
    }

    #[test]
    fn what_redirectors_carry() {
        for (candidate, expected) in [
            ("https://a.example/?u=http://b.example/x", &["a.example", "b.example"][..]),
            ("https://a.example/?u=%68%54tp%3a%2F%2fB.example%2fx%20y", &["a.example", "b.example"]),
            ("www.a.example/r/HTTPS://b.example?http://c.example", &["www.a.example", "b.example", "c.example"]),
            ("https://a.example/?u=http://b.example/&v=http://c.example/", &["a.example", "b.example", "c.example"]),
            ("https://a.example/?u=ftp://b.example", &["a.example", "b.example"]),
            ("https://a.example/?u=ftp%%33a//b.example", &["a.example", "b.example"]),
            ("https://a.example/?u=ftp://b.example&x=http", &[]),
            ("https://a.example/ws://c.example/http://b.example", &["a.example", "b.example"]),
            ("https://a.example/?u=http:/b.example", &[]),
            ("https://a.example/?u=http://u@b.example", &[]),
            ("https://a.example/?u=http%253A//b.example", &["a.example", "b.example"]),
            ("https://a.example/?u=b.example/x&v=1", &["a.example", "b.example"]),
            ("https://a.example/aHR0cDovL2IuZXhhbXBsZS8", &["a.example", "b.example"]),
            ("https://a.example/?u=//b.example", &[]),
            ("https://a.example//b.example", &[]),
            ("https://a.example/x/.//b.example", &[]),
            ("https://a.example/?u=http:%5C%5Cb.example", &[]),
            ("https://a.example/../http://b.example", &[]),
            ("https://a.example/%2e./http://b.example", &[]),
            ("https://a.example/?u=http://b%C3%BC.example", &[]),
        ] {
            assert_eq!(hosts(candidate), expected, "{candidate}");
        }
        let fine = |host: &str| host != "b.example";
        assert!(!plainly_leads("https://a.example/?u=http://b.example", &fine), "both count");
        assert!(!plainly_leads("https://b.example/?u=http://a.example", &fine), "both count");
    }

    #[test]
    fn names_above() {
        assert_eq!(and_above("a.b.example").collect::<Vec<_>>(), ["a.b.example", "b.example", "example"]);
    }
}
