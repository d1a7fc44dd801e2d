//! The PROXY protocol, versions 1 and 2, without I/O: what a proxy in front of us says of its client.
//!
//! HAProxy's `proxy-protocol.txt` (2.2 for version 1, 2.3 for version 2). The header comes before everything else, so
//! what stands behind it belongs to somebody who may not have it in his hands yet (a TLS handshake). That is why
//! [`read`] says how many octets are certainly still the header's: who never reads more than that never reads too
//! much. It looks at the whole input anew each time, which is short: a header has a limit.
//!
//! Strict: one blank between words, no leading zeros, no other transport than a byte stream, lengths that add up, a
//! checksum that fits. A header that is none ends the connection, for whoever sent it is not the proxy that we were
//! told of, or speaks a dialect that we would misread. What the header does not say of the client is not invented:
//! `LOCAL` and `UNKNOWN` mean that the proxy speaks for itself.

mod v1;
mod v2;
mod write;

use std::net::SocketAddr;

pub(crate) use self::write::{version_1, version_2};

/// What a header says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProxyHeader {
    /// Client and the address that it connected to; `None` if the proxy speaks for itself.
    pub(crate) endpoints: Option<(SocketAddr, SocketAddr)>,
    /// The host name that the client asked for (SNI).
    pub(crate) authority: Option<String>,
    /// The TLS between client and proxy.
    pub(crate) tls: Option<ProxyTls>,
}

/// What a header says of the TLS that the proxy ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProxyTls {
    /// `TLSv1.3`; empty if the proxy does not say.
    pub(crate) version: String,
    /// The proxy's name for the cipher suite; empty if it does not say.
    pub(crate) cipher: String,
}

/// How far the header has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// At least so many octets more belong to it.
    More(usize),
    /// It is complete, and was so many octets long.
    Whole(usize, ProxyHeader),
}

/// Why a header is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProxyError {
    #[error("no PROXY header")]
    Foreign,
    #[error("the PROXY line is malformed")]
    Line,
    #[error("the PROXY header has an unknown version or command")]
    Version,
    #[error("the PROXY header names another transport than a byte stream")]
    Transport,
    #[error("the PROXY header is too long")]
    TooLong,
    #[error("the PROXY header's lengths do not add up")]
    Length,
    #[error("the PROXY header's checksum is wrong")]
    Checksum,
}

/// Looks at everything that has been read so far.
pub(crate) fn read(input: &[u8]) -> Result<Step, ProxyError> {
    match input.first() {
        // Both versions have this many at least.
        None => Ok(Step::More(v1::SHORTEST)),
        Some(b'P') => v1::read(input),
        Some(b'\r') => v2::read(input),
        Some(_) => Err(ProxyError::Foreign),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use proptest::prelude::*;

    use super::*;

    /// Reads as a connection does: never more than what certainly belongs to the header, in pieces of `piece` octets.
    fn in_pieces(stream: &[u8], piece: usize) -> Option<Result<(usize, ProxyHeader), ProxyError>> {
        let mut have = 0;
        loop {
            match read(&stream[..have]) {
                Ok(Step::Whole(octets, header)) => {
                    assert_eq!(octets, have, "read too much");
                    return Some(Ok((octets, header)));
                }
                Ok(Step::More(octets)) => {
                    assert!(octets > 0);
                    if have == stream.len() {
                        return None;
                    }
                    have += octets.min(piece).min(stream.len() - have);
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }

    fn whole(stream: &[u8]) -> Option<Result<(usize, ProxyHeader), ProxyError>> {
        match read(stream) {
            Ok(Step::Whole(octets, header)) => Some(Ok((octets, header))),
            Ok(Step::More(_)) => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn seeds() -> Vec<Vec<u8>> {
        let mut seeds: Vec<Vec<u8>> = [
            &b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\r\nEHLO x\r\n"[..],
            b"PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n",
            b"PROXY UNKNOWN\r\n220 ",
            b"PROXY UNKNOWN whatever it says\r\n",
        ]
        .map(<[u8]>::to_vec)
        .to_vec();
        seeds.extend(v2::tests::seeds());
        seeds
    }

    #[test]
    fn whole_equals_any_chunking_and_nothing_behind_it_is_read() {
        for seed in seeds() {
            let expected = whole(&seed);
            assert!(matches!(expected, Some(Ok(_))), "{seed:?}: {expected:?}");
            for piece in 1..=seed.len() {
                assert_eq!(in_pieces(&seed, piece), expected, "{seed:?} by {piece}");
            }
        }
    }

    #[test]
    fn other_protocols_are_known_by_their_first_octets() {
        for stream in
            [&b"EHLO x\r\n"[..], b"\x16\x03\x01", b"GET / HTTP/1.1", b"PROXX", b"\r\n\r\n\0\r\nQUIX", b"\r\nx"]
        {
            assert_eq!(whole(stream), Some(Err(ProxyError::Foreign)), "{stream:?}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_read_alike_in_any_pieces(
            pick in 0..usize::MAX,
            changes in proptest::collection::vec((0..usize::MAX, any::<u8>()), 0..4),
            cut in 0..usize::MAX,
            piece in 1..40_usize,
        ) {
            let seeds = seeds();
            let mut stream = seeds[pick % seeds.len()].clone();
            for (at, octet) in changes {
                let at = at % stream.len();
                stream[at] = octet;
            }
            stream.truncate(cut % (stream.len() + 1));
            let (pieces, once) = (in_pieces(&stream, piece), whole(&stream));
            prop_assert_eq!(pieces, once);
        }

        #[test]
        fn junk_never_panics(stream in proptest::collection::vec(any::<u8>(), 0..300), piece in 1..40_usize) {
            prop_assert_eq!(in_pieces(&stream, piece), whole(&stream));
        }
    }
}
