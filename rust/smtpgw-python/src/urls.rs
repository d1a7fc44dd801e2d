//! The search for URLs, for inspectors: `smtpgw_urls` over Python's texts, and over parts of which Python need make
//! none.

use std::borrow::Cow;
use std::collections::HashSet;

use pyo3::prelude::*;
use pyo3::types::PyString;
use smtpgw_gateway::message::{self, charset};
use smtpgw_urls::{Found, and_above, plainly_leads};

use crate::errors;
use crate::part::Part;

/// Names of hosts that somebody looks for.
#[pyclass(frozen, module = "smtpgw._core", name = "Hosts")]
pub(crate) struct Hosts(HashSet<Box<str>>);

#[pymethods]
impl Hosts {
    #[new]
    fn new(names: &Bound<'_, PyAny>) -> PyResult<Self> {
        let names = names.try_iter()?.map(|name| name?.extract::<String>().map(String::into_boxed_str));
        Ok(Self(names.collect::<PyResult<_>>()?))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }
}

impl Hosts {
    /// Whether `candidate` may lead to one of them, or below.
    fn may_be(&self, candidate: &str) -> bool {
        !plainly_leads(candidate, &|host| !and_above(host).any(|name| self.0.contains(name)))
    }

    /// Whether `text`, or what it holds, may lead to one of them, or below.
    fn may_be_in(&self, text: &str) -> bool {
        // The first one is too many.
        smtpgw_urls::may_hold_page(text) || smtpgw_urls::find_wanted(text, 0, &|url| self.may_be(url)).is_err()
    }
}

/// Whether whoever reads `part` may be led to one of `hosts`, or below. `False` is certain, and soon said of a text
/// that has no URLs or those of well-known places; `True` means that it has to be looked at.
#[pyfunction]
pub(crate) fn may_lead_to(py: Python<'_>, part: &Part, hosts: &Hosts) -> PyResult<bool> {
    let content = &*part.part;
    if !stands_as_shown(content) {
        return Ok(true);
    }
    let octets = part.data(py)?.get().as_slice();
    let look = || {
        let label = content.charset.as_deref();
        let text = charset::to_text(label, octets).0;
        is_put_together(&text)
            || hosts.may_be_in(&text)
            || charset::other_texts(label, octets).iter().any(|text| hosts.may_be_in(text))
    };
    Ok(if octets.len() < DETACH_AT_LEAST { look() } else { py.detach(look) })
}

/// Whether `part` is a text that programs show line by line as it stands.
fn stands_as_shown(part: &message::Part) -> bool {
    let mut types = part.header.all("content-type").map(message::Field::decoded);
    matches!(&*part.media_type, "text/plain" | "text/html")
        && (part.real_type.starts_with("text/") || part.real_type == "application/x-empty")
        && part.container.is_none()
        && PLACES.iter().all(|name| part.header.all(name).next().is_none())
        // It joins lines.
        && !types.any(|value| value.as_bytes().windows(DELSP.len()).any(|at| at.eq_ignore_ascii_case(DELSP)))
}

/// Whether programs put pieces of it together, whatever its type says: lines of a calendar or a card (RFC 5545 §3.1),
/// of an RTF, names of XML that stand for others.
fn is_put_together(text: &str) -> bool {
    let begin = text.trim_start_matches(['\u{feff}', '\r', '\n', '\t', ' ']).as_bytes();
    let begins = |mark: &[u8]| begin.get(..mark.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(mark));
    begins(CARD) || begins(RTF) || memchr::memmem::find(text.as_bytes(), ENTITY).is_some()
}

/// What may be a URL in `text`: candidates (with `hosts`, only those that may lead there), bases and what is relative
/// to them.
#[pyfunction]
#[pyo3(signature = (text, at_most, hosts = None))]
pub(crate) fn find_urls(
    text: &Bound<'_, PyString>,
    at_most: usize,
    hosts: Option<&Hosts>,
) -> PyResult<(Vec<String>, Vec<String>, Vec<String>)> {
    let py = text.py();
    let text = text.to_string_lossy();
    let found = aside(py, &text, |text| match hosts {
        None => smtpgw_urls::find(text, at_most),
        Some(hosts) => smtpgw_urls::find_wanted(text, at_most, &|candidate| hosts.may_be(candidate)),
    });
    let Found { candidates, bases, relative } = found.map_err(|error| errors::other(py, error.to_string()))?;
    Ok((candidates, bases, relative))
}

/// What a URL carries to the place that it leads to: what may be other URLs, as redirectors have them.
#[pyfunction]
pub(crate) fn carried_urls(url: &Bound<'_, PyString>) -> Vec<String> {
    let octets = url.to_string_lossy();
    aside(url.py(), &octets, |url| {
        let mut urls = Vec::new();
        smtpgw_urls::carried(url, &mut |url| {
            urls.push(url.to_owned());
            true
        });
        urls
    })
}

/// Whether there may be pages in `data:` URLs in `text`.
#[pyfunction]
pub(crate) fn may_hold_page(text: &Bound<'_, PyString>) -> bool {
    aside(text.py(), &text.to_string_lossy(), smtpgw_urls::may_hold_page)
}

/// `text` with its character references resolved.
#[pyfunction]
pub(crate) fn unescape<'py>(text: &Bound<'py, PyString>) -> Bound<'py, PyString> {
    let octets = text.to_string_lossy();
    match aside(text.py(), &octets, smtpgw_urls::resolved) {
        Cow::Borrowed(_) => text.clone(),
        Cow::Owned(resolved) => PyString::new(text.py(), &resolved),
    }
}

/// Runs `look`; where that takes long enough, while other threads run Python.
fn aside<'a, T: Send>(py: Python<'_>, text: &'a str, look: impl FnOnce(&'a str) -> T + Send) -> T {
    if text.len() < DETACH_AT_LEAST { look(text) } else { py.detach(|| look(text)) }
}

/// The parameter of RFC 3676 §4.1.
const DELSP: &[u8] = b"delsp";

/// `BEGIN:VCALENDAR`, `BEGIN:VCARD`.
const CARD: &[u8] = b"BEGIN:V";

/// How an RTF begins, for the programs that read it.
const RTF: &[u8] = b"{\\rt";

/// What declares such a name.
const ENTITY: &[u8] = b"<!ENTITY";

/// What names the place that relative URLs of a page start from.
const PLACES: [&str; 2] = ["content-base", "content-location"];

/// Octets from which a search takes long enough to let other threads run meanwhile.
const DETACH_AT_LEAST: usize = 64 << 10;
