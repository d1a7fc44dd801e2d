//! XCLIENT as a server reads it: what a proxy of ours says of its client, decoded and checked.
//!
//! Postfix, `XCLIENT_README`. Strict, for these values decide who a client is: known attributes only, each once, none
//! longer than 255 coded octets, no control character behind the xtext (RFC 3461 §4). Facts may come in several
//! commands ([`XclientRequest::over`]); what is `[UNAVAILABLE]` or `[TEMPUNAVAIL]` is said to be unknown, which
//! takes back what was known.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::CommandError;
use crate::limits;
use crate::request::is_hello_name;
use crate::word_set::Word as _;
use crate::xclient::{XclientName, is_host_name};

/// What one or several XCLIENT commands say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XclientRequest {
    /// Name of the client by reverse DNS.
    pub name: Fact<String>,
    /// Its address.
    pub address: Fact<IpAddr>,
    /// Its port.
    pub port: Fact<u16>,
    /// Whether it speaks ESMTP.
    pub esmtp: Fact<bool>,
    /// What it said in EHLO or HELO: printable text.
    pub helo: Fact<String>,
    /// Who it authenticated as.
    pub login: Fact<String>,
    /// The proxy's address that it connected to.
    pub destination: Fact<IpAddr>,
    /// The proxy's port.
    pub destination_port: Fact<u16>,
}

/// What is said of an attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fact<T> {
    /// Nothing.
    #[default]
    Unsaid,
    /// That it is not known.
    Unknown,
    /// What it is.
    Known(T),
}

impl<T> Fact<T> {
    /// The value, if it is known.
    pub fn known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unsaid | Self::Unknown => None,
        }
    }

    fn over(self, earlier: Self) -> Self {
        if let Self::Unsaid = self { earlier } else { self }
    }

    fn say(&mut self, coded: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<(), CommandError> {
        if !matches!(self, Self::Unsaid) || coded.is_empty() || coded.len() > limits::XCLIENT_VALUE {
            return Err(CommandError::Argument);
        }
        *self = if coded.eq_ignore_ascii_case("[UNAVAILABLE]") || coded.eq_ignore_ascii_case("[TEMPUNAVAIL]") {
            Self::Unknown
        } else {
            let decoded = decode(coded).ok_or(CommandError::Argument)?;
            Self::Known(read(&decoded).ok_or(CommandError::Argument)?)
        };
        Ok(())
    }
}

impl XclientRequest {
    /// Reads what stands behind `XCLIENT`.
    pub(crate) fn parse(argument: &str) -> Result<Self, CommandError> {
        let mut said = Self::default();
        let mut words = argument.split(' ').filter(|word| !word.is_empty()).peekable();
        words.peek().ok_or(CommandError::Argument)?;
        for word in words {
            let (name, value) = word.split_once('=').ok_or(CommandError::Argument)?;
            match XclientName::known(name).ok_or(CommandError::Argument)? {
                XclientName::Name => said.say_name(value),
                XclientName::Addr => said.address.say(value, address),
                XclientName::Port => said.port.say(value, port),
                XclientName::Proto => said.esmtp.say(value, |word| match word {
                    _ if word.eq_ignore_ascii_case("ESMTP") => Some(true),
                    _ if word.eq_ignore_ascii_case("SMTP") => Some(false),
                    _ => None,
                }),
                XclientName::Helo => said.helo.say(value, |text| is_hello_name(text).then(|| text.into())),
                XclientName::Login => said.login.say(value, |text| Some(text.into())),
                XclientName::DestAddr => said.destination.say(value, address),
                XclientName::DestPort => said.destination_port.say(value, port),
            }?;
        }
        Ok(said)
    }

    /// What resolves backwards to something else than a host name has no name: its DNS is the client's, and neither the
    /// proxy's mistake nor a reason to have no mail of it.
    fn say_name(&mut self, coded: &str) -> Result<(), CommandError> {
        self.name.say(coded, |text| Some(text.into()))?;
        if let Fact::Known(name) = &self.name
            && !is_host_name(name)
        {
            self.name = Fact::Unknown;
        }
        Ok(())
    }

    /// All that is said, now and `earlier`.
    #[must_use]
    pub fn over(self, earlier: Self) -> Self {
        Self {
            name: self.name.over(earlier.name),
            address: self.address.over(earlier.address),
            port: self.port.over(earlier.port),
            esmtp: self.esmtp.over(earlier.esmtp),
            helo: self.helo.over(earlier.helo),
            login: self.login.over(earlier.login),
            destination: self.destination.over(earlier.destination),
            destination_port: self.destination_port.over(earlier.destination_port),
        }
    }
}

/// What the reply to EHLO says behind `XCLIENT`.
pub(crate) const ANNOUNCED: &str = "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT";

/// Text behind its xtext; `None` if it is none, or holds what no name of anything holds.
fn decode(coded: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(coded.len());
    let mut rest = coded.bytes();
    while let Some(octet) = rest.next() {
        let octet = if octet == b'+' {
            let mut half = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
            let (high, low) = (half()?, half()?);
            u8::try_from(high << 4 | low).ok()?
        } else {
            octet
        };
        octets.push(octet);
    }
    String::from_utf8(octets).ok().filter(|text| !text.is_empty() && !text.chars().any(char::is_control))
}

/// `192.0.2.1` or `IPV6:2001:db8::1`.
fn address(text: &str) -> Option<IpAddr> {
    match text.split_at_checked("IPV6:".len()) {
        Some((tag, rest)) if tag.eq_ignore_ascii_case("IPV6:") => rest.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

fn port(text: &str) -> Option<u16> {
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A test may fail by panicking.
    use super::*;
    use crate::attributes::XclientValue;
    use crate::xclient::{XclientAttributes, xclient_commands};
    use alloc::format;

    #[test]
    fn reads_every_attribute() {
        let text = "name=mx.example addr=IPV6:2001:db8::1 Port=4711 PROTO=esmtp HELO=my+20pc LOGIN=a+20b@c+C3+A9  \
                    DESTADDR=192.0.2.25 DESTPORT=25";
        let expected = XclientRequest {
            name: Fact::Known("mx.example".into()),
            address: Fact::Known("2001:db8::1".parse().unwrap()),
            port: Fact::Known(4711),
            esmtp: Fact::Known(true),
            helo: Fact::Known("my pc".into()),
            login: Fact::Known("a b@c\u{e9}".into()),
            destination: Fact::Known("192.0.2.25".parse().unwrap()),
            destination_port: Fact::Known(25),
        };
        assert_eq!(XclientRequest::parse(text), Ok(expected));
    }

    #[test]
    fn what_is_unknown_takes_back_what_was_known() {
        let earlier = XclientRequest::parse("NAME=a PORT=1").unwrap();
        let later = XclientRequest::parse("NAME=[UNAVAILABLE] HELO=[tempunavail] ADDR=192.0.2.1").unwrap();
        let both = later.over(earlier);
        assert_eq!((both.name, both.port, both.helo), (Fact::Unknown, Fact::Known(1), Fact::Unknown));
        assert_eq!(both.address.known(), "192.0.2.1".parse().ok());
        assert_eq!(both.login, Fact::Unsaid);
    }

    #[test]
    fn what_is_no_host_name_is_no_name() {
        let label = "l".repeat(64);
        for name in
            ["+C3+A9", "a..b", ".a", "-a.example", "a-.example", "a+20b", "x+3Dy", "a.", "192.0.2.1", "+5Ba", &label]
        {
            let said = XclientRequest::parse(&format!("NAME={name} ADDR=192.0.2.1"));
            assert_eq!(said.map(|said| said.name), Ok(Fact::Unknown), "{name}");
        }
        for name in ["mx.example", "_dmarc.x-1.example", "1.2.3.4.dyn.example", "3com"] {
            let said = XclientRequest::parse(&format!("NAME={name}"));
            assert_eq!(said.map(|said| said.name), Ok(Fact::Known(name.into())), "{name}");
        }
    }

    #[test]
    fn is_strict() {
        let long = format!("HELO={}", "h".repeat(256));
        for text in [
            "",
            " ",
            "ADDR",
            "ADDR=",
            "ADDR=2001:db8::1",
            "ADDR=IPV6:192.0.2.1",
            "ADDR=192.0.2.1.",
            "ADDR=host",
            "ADDR=192.0.2.1 ADDR=192.0.2.2",
            "PORT=+1",
            "PORT=65536",
            "PORT=-1",
            "PROTO=LMTP",
            "WHAT=1",
            "HELO=b+C3+BCro",
            "HELO=a+0D",
            "LOGIN=+0d+0a",
            "LOGIN=+00",
            "LOGIN=+FF",
            "LOGIN=+",
            "LOGIN=+4",
            "LOGIN=+GG",
            "NAME=+C3",
            "NAME=a NAME=b",
            &long,
        ] {
            assert_eq!(XclientRequest::parse(text), Err(CommandError::Argument), "{text}");
        }
    }

    #[test]
    fn reads_what_the_client_role_writes() {
        let all = XclientName::ALL.iter().copied().fold(XclientAttributes::default(), XclientAttributes::with);
        let values = [
            (XclientName::Name, "mx.example"),
            (XclientName::Addr, "IPV6:2001:db8::1"),
            (XclientName::Port, "9"),
            (XclientName::Proto, "SMTP"),
            (XclientName::Helo, "[192.0.2.1]"),
            (XclientName::Login, "\u{fc} +2B"),
            (XclientName::DestAddr, "198.51.100.2"),
            (XclientName::DestPort, "25"),
        ];
        let attributes = values.map(|(name, value)| (name, XclientValue::Known(value)));
        let mut read = XclientRequest::default();
        for command in xclient_commands(all, &attributes) {
            let crate::command::Command::Xclient(line) = command else { panic!() };
            read = XclientRequest::parse(line.as_str()).unwrap().over(read);
        }
        assert_eq!(read.name.known().as_deref(), Some("mx.example"));
        assert_eq!(read.login.known().as_deref(), Some("\u{fc} +2B"));
        assert_eq!(read.helo.known().as_deref(), Some("[192.0.2.1]"));
        assert_eq!(
            (read.esmtp, read.port, read.destination_port),
            (Fact::Known(false), Fact::Known(9), Fact::Known(25))
        );
    }
}
