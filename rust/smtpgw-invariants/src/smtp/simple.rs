//! The simplest readers and writers there are: they need no state and no limit, and are what the machines are held
//! against. RFC 5321 §4.5.2 (transparency), RFC 3030 §2 (BDAT).

/// Whether every CR is followed by LF and every LF stands behind CR.
pub(super) fn is_canonical(octets: &[u8]) -> bool {
    let mut before = 0;
    for (at, &octet) in octets.iter().enumerate() {
        if (octet == b'\n') != (before == b'\r') && (octet == b'\n' || before == b'\r') {
            return false;
        }
        before = if octet == b'\r' && at + 1 == octets.len() { return false } else { octet };
    }
    true
}

/// With each bare CR or LF as CRLF.
pub(super) fn canonical(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = octets;
    loop {
        rest = match rest {
            [] => return out,
            [b'\r', b'\n', behind @ ..] | [b'\r' | b'\n', behind @ ..] => {
                out.extend_from_slice(b"\r\n");
                behind
            }
            [octet, behind @ ..] => {
                out.push(*octet);
                behind
            }
        };
    }
}

/// With a line end behind it, if it has none.
pub(super) fn ended(octets: &[u8]) -> Vec<u8> {
    let end: &[u8] = if octets.is_empty() || octets.ends_with(b"\r\n") { b"" } else { b"\r\n" };
    [octets, end].concat()
}

/// With the dots doubled that begin a line, which only CRLF ends.
pub(super) fn stuffed(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for octet in octets {
        if *octet == b'.' && (out.is_empty() || out.ends_with(b"\r\n")) {
            out.push(b'.');
        }
        out.push(*octet);
    }
    out
}

/// Without the dots that begin a line.
pub(super) fn unstuffed(raw: &[u8]) -> Vec<u8> {
    let lines = raw.split_inclusive(|octet| *octet == b'\n');
    lines.flat_map(|line| line.strip_prefix(b".").unwrap_or(line)).copied().collect()
}

/// The messages in what a client wrote to a server that took everything, in DATA and in BDAT.
pub(super) fn messages(wire: &[u8]) -> Vec<Vec<u8>> {
    let (mut found, mut chunks) = (Vec::new(), Vec::new());
    let mut rest = wire;
    while !rest.is_empty() {
        let (line, behind) = split(rest, b"\r\n", 2);
        rest = behind;
        let line = std::str::from_utf8(line).unwrap_or_default().trim_end();
        let mut words = line.split([' ', ':']);
        match words.next().unwrap_or_default() {
            "DATA" => {
                let (raw, behind) =
                    if rest.starts_with(b".\r\n") { (&b""[..], rest) } else { split(rest, b"\r\n.\r\n", 2) };
                assert!(is_canonical(raw), "a bare CR or LF was written");
                found.push(unstuffed(raw));
                rest = behind.strip_prefix(b".\r\n").unwrap_or_default();
            }
            "BDAT" => {
                let size = words.next().and_then(|size| size.parse().ok()).unwrap_or(usize::MAX);
                let Some((chunk, behind)) = rest.split_at_checked(size) else { panic!("a chunk that is not there") };
                chunks.extend_from_slice(chunk);
                rest = behind;
                if words.next() == Some("LAST") {
                    found.push(std::mem::take(&mut chunks));
                }
            }
            "RSET" => chunks.clear(),
            "EHLO" | "MAIL" | "RCPT" => assert!(chunks.is_empty(), "{line:?} among chunks"),
            _ => panic!("no command of ours: {line:?}"),
        }
    }
    found
}

/// What stands in front of the first `end` with so many octets of it, and what is behind that.
fn split<'a>(octets: &'a [u8], end: &[u8], with: usize) -> (&'a [u8], &'a [u8]) {
    let at = octets.windows(end.len()).position(|window| window == end);
    at.and_then(|at| octets.split_at_checked(at + with)).unwrap_or_else(|| panic!("{end:?} is missing"))
}
