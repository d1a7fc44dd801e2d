//! The search for URLs, for inspectors: `smtpgw_urls` over Python's texts.

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::types::PyString;
use smtpgw_urls::Found;

use crate::errors;

/// What may be a URL in `text`: candidates, bases and what is relative to them.
#[pyfunction]
pub(crate) fn find_urls(
    text: &Bound<'_, PyString>,
    at_most: usize,
) -> PyResult<(Vec<String>, Vec<String>, Vec<String>)> {
    let py = text.py();
    let text = text.to_string_lossy();
    let found = aside(py, &text, |text| smtpgw_urls::find(text, at_most));
    let Found { candidates, bases, relative } = found.map_err(|error| errors::other(py, error.to_string()))?;
    Ok((candidates, bases, relative))
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

/// Octets from which a search takes long enough to let other threads run meanwhile.
const DETACH_AT_LEAST: usize = 64 << 10;
