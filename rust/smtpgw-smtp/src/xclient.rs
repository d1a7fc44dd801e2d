//! XCLIENT towards the backend: the attributes, their xtext coding, and commands of at most 512 octets.
//!
//! Postfix, `XCLIENT_README`: `XCLIENT 1*( SP name "=" value )`, values in xtext (RFC 3461 §4), the server names
//! in its EHLO reply which attributes it takes, answers 220 and forgets the session, so EHLO must follow. Values
//! come from a stranger (its HELO name, its reverse DNS), so every octet that is not plain is coded.
//!
//! Two facts about Postfix rule the order. Once ADDR has been taken, further XCLIENT commands come from a stranger
//! and are refused: ADDR stands in the last. And what the last command does not repeat of LOGIN, HELO and PROTO is
//! reset: LOGIN stands beside ADDR, the other two as near as they fit. The EHLO that follows overrides HELO, so it
//! should carry the name that the client gave.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use crate::attributes::{self, Fullest, XclientValue};
use crate::command::Command;
use crate::word_set::{Word, WordSet};

/// The attributes of XCLIENT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum XclientName {
    /// Host name of the client by reverse DNS.
    Name,
    /// Its address; [`xclient_address`] writes it.
    Addr,
    /// Its port.
    Port,
    /// `SMTP` or `ESMTP`.
    Proto,
    /// What it said in EHLO or HELO.
    Helo,
    /// Who it authenticated as.
    Login,
    /// Our address that it connected to.
    DestAddr,
    /// Our port.
    DestPort,
}

impl Word for XclientName {
    /// In the order in which they are sent: what must be in the last command comes last.
    const ALL: &'static [Self] =
        &[Self::DestPort, Self::DestAddr, Self::Port, Self::Helo, Self::Proto, Self::Name, Self::Login, Self::Addr];

    fn as_str(self) -> &'static str {
        match self {
            Self::Name => "NAME",
            Self::Addr => "ADDR",
            Self::Port => "PORT",
            Self::Proto => "PROTO",
            Self::Helo => "HELO",
            Self::Login => "LOGIN",
            Self::DestAddr => "DESTADDR",
            Self::DestPort => "DESTPORT",
        }
    }
}

/// A set of attributes: those that a server takes.
pub type XclientAttributes = WordSet<XclientName>;

/// The commands that carry `attributes`, as many as are needed to keep each within 512 octets; each waits for the
/// reply to the one before it. The order of `attributes` does not matter; given twice, the first one counts.
///
/// Attributes that `offered` does not contain are left out: Postfix answers 501 to them. A value that is empty or
/// coded in more than 255 octets, or a name that is no host name, is sent as `[UNAVAILABLE]`, again because of a 501;
/// half a value would be a false one.
pub fn xclient_commands(offered: XclientAttributes, attributes: &[(XclientName, XclientValue<'_>)]) -> Vec<Command> {
    let given = |name: &XclientName| {
        let (_, value) = attributes.iter().find(|(given, _)| given == name)?;
        let value = match *value {
            XclientValue::Known(text) if *name == XclientName::Name && !is_host_name(text) => XclientValue::Unavailable,
            value => value,
        };
        Some((name.as_str(), value))
    };
    let pieces = XclientName::ALL.iter().filter(|name| offered.contains(**name)).filter_map(given);
    let lines = attributes::lines("XCLIENT", pieces, Fullest::Last);
    lines.into_iter().map(|line| Command::Xclient(XclientLine(line))).collect()
}

/// What stands behind `XCLIENT` on one line; made by [`xclient_commands`] only, so it is always well formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XclientLine(String);

impl XclientLine {
    /// ` NAME=value ADDR=value …`, with the blank in front.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An address as XCLIENT wants it: `192.0.2.1`, `IPV6:2001:db8::1`; an IPv4 address in IPv6 clothes is undressed.
pub fn xclient_address(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => alloc::format!("{v4}"),
        IpAddr::V6(v6) => alloc::format!("IPV6:{v6}"),
    }
}

/// RFC 1123 §2.1, with the underscores that names in the world have: labels of letters, digits and dashes, no dash in
/// front or at the end, at most 63 octets each and 255 in all, and not digits alone, which would be an address.
pub(crate) fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(plain) && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 255
        && text.split('.').all(label)
        && text.bytes().any(|octet| !octet.is_ascii_digit() && octet != b'.')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A test may fail by panicking.
    use super::*;

    fn lines(offered: XclientAttributes, attributes: &[(XclientName, XclientValue<'_>)]) -> Vec<String> {
        let mut out = Vec::new();
        for command in xclient_commands(offered, attributes) {
            command.write_to(&mut out, &crate::extensions::Extensions::default());
        }
        let text = String::from_utf8(out).unwrap();
        text.split_inclusive("\r\n").map(String::from).collect()
    }

    #[test]
    fn only_what_the_server_takes_is_sent() {
        let attributes = [
            (XclientName::Addr, XclientValue::Known("192.0.2.1")),
            (XclientName::Name, XclientValue::Unavailable),
            (XclientName::Name, XclientValue::Known("second")),
            (XclientName::Login, XclientValue::Known("somebody")),
            (XclientName::Helo, XclientValue::TemporarilyUnavailable),
        ];
        let offered =
            XclientAttributes::default().with(XclientName::Addr).with(XclientName::Name).with(XclientName::Helo);
        assert_eq!(lines(offered, &attributes), ["XCLIENT HELO=[TEMPUNAVAIL] NAME=[UNAVAILABLE] ADDR=192.0.2.1\r\n"]);
        assert!(lines(XclientAttributes::default(), &attributes).is_empty());
        assert!(lines(offered, &[]).is_empty());
    }

    #[test]
    fn a_name_that_postfix_would_refuse_is_unavailable() {
        let offered = XclientAttributes::default().with(XclientName::Name);
        let unavailable = "[UNAVAILABLE]";
        for (name, written) in [
            ("a b\r\nQUIT", unavailable),
            ("[UNAVAILABLE]", unavailable),
            ("192.0.2.1", unavailable),
            ("mx.example", "mx.example"),
        ] {
            let line = lines(offered, &[(XclientName::Name, XclientValue::Known(name))]);
            assert_eq!(line, [alloc::format!("XCLIENT NAME={written}\r\n")]);
        }
    }

    #[test]
    fn commands_are_split_at_512_octets_and_the_address_comes_last() {
        // As long a name as there can be.
        let long = ["h".repeat(59).as_str(); 4].join(".");
        let all = XclientName::ALL.iter().copied();
        let attributes: Vec<_> = all.clone().map(|name| (name, XclientValue::Known(long.as_str()))).collect();
        let split = lines(all.fold(XclientAttributes::default(), XclientAttributes::with), &attributes);
        assert_eq!(split.len(), 4);
        assert!(split.iter().all(|line| line.len() <= 512));
        let last = split.last().unwrap();
        assert!(last.starts_with("XCLIENT LOGIN=") && last.contains(" ADDR="), "{last}");
    }

    #[test]
    fn addresses_have_their_tag() {
        assert_eq!(xclient_address("192.0.2.1".parse().unwrap()), "192.0.2.1");
        assert_eq!(xclient_address("::ffff:192.0.2.1".parse().unwrap()), "192.0.2.1");
        assert_eq!(xclient_address("2001:db8::1".parse().unwrap()), "IPV6:2001:db8::1");
    }
}
