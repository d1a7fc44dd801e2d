//! Version 1: one line of text, `PROXY TCP4 192.0.2.1 198.51.100.2 56324 25` CRLF.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{ProxyError, ProxyHeader, Step};

/// Octets of the shortest line: `PROXY UNKNOWN` CRLF.
pub(super) const SHORTEST: usize = 15;

/// Octets of a PROXY header of version 1 with its CRLF; the protocol's own figure.
const LONGEST: usize = 107;

pub(super) fn read(input: &[u8]) -> Result<Step, ProxyError> {
    let begin = input.get(..WORD.len()).unwrap_or(input);
    if !WORD.starts_with(begin) {
        return Err(ProxyError::Foreign);
    }
    let line = input.get(..LONGEST).unwrap_or(input);
    // One octet of a line's end alone ends no line, and belongs into none.
    match line.iter().position(|octet| matches!(octet, b'\r' | b'\n')) {
        Some(end) => match (line.get(..end), line.get(end), line.get(end + 1)) {
            (Some(text), Some(b'\r'), Some(b'\n')) => Ok(Step::Whole(end + 2, header(text)?)),
            (_, Some(b'\r'), None) if line.len() < LONGEST => Ok(Step::More(1)),
            _ => Err(ProxyError::Line),
        },
        None if line.len() >= LONGEST => Err(ProxyError::TooLong),
        None => Ok(Step::More(SHORTEST.saturating_sub(line.len()).max(2))),
    }
}

fn header(line: &[u8]) -> Result<ProxyHeader, ProxyError> {
    let line = std::str::from_utf8(line).map_err(|_| ProxyError::Line)?;
    let rest = line.strip_prefix("PROXY ").ok_or(ProxyError::Line)?;
    if rest == "UNKNOWN" || rest.starts_with("UNKNOWN ") {
        // Whatever follows is to be ignored.
        return Ok(ProxyHeader::default());
    }
    let mut words = rest.split(' ');
    let mut word = || words.next().ok_or(ProxyError::Line);
    let family = word()?;
    let address = |text: &str| -> Result<IpAddr, ProxyError> {
        let parsed = match family {
            "TCP4" => text.parse::<Ipv4Addr>().map(IpAddr::V4).ok(),
            "TCP6" => text.parse::<Ipv6Addr>().map(IpAddr::V6).ok(),
            _ => None,
        };
        parsed.ok_or(ProxyError::Line)
    };
    let (client, destination) = (address(word()?)?, address(word()?)?);
    let (client_port, destination_port) = (port(word()?)?, port(word()?)?);
    if words.next().is_some() {
        return Err(ProxyError::Line);
    }
    let endpoints = Some((SocketAddr::new(client, client_port), SocketAddr::new(destination, destination_port)));
    Ok(ProxyHeader { endpoints, ..ProxyHeader::default() })
}

fn port(text: &str) -> Result<u16, ProxyError> {
    let plain = text.bytes().all(|octet| octet.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain).ok_or(ProxyError::Line)
}

const WORD: &[u8] = b"PROXY ";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use super::*;

    #[test]
    fn names_client_and_destination() {
        let line = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\r\nmore";
        let endpoints = Some(("192.0.2.1:56324".parse().unwrap(), "198.51.100.2:25".parse().unwrap()));
        assert_eq!(read(line), Ok(Step::Whole(44, ProxyHeader { endpoints, ..ProxyHeader::default() })));
        let Ok(Step::Whole(_, header)) = read(b"PROXY TCP6 2001:db8::1 ::1 0 65535\r\n") else { panic!() };
        assert_eq!(header.endpoints.unwrap().0.to_string(), "[2001:db8::1]:0");
        for line in [&b"PROXY UNKNOWN\r\n"[..], b"PROXY UNKNOWN ffff:f...f 1 2 3 \xc3\xa9\r\n"] {
            assert_eq!(read(line), Ok(Step::Whole(line.len(), ProxyHeader::default())));
        }
    }

    #[test]
    fn is_strict() {
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(107 - 16));
        assert!(matches!(read(long.as_bytes()), Ok(Step::Whole(107, _))));
        for line in [
            "PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 56324 25 \r\n",
            "PROXY TCP4  192.0.2.1 198.51.100.2 56324 25\r\n",
            "PROXY TCP4 192.0.2.01 198.51.100.2 56324 25\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 056324 25\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 +56324 25\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.2 65536 25\r\n",
            "PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
            "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
            "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY UNKNOWNX\r\n",
            "PROXY \r\n",
            "PROXY UNKNOWN\n",
            "PROXY UNKNOWN\rx",
            "PROXY UNK\nOWN\r\n",
        ] {
            assert_eq!(read(line.as_bytes()), Err(ProxyError::Line), "{line:?}");
        }
        assert_eq!(read(b"PROXY UNKNOWN \xff\r\n"), Err(ProxyError::Line));
        let endless = format!("PROXY UNKNOWN {}", "x".repeat(200));
        assert_eq!(read(endless.as_bytes()), Err(ProxyError::TooLong));
        let late = format!("{}\r\n", &endless[..106]);
        assert_eq!(read(late.as_bytes()), Err(ProxyError::Line));
    }
}
