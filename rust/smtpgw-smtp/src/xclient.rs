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

use crate::command::Command;
use crate::limits;

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

impl XclientName {
    /// All of them, in the order in which they are sent: what must be in the last command comes last.
    pub const ALL: [Self; 8] =
        [Self::DestPort, Self::DestAddr, Self::Port, Self::Helo, Self::Proto, Self::Name, Self::Login, Self::Addr];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
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

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of attributes: those that a server takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XclientAttributes(u8);

impl XclientAttributes {
    /// Whether `name` is among them.
    pub const fn contains(self, name: XclientName) -> bool {
        self.0 & name.bit() != 0
    }

    /// Adds `name`.
    pub const fn with(self, name: XclientName) -> Self {
        Self(self.0 | name.bit())
    }

    /// Reads the words behind `XCLIENT` in an EHLO reply; unknown names are skipped.
    pub(crate) fn parse<'a>(words: impl Iterator<Item = &'a [u8]>) -> Self {
        let known =
            |word: &[u8]| XclientName::ALL.into_iter().find(|n| word.eq_ignore_ascii_case(n.as_str().as_bytes()));
        words.filter_map(known).fold(Self::default(), Self::with)
    }
}

/// The value of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XclientValue<'a> {
    /// It is known; written in xtext.
    Known(&'a str),
    /// There is none: `[UNAVAILABLE]`.
    Unavailable,
    /// It could not be found out for now: `[TEMPUNAVAIL]`.
    TemporarilyUnavailable,
}

/// The commands that carry `attributes`, as many as are needed to keep each within 512 octets; each waits for the
/// reply to the one before it. The order of `attributes` does not matter; given twice, the first one counts.
///
/// Attributes that `offered` does not contain are left out: Postfix answers 501 to them. A value that is empty or
/// coded in more than 255 octets is sent as `[UNAVAILABLE]`, again because of a 501; half a value would be a false one.
pub fn xclient_commands(offered: XclientAttributes, attributes: &[(XclientName, XclientValue<'_>)]) -> Vec<Command> {
    let room = limits::XCLIENT_LINE - "XCLIENT\r\n".len();
    // From the last attribute to the first, so that the last command is the fullest.
    let mut lines: Vec<String> = Vec::new();
    for name in XclientName::ALL.into_iter().rev().filter(|name| offered.contains(*name)) {
        let Some((_, value)) = attributes.iter().find(|(given, _)| *given == name) else { continue };
        let piece = attribute(name.as_str(), *value);
        match lines.last_mut() {
            Some(line) if line.len() + piece.len() <= room => line.insert_str(0, &piece),
            _ => lines.push(piece),
        }
    }
    lines.into_iter().rev().map(|line| Command::Xclient(XclientLine(line))).collect()
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

/// ` NAME=value`
pub(crate) fn attribute(name: &str, value: XclientValue<'_>) -> String {
    let mut coded = String::new();
    let text = match value {
        XclientValue::Known(text) => {
            push_xtext(&mut coded, text);
            if coded.is_empty() || coded.len() > limits::XCLIENT_VALUE { UNAVAILABLE } else { &coded }
        }
        XclientValue::Unavailable => UNAVAILABLE,
        XclientValue::TemporarilyUnavailable => "[TEMPUNAVAIL]",
    };
    alloc::format!(" {name}={text}")
}

const UNAVAILABLE: &str = "[UNAVAILABLE]";

/// `xtext = *( xchar / hexchar )`, RFC 3461 §4. A `[` in front is coded too, lest a name look like `[UNAVAILABLE]`.
fn push_xtext(out: &mut String, text: &str) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for (at, octet) in text.bytes().enumerate() {
        if octet.is_ascii_graphic() && octet != b'+' && octet != b'=' && !(at == 0 && octet == b'[') {
            out.push(char::from(octet));
        } else {
            out.push('+');
            out.extend([octet >> 4, octet & 15].map(|half| HEX[usize::from(half)]));
        }
    }
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

    fn all() -> XclientAttributes {
        XclientName::ALL.into_iter().fold(XclientAttributes::default(), XclientAttributes::with)
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
    fn values_cannot_break_out() {
        let evil = "a b\r\nQUIT +=\u{e9}";
        assert_eq!(
            lines(all(), &[(XclientName::Helo, XclientValue::Known(evil))]),
            ["XCLIENT HELO=a+20b+0D+0AQUIT+20+2B+3D+C3+A9\r\n"]
        );
        assert_eq!(
            lines(all(), &[(XclientName::Name, XclientValue::Known("[UNAVAILABLE]"))]),
            ["XCLIENT NAME=+5BUNAVAILABLE]\r\n"]
        );
    }

    #[test]
    fn commands_are_split_at_512_octets_and_the_address_comes_last() {
        let long = "h".repeat(240);
        let attributes = XclientName::ALL.map(|name| (name, XclientValue::Known(long.as_str())));
        let split = lines(all(), &attributes);
        assert_eq!(split.len(), 4);
        assert!(split.iter().all(|line| line.len() <= 512));
        let last = split.last().unwrap();
        assert!(last.starts_with("XCLIENT LOGIN=") && last.contains(" ADDR="), "{last}");
        // Two attributes that fill 512 octets to the last, and one octet more.
        for (octets, commands) in [(512, 1), (513, 2)] {
            let login = "l".repeat(255);
            let helo = "h".repeat(octets - "XCLIENT HELO= LOGIN=\r\n".len() - login.len());
            let attributes =
                [(XclientName::Helo, XclientValue::Known(&helo)), (XclientName::Login, XclientValue::Known(&login))];
            let split = lines(all(), &attributes);
            assert_eq!((split.len(), split.concat().len() >= octets), (commands, true));
        }
    }

    #[test]
    fn values_that_postfix_would_refuse_are_unavailable() {
        for (value, expected) in [
            ("h".repeat(255), "h".repeat(255)),
            ("h".repeat(256), UNAVAILABLE.into()),
            ("=".repeat(86), UNAVAILABLE.into()),
            (String::new(), UNAVAILABLE.into()),
        ] {
            assert_eq!(
                lines(all(), &[(XclientName::Helo, XclientValue::Known(&value))]),
                [alloc::format!("XCLIENT HELO={expected}\r\n")]
            );
        }
    }

    #[test]
    fn addresses_have_their_tag() {
        assert_eq!(xclient_address("192.0.2.1".parse().unwrap()), "192.0.2.1");
        assert_eq!(xclient_address("::ffff:192.0.2.1".parse().unwrap()), "192.0.2.1");
        assert_eq!(xclient_address("2001:db8::1".parse().unwrap()), "IPV6:2001:db8::1");
    }
}
