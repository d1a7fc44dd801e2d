//! Whether a text has other texts within it, in which there may be pages: `data:` URLs, and strings that scripts
//! decode.

use alloc::borrow::Cow;

use crate::reference::resolved;

/// Whether there is the beginning of a `data:` URL in `text`, or in `text` with its character references resolved, or a
/// call of what decodes strings.
pub fn may_hold_page(text: &str) -> bool {
    holds(text) || matches!(resolved(text), Cow::Owned(reading) if holds(&reading))
}

fn holds(text: &str) -> bool {
    let octets = text.as_bytes();
    let before = |at| octets.get(..at).unwrap_or_default();
    memchr::memchr_iter(b':', octets).any(|colon| ends_with_data(before(colon)))
        || memchr::memchr_iter(b'(', octets).any(|bracket| ends_with_decoder(before(bracket)))
}

/// Browsers take tabs and line ends out of a URL, wherever they stand.
fn ends_with_data(mut before: &[u8]) -> bool {
    for letter in b"atad" {
        while let [others @ .., b'\t' | b'\r' | b'\n'] = before {
            before = others;
        }
        match before {
            [others @ .., last] if last.eq_ignore_ascii_case(letter) => before = others,
            _ => return false,
        }
    }
    true
}

/// `atob(`, `window["atob"](`, and the like.
fn ends_with_decoder(mut before: &[u8]) -> bool {
    while let [others @ .., b'"' | b'\'' | b'`' | b']' | b' '] = before {
        before = others;
    }
    DECODERS.iter().any(|name| before.ends_with(name))
}

/// What browsers have for base64 and for percent codes.
const DECODERS: [&[u8]; 4] = [b"atob", b"unescape", b"decodeURI", b"decodeURIComponent"];
