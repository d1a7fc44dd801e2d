//! PROXY headers that we write ourselves, for a backend that is to learn who the client is.
//!
//! Written from parsed pieces, so nothing a client says can end a header or begin another one.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::v2::{AUTHORITY, OVER_TLS, SIGNATURE, TLS, TLS_CIPHER, TLS_VERSION};
use crate::message::{TlsFacts, canonical};

/// A line of version 1 for a client and the address that it connected to; without them it says that we speak for
/// ourselves.
pub(crate) fn version_1(endpoints: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    let Some((client, destination)) = endpoints.map(alike) else { return b"PROXY UNKNOWN\r\n".to_vec() };
    let family = if client.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (client.ip(), destination.ip());
    format!("PROXY {family} {from} {to} {} {}\r\n", client.port(), destination.port()).into_bytes()
}

/// A header of version 2, with what is known of the client's TLS.
pub(crate) fn version_2(endpoints: Option<(SocketAddr, SocketAddr)>, tls: Option<&TlsFacts>) -> Vec<u8> {
    let Some((client, destination)) = endpoints.map(alike) else {
        return [&SIGNATURE[..], &[0x20, 0x00, 0, 0]].concat();
    };
    let mut body = Vec::new();
    for address in [client.ip(), destination.ip()] {
        match address {
            IpAddr::V4(address) => body.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => body.extend_from_slice(&address.octets()),
        }
    }
    body.extend_from_slice(&client.port().to_be_bytes());
    body.extend_from_slice(&destination.port().to_be_bytes());
    if let Some(tls) = tls {
        if let Some(sni) = &tls.sni {
            push_fact(&mut body, AUTHORITY, sni.as_bytes());
        }
        // Nobody vouches for a client's certificate here, so none was found good: not zero.
        let mut facts = vec![OVER_TLS, 0, 0, 0, 1];
        push_fact(&mut facts, TLS_VERSION, tls.version.as_bytes());
        push_fact(&mut facts, TLS_CIPHER, tls.cipher.as_bytes());
        push_fact(&mut body, TLS, &facts);
    }
    let family = if client.is_ipv4() { 0x11 } else { 0x21 };
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&SIGNATURE[..], &[0x21, family], &length, &body].concat()
}

/// Two addresses of one family, which is the client's: by its address a backend decides, so that is never dressed up.
/// Where it connected to may be of the other family if one proxy told of the client alone: IPv4 can be written as
/// IPv6, and of IPv6 nothing can be said but the port.
fn alike((client, destination): (SocketAddr, SocketAddr)) -> (SocketAddr, SocketAddr) {
    let to = match (client.ip().to_canonical(), destination.ip().to_canonical()) {
        (IpAddr::V6(_), IpAddr::V4(to)) => to.to_ipv6_mapped().into(),
        (IpAddr::V4(_), IpAddr::V6(_)) => Ipv4Addr::UNSPECIFIED.into(),
        (_, to) => to,
    };
    (canonical(client), SocketAddr::new(to, destination.port()))
}

fn push_fact(out: &mut Vec<u8>, kind: u8, value: &[u8]) {
    let value = value.get(..LONGEST).unwrap_or(value);
    out.push(kind);
    out.extend_from_slice(&u16::try_from(value.len()).unwrap_or_default().to_be_bytes());
    out.extend_from_slice(value);
}

/// Octets of one fact: a host name has no more, and the longest of ours holds three of them.
const LONGEST: usize = 1_024;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use super::*;
    use crate::proxy_header::{ProxyHeader, ProxyTls, Step, read};

    fn read_back(header: &[u8]) -> ProxyHeader {
        match read(header).unwrap() {
            Step::Whole(octets, said) => {
                assert_eq!(octets, header.len());
                said
            }
            Step::More(octets) => panic!("{octets} more"),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let tls = TlsFacts {
            version: "TLSv1.3".into(),
            cipher: "TLS13_AES_256_GCM_SHA384".into(),
            group: "X25519".into(),
            sni: Some("mx1.example.org".into()),
            client_hello: None,
            client_certificate: None,
        };
        let said = ProxyTls { version: tls.version.clone(), cipher: tls.cipher.clone() };
        for (client, destination, expected) in [
            ("192.0.2.1:4711", "198.51.100.2:25", ("192.0.2.1:4711", "198.51.100.2:25")),
            ("[2001:db8::1]:4711", "[::1]:25", ("[2001:db8::1]:4711", "[::1]:25")),
            ("[::ffff:192.0.2.1]:4711", "198.51.100.2:25", ("192.0.2.1:4711", "198.51.100.2:25")),
            ("[2001:db8::1]:4711", "192.0.2.2:25", ("[2001:db8::1]:4711", "[::ffff:192.0.2.2]:25")),
            ("192.0.2.1:4711", "[2001:db8::2]:25", ("192.0.2.1:4711", "0.0.0.0:25")),
            ("[::ffff:192.0.2.1]:4711", "[::ffff:192.0.2.2]:25", ("192.0.2.1:4711", "192.0.2.2:25")),
        ] {
            let endpoints = Some((client.parse().unwrap(), destination.parse().unwrap()));
            let expected = Some((expected.0.parse().unwrap(), expected.1.parse().unwrap()));
            let plain = ProxyHeader { endpoints: expected, ..ProxyHeader::default() };
            assert_eq!(read_back(&version_1(endpoints)), plain);
            assert_eq!(read_back(&version_2(endpoints, None)), plain);
            let header = read_back(&version_2(endpoints, Some(&tls)));
            assert_eq!(header, ProxyHeader { authority: tls.sni.clone(), tls: Some(said.clone()), ..plain });
        }
        for header in [version_1(None), version_2(None, Some(&tls))] {
            assert_eq!(read_back(&header), ProxyHeader::default());
        }
    }
}
