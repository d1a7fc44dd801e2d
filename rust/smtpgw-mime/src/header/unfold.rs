//! Unfolding (RFC 5322 §2.2.3): the line ends within a field's value go, the blanks after them stay.

use alloc::borrow::Cow;
use alloc::vec::Vec;

/// `raw` on one line, without blanks around it. Line ends are CRLF or LF; a CR that ends no line stays.
pub(crate) fn unfold(raw: &[u8]) -> Cow<'_, [u8]> {
    let raw = trim(raw);
    if memchr::memchr(b'\n', raw).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    for line in raw.split_inclusive(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\n").map_or(line, |line| line.strip_suffix(b"\r").unwrap_or(line));
        out.extend_from_slice(line);
    }
    Cow::Owned(out)
}

/// Without blanks and line ends at either end.
pub(crate) fn trim(mut octets: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = octets {
        octets = rest;
    }
    while let [rest @ .., b' ' | b'\t' | b'\r' | b'\n'] = octets {
        octets = rest;
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfolds() {
        let table: &[(&[u8], &[u8])] = &[
            (b"", b""),
            (b" plain", b"plain"),
            (b" one\r\n two", b"one two"),
            (b" one\r\n\ttwo\r\n  three ", b"one\ttwo  three"),
            (b" one\n two", b"one two"),
            (b"\r\n late start", b"late start"),
            (b" one\r\n \r\n two", b"one  two"),
            (b" a\rb\r\r\n c", b"a\rb\r c"),
        ];
        for (raw, unfolded) in table {
            assert_eq!(&*unfold(raw), *unfolded, "{}", raw.escape_ascii());
        }
    }
}
