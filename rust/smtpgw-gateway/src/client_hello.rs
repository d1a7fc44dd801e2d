//! What a client says of itself in its ClientHello (RFC 8446 §4.1.2), read before rustls judges it, so that it is
//! known also of a handshake that fails.
//!
//! Without I/O: octets in, in any pieces; at most one [`ClientHello`] out. It only looks: what it cannot read it says,
//! and rustls decides on everything that is TLS at all. Bounded by [`MESSAGE`].
//!
//! The fingerprint is JA4, the client's part, as its authors publish it (FoxIO, "JA4: TLS Client Fingerprinting"): `t`,
//! the highest version, `d` or `i` (with or without a name), the numbers of cipher suites and extensions, the ends of
//! the first ALPN name; the sorted suites, hashed; the sorted extensions and the signature algorithms, hashed. Reserved
//! values (GREASE, RFC 8701) count nowhere.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::record::hex;

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClientHello {
    /// Highest first as the client lists them; from the old field where there is no list (RFC 8446 §4.2.1).
    pub versions: Vec<String>,
    /// The name it asks for, as far as it is printable.
    pub sni: Option<String>,
    /// Key exchange groups by their IANA names; unknown ones as numbers.
    pub groups: Vec<String>,
    /// Application protocols.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alpn: Vec<String>,
    /// JA4.
    pub fingerprint: String,
}

/// Why there is no ClientHello in what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoHello {
    #[error("this is no TLS")]
    NotTls,
    /// The format of before 1996, which some clients that know nothing newer than TLS 1.0 still begin with.
    #[error("an SSL 2.0 hello")]
    Ssl2,
    #[error("TLS does not begin with a ClientHello")]
    Other,
    #[error("a ClientHello beyond {MESSAGE} octets")]
    TooLong,
    /// TLS, but not to be understood here: left to rustls.
    #[error("a malformed ClientHello")]
    Malformed,
}

/// Takes octets until it knows.
#[derive(Debug)]
pub(crate) struct Reader {
    state: State,
    /// Octets of the record header so far.
    header: Vec<u8>,
    /// The handshake message, freed of its records.
    message: Vec<u8>,
}

#[derive(Debug)]
enum State {
    Header,
    Fragment(usize),
    Done(Result<Box<ClientHello>, NoHello>),
}

impl Reader {
    pub(crate) const fn new() -> Self {
        Self { state: State::Header, header: Vec::new(), message: Vec::new() }
    }

    /// Reads on. What follows the ClientHello is not looked at.
    pub(crate) fn read(&mut self, mut octets: &[u8]) {
        loop {
            match self.state {
                State::Header => {
                    let Some((first, rest)) = octets.split_first() else { return };
                    octets = rest;
                    self.header.push(*first);
                    if let Some(state) = record(&self.header) {
                        self.header.clear();
                        self.state = state;
                    }
                }
                State::Fragment(left) => {
                    let (now, rest) = octets.split_at(left.min(octets.len()));
                    octets = rest;
                    self.message.extend_from_slice(now);
                    self.state = match self.message() {
                        Some(result) => State::Done(result.map(Box::new)),
                        None if now.len() == left => State::Header,
                        None => State::Fragment(left - now.len()),
                    };
                    if octets.is_empty() {
                        return;
                    }
                }
                State::Done(_) => return,
            }
        }
    }

    /// The outcome, once there is one.
    pub(crate) fn outcome(&self) -> Option<Result<&ClientHello, NoHello>> {
        match &self.state {
            State::Done(Ok(hello)) => Some(Ok(hello)),
            State::Done(Err(why)) => Some(Err(*why)),
            _ => None,
        }
    }

    fn message(&self) -> Option<Result<ClientHello, NoHello>> {
        let (&kind, rest) = self.message.split_first()?;
        if kind != CLIENT_HELLO {
            return Some(Err(NoHello::Other));
        }
        let (length, body) = rest.split_first_chunk::<3>()?;
        let length = usize::from(length[0]) << 16 | usize::from(length[1]) << 8 | usize::from(length[2]);
        if length > MESSAGE {
            return Some(Err(NoHello::TooLong));
        }
        let body = body.get(..length)?;
        Some(parse(Cursor(body)).ok_or(NoHello::Malformed))
    }
}

/// What a record header says, once that is clear (RFC 8446 §5.1).
fn record(header: &[u8]) -> Option<State> {
    let refused = |why| Some(State::Done(Err(why)));
    match *header {
        [HANDSHAKE] | [HANDSHAKE, 3] | [HANDSHAKE, 3, _] | [HANDSHAKE, 3, _, _] => None,
        [HANDSHAKE, 3, _, high, low] => match usize::from(u16::from_be_bytes([high, low])) {
            length @ 1..=RECORD => Some(State::Fragment(length)),
            _ => refused(NoHello::NotTls),
        },
        [first] | [first, _] if first & 0x80 != 0 => None,
        [first, _, CLIENT_HELLO] if first & 0x80 != 0 => refused(NoHello::Ssl2),
        _ => refused(NoHello::NotTls),
    }
}

/// Octets of the message, from the front.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).and_then(|octets| octets.first().copied())
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// A vector whose length takes one octet.
    fn short(&mut self) -> Option<Self> {
        let length = self.u8()?;
        self.take(length.into()).map(Self)
    }

    /// A vector whose length takes two octets.
    fn long(&mut self) -> Option<Self> {
        let length = self.u16()?;
        self.take(length.into()).map(Self)
    }

    /// All of it as numbers.
    fn numbers(self) -> Option<Vec<u16>> {
        let pairs = self.0.chunks_exact(2);
        pairs.remainder().is_empty().then(|| pairs.filter_map(|pair| Cursor(pair).u16()).collect())
    }
}

fn parse(mut body: Cursor<'_>) -> Option<ClientHello> {
    let legacy_version = body.u16()?;
    body.take(RANDOM)?;
    body.short()?;
    let suites = body.long()?.numbers()?;
    body.short()?;
    let mut extensions = if body.0.is_empty() { Cursor(&[]) } else { body.long()? };
    let mut kinds = Vec::new();
    let (mut versions, mut groups, mut algorithms) = (Vec::new(), Vec::new(), Vec::new());
    let (mut name, mut protocols) = (None, Vec::new());
    while !extensions.0.is_empty() {
        let kind = extensions.u16()?;
        let mut data = extensions.long()?;
        kinds.push(kind);
        match kind {
            SERVER_NAME => {
                let mut names = data.long()?;
                if names.u8()? == 0 {
                    name = Some(printable(names.long()?.0));
                }
            }
            SUPPORTED_GROUPS => groups = data.long()?.numbers()?,
            SIGNATURE_ALGORITHMS => algorithms = data.long()?.numbers()?,
            ALPN => {
                let mut list = data.long()?;
                while !list.0.is_empty() {
                    protocols.push(list.short()?.0);
                }
            }
            SUPPORTED_VERSIONS => versions = data.short()?.numbers()?,
            _ => {}
        }
    }
    if versions.is_empty() {
        versions.push(legacy_version);
    }
    versions.retain(|version| !is_grease(*version));
    let fingerprint = fingerprint(&versions, &suites, &kinds, &algorithms, protocols.first().copied());
    groups.retain(|group| !is_grease(*group));
    Some(ClientHello {
        versions: versions.into_iter().take(LISTED).map(version_name).collect(),
        sni: name,
        groups: groups.into_iter().take(LISTED).map(group_name).collect(),
        alpn: protocols.into_iter().take(LISTED).map(printable).collect(),
        fingerprint,
    })
}

fn fingerprint(versions: &[u16], suites: &[u16], kinds: &[u16], algorithms: &[u16], protocol: Option<&[u8]>) -> String {
    let version = match versions.iter().max() {
        Some(0x0304) => "13",
        Some(0x0303) => "12",
        Some(0x0302) => "11",
        Some(0x0301) => "10",
        Some(0x0300) => "s3",
        _ => "00",
    };
    let real = |values: &[u16]| values.iter().copied().filter(|value| !is_grease(*value)).collect::<Vec<_>>();
    let (mut suites, mut kinds) = (real(suites), real(kinds));
    let name = if kinds.contains(&SERVER_NAME) { 'd' } else { 'i' };
    let (suite_count, kind_count) = (suites.len().min(99), kinds.len().min(99));
    suites.sort_unstable();
    kinds.retain(|kind| ![SERVER_NAME, ALPN].contains(kind));
    kinds.sort_unstable();
    let mut last = listed(&kinds);
    if !algorithms.is_empty() {
        last.push('_');
        last.push_str(&listed(&real(algorithms)));
    }
    let hashed = |empty: bool, text: &str| {
        if empty { "0".repeat(12) } else { hex(Sha256::digest(text).get(..6).unwrap_or_default()) }
    };
    let ends = protocol_ends(protocol.unwrap_or_default());
    let suites_hash = hashed(suites.is_empty(), &listed(&suites));
    let kinds_hash = hashed(kinds.is_empty(), &last);
    format!("t{version}{name}{suite_count:02}{kind_count:02}{ends}_{suites_hash}_{kinds_hash}")
}

/// First and last character of a protocol's name; of its hexadecimal form where they are not alphanumeric.
fn protocol_ends(name: &[u8]) -> String {
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return "00".into() };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)].into_iter().collect();
    }
    let all = hex(name);
    all.chars().next().into_iter().chain(all.chars().last()).collect()
}

fn listed(values: &[u16]) -> String {
    let mut text = String::with_capacity(5 * values.len());
    for value in values {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&hex(&value.to_be_bytes()));
    }
    text
}

/// RFC 8701 §2: both octets alike, and of the form `?a`.
const fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

/// A client's text as it may stand in a record.
fn printable(octets: &[u8]) -> String {
    let text = octets.iter().take(NAME);
    text.map(|octet| if octet.is_ascii_graphic() { char::from(*octet) } else { '?' }).collect()
}

fn version_name(version: u16) -> String {
    match version {
        0x0304 => "TLSv1.3".into(),
        0x0303 => "TLSv1.2".into(),
        0x0302 => "TLSv1.1".into(),
        0x0301 => "TLSv1.0".into(),
        0x0300 => "SSLv3".into(),
        other => format!("0x{other:04x}"),
    }
}

fn group_name(group: u16) -> String {
    match group {
        0x0017 => "secp256r1".into(),
        0x0018 => "secp384r1".into(),
        0x0019 => "secp521r1".into(),
        0x001d => "x25519".into(),
        0x001e => "x448".into(),
        0x0100 => "ffdhe2048".into(),
        0x0101 => "ffdhe3072".into(),
        0x11eb => "SecP256r1MLKEM768".into(),
        0x11ec => "X25519MLKEM768".into(),
        0x11ed => "SecP384r1MLKEM1024".into(),
        other => format!("0x{other:04x}"),
    }
}

/// Octets of a ClientHello that are looked at. Those of today, with a post-quantum key share, have two thousand.
const MESSAGE: usize = 16 << 10;
/// RFC 8446 §5.1.
const RECORD: usize = 1 << 14;
/// Values of each list that go into a record; clients of today have a dozen.
const LISTED: usize = 32;
/// Characters of a name in a record; a host name has no more.
const NAME: usize = 255;
const RANDOM: usize = 32;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;

#[cfg(test)]
#[path = "client_hello_tests.rs"]
mod tests;
