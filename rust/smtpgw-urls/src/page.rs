//! Whether a text has `data:` URLs, in which there may be pages.

use alloc::borrow::Cow;

use crate::reference::resolved;

/// Whether there is the beginning of a `data:` URL in `text`, or in `text` with its character references resolved.
pub fn may_hold_page(text: &str) -> bool {
    holds(text) || matches!(resolved(text), Cow::Owned(reading) if holds(&reading))
}

fn holds(text: &str) -> bool {
    let octets = text.as_bytes();
    memchr::memchr_iter(b':', octets).any(|colon| {
        let mut before = octets.get(..colon).unwrap_or_default();
        while let [others @ .., b'\t' | b'\r' | b'\n'] = before {
            before = others;
        }
        before
            .len()
            .checked_sub(4)
            .and_then(|at| before.get(at..))
            .is_some_and(|name| name.eq_ignore_ascii_case(b"data"))
    })
}
