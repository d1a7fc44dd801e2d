//! Version 2: sixteen octets that say how many more follow, the addresses, then facts as type, length, value.
//!
//! Of the facts we keep the host name that the client asked for and the TLS that the proxy ended; others are stepped
//! over, but their lengths must add up, and a checksum (CRC32C) must fit.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{ProxyError, ProxyHeader, ProxyTls, Step};

/// What no other protocol begins with.
pub(super) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Octets before the addresses.
pub(super) const FIXED: usize = 16;

/// Octets of a whole header. The protocol allows 64 KiB and asks that a header fit one segment; proxies that carry
/// a dozen facts stay far below this.
const LONGEST: usize = 4 << 10;

/// Facts: the host name asked for, the checksum, TLS, and within it the version and the cipher suite.
pub(super) const AUTHORITY: u8 = 0x02;
const CHECKSUM: u8 = 0x03;
pub(super) const TLS: u8 = 0x20;
pub(super) const TLS_VERSION: u8 = 0x21;
pub(super) const TLS_CIPHER: u8 = 0x23;

/// In the first octet of the TLS fact: the client came over TLS.
pub(super) const OVER_TLS: u8 = 0x01;

pub(super) fn read(input: &[u8]) -> Result<Step, ProxyError> {
    let begin = input.get(..SIGNATURE.len()).unwrap_or(input);
    if !SIGNATURE.starts_with(begin) {
        return Err(ProxyError::Foreign);
    }
    let Some(([.., command, transport, high, low], _)) = input.split_first_chunk::<FIXED>() else {
        // Beginnings of both versions are this long, so that not one octet too many is read.
        return Ok(Step::More(FIXED - input.len()));
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let proxied = match command {
        0x20 => false,
        0x21 => true,
        _ => return Err(ProxyError::Version),
    };
    let whole = FIXED + length;
    if whole > LONGEST {
        return Err(ProxyError::TooLong);
    }
    let Some(header) = input.get(..whole) else { return Ok(Step::More(whole - input.len())) };
    let body = header.get(FIXED..).unwrap_or_default();
    // What a proxy sends for itself is to be skipped unread.
    let said = if proxied { facts(header, *transport, body)? } else { ProxyHeader::default() };
    Ok(Step::Whole(whole, said))
}

fn facts(header: &[u8], transport: u8, body: &[u8]) -> Result<ProxyHeader, ProxyError> {
    let mut rest = Octets(body);
    let endpoints = match transport {
        0x11 => {
            let (client, destination) = (Ipv4Addr::from(rest.take::<4>()?), Ipv4Addr::from(rest.take::<4>()?));
            Some(rest.ports(client.into(), destination.into())?)
        }
        0x21 => {
            let (client, destination) = (Ipv6Addr::from(rest.take::<16>()?), Ipv6Addr::from(rest.take::<16>()?));
            Some(rest.ports(client.into(), destination.into())?)
        }
        // A local socket has no address that means anything here; and neither has what is not said.
        0x31 => {
            rest.take::<216>()?;
            None
        }
        0x00 => None,
        _ => return Err(ProxyError::Transport),
    };
    let mut said = ProxyHeader { endpoints, ..ProxyHeader::default() };
    if transport == 0x00 {
        return Ok(said);
    }
    while let Some((kind, value)) = rest.fact()? {
        match kind {
            AUTHORITY => said.authority = Some(text(value)),
            CHECKSUM => check(header, value)?,
            TLS => said.tls = tls(value)?,
            _ => {}
        }
    }
    Ok(said)
}

fn tls(value: &[u8]) -> Result<Option<ProxyTls>, ProxyError> {
    let mut rest = Octets(value);
    let [client] = rest.take::<1>()?;
    // Whether a certificate of the client was found good: nothing that we act on.
    rest.take::<4>()?;
    let mut said = ProxyTls::default();
    while let Some((kind, value)) = rest.fact()? {
        match kind {
            TLS_VERSION => said.version = text(value),
            TLS_CIPHER => said.cipher = text(value),
            _ => {}
        }
    }
    Ok((client & OVER_TLS != 0).then_some(said))
}

/// The checksum is over the whole header with its own four octets as zeros.
fn check(header: &[u8], value: &[u8]) -> Result<(), ProxyError> {
    let expected = <[u8; 4]>::try_from(value).map_err(|_| ProxyError::Length)?;
    let at = (value.as_ptr() as usize).wrapping_sub(header.as_ptr() as usize);
    let octets = header.iter().enumerate().map(|(place, octet)| if (at..at + 4).contains(&place) { 0 } else { *octet });
    if crc32c(octets) == u32::from_be_bytes(expected) { Ok(()) } else { Err(ProxyError::Checksum) }
}

/// RFC 3720 §12.1, bit by bit: a header is short, and few proxies send a checksum.
fn crc32c(octets: impl Iterator<Item = u8>) -> u32 {
    !octets.fold(u32::MAX, |crc, octet| {
        (0..8).fold(crc ^ u32::from(octet), |crc, _| (crc >> 1) ^ (0x82f6_3b78 * (crc & 1)))
    })
}

/// Text of a proxy's, bounded and without what a log or a header field could stumble over.
fn text(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    text.chars().take(TEXT).map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

/// Letters of one text: as many as a host name has.
const TEXT: usize = 255;

/// What has not been taken apart yet.
struct Octets<'b>(&'b [u8]);

impl<'b> Octets<'b> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], ProxyError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(ProxyError::Length)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn ports(&mut self, client: IpAddr, destination: IpAddr) -> Result<(SocketAddr, SocketAddr), ProxyError> {
        let client = SocketAddr::new(client, u16::from_be_bytes(self.take::<2>()?));
        Ok((client, SocketAddr::new(destination, u16::from_be_bytes(self.take::<2>()?))))
    }

    /// The next type, length and value; `None` at the end.
    fn fact(&mut self) -> Result<Option<(u8, &'b [u8])>, ProxyError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let [kind, high, low] = self.take::<3>()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (value, rest) = self.0.split_at_checked(length).ok_or(ProxyError::Length)?;
        self.0 = rest;
        Ok(Some((kind, value)))
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use super::*;

    fn header(command: u8, transport: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, transport], &length, body].concat()
    }

    fn fact(kind: u8, value: &[u8]) -> Vec<u8> {
        [&[kind][..], &u16::try_from(value.len()).unwrap().to_be_bytes(), value].concat()
    }

    const INET: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 4, 0, 25];

    fn tls_fact(client: u8) -> Vec<u8> {
        let inner = [fact(TLS_VERSION, b"TLSv1.3"), fact(0x22, b"cn"), fact(TLS_CIPHER, b"TLS_AES_256_GCM_SHA384")];
        fact(TLS, &[&[client, 0, 0, 0, 1][..], &inner.concat()].concat())
    }

    pub(in super::super) fn seeds() -> Vec<Vec<u8>> {
        let facts = [&INET[..], &fact(AUTHORITY, b"mx1.example.org"), &fact(4, b""), &tls_fact(1)].concat();
        let mut summed = header(0x21, 0x11, &[&facts[..], &fact(CHECKSUM, &[0; 4])].concat());
        let end = summed.len();
        let sum = crc32c(summed.iter().copied()).to_be_bytes();
        summed[end - 4..].copy_from_slice(&sum);
        let mut inet6 = [0; 36];
        inet6[..2].copy_from_slice(&[0x20, 1]);
        let plain = [header(0x21, 0x11, &INET), b"EHLO x\r\n".to_vec()].concat();
        vec![
            plain,
            header(0x21, 0x11, &facts),
            summed,
            header(0x21, 0x21, &inet6),
            header(0x20, 0x00, b""),
            header(0x20, 0x11, &facts),
            header(0x21, 0x31, &[0; 216]),
            header(0x21, 0x00, b"whatever"),
        ]
    }

    fn said(stream: &[u8]) -> Result<ProxyHeader, ProxyError> {
        match read(stream)? {
            Step::Whole(octets, header) => {
                assert_eq!(octets, stream.len());
                Ok(header)
            }
            Step::More(octets) => panic!("{octets} more"),
        }
    }

    #[test]
    fn carries_addresses_and_facts() {
        let facts = [&INET[..], &fact(AUTHORITY, b"mx1\r\n.example"), &fact(0xee, b"?"), &tls_fact(1)].concat();
        let header_ = said(&header(0x21, 0x11, &facts)).unwrap();
        let endpoints = Some(("192.0.2.1:56324".parse().unwrap(), "198.51.100.2:25".parse().unwrap()));
        let tls = Some(ProxyTls { version: "TLSv1.3".into(), cipher: "TLS_AES_256_GCM_SHA384".into() });
        assert_eq!(header_, ProxyHeader { endpoints, authority: Some("mx1??.example".into()), tls });
        // The fact says that there was no TLS.
        assert_eq!(said(&header(0x21, 0x11, &[&INET[..], &tls_fact(0)].concat())).unwrap().tls, None);
        for (command, transport, body) in [(0x20, 0x11, &facts[..]), (0x20, 0xff, b"x"), (0x21, 0x00, b"junk")] {
            assert_eq!(said(&header(command, transport, body)), Ok(ProxyHeader::default()));
        }
    }

    #[test]
    fn is_strict() {
        let cases: Vec<(Vec<u8>, ProxyError)> = vec![
            (header(0x11, 0x11, &INET), ProxyError::Version),
            (header(0x22, 0x11, &INET), ProxyError::Version),
            (header(0x21, 0x12, &INET), ProxyError::Transport),
            (header(0x21, 0x41, &INET), ProxyError::Transport),
            (header(0x21, 0x11, &INET[..11]), ProxyError::Length),
            (header(0x21, 0x21, &INET), ProxyError::Length),
            (header(0x21, 0x11, &[&INET[..], &[4]].concat()), ProxyError::Length),
            (header(0x21, 0x11, &[&INET[..], &[4, 0, 9, 1]].concat()), ProxyError::Length),
            (header(0x21, 0x11, &[&INET[..], &fact(TLS, &[1, 0, 0, 0])].concat()), ProxyError::Length),
            (header(0x21, 0x11, &[&INET[..], &fact(CHECKSUM, &[0; 3])].concat()), ProxyError::Length),
            (header(0x21, 0x11, &[&INET[..], &fact(CHECKSUM, &[0; 4])].concat()), ProxyError::Checksum),
            (header(0x21, 0x11, &[0; 4081]), ProxyError::TooLong),
        ];
        for (stream, error) in cases {
            assert_eq!(read(&stream), Err(error), "{stream:?}");
        }
    }

    #[test]
    fn the_checksum_is_crc32c() {
        assert_eq!(crc32c(b"123456789".iter().copied()), 0xe306_9283);
        let summed = seeds().remove(2);
        assert!(said(&summed).is_ok());
        for at in [14, 20, summed.len() - 1] {
            let mut changed = summed.clone();
            changed[at] ^= 1;
            assert!(read(&changed).is_err() || matches!(read(&changed), Ok(Step::More(_))), "{at}");
        }
    }
}
