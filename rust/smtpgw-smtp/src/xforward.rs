//! XFORWARD towards the backend: who the client is, for its log alone.
//!
//! Postfix, `XFORWARD_README`: `XFORWARD 1*( SP name "=" value )`, values in xtext, at most 512 octets a command. A
//! server announces which attributes it takes, answers 250, decides nothing by them and forgets them with each
//! transaction, so they are sent before every MAIL. It is no identity in the sense of rule O1: the server still takes
//! us for the client.

use alloc::string::String;
use alloc::vec::Vec;

use crate::command::Command;
use crate::limits;
use crate::xclient::{XclientValue, attribute};

/// The attributes of XFORWARD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum XforwardName {
    /// Host name of the client by reverse DNS.
    Name,
    /// Its address, written as for XCLIENT.
    Addr,
    /// Its port.
    Port,
    /// `SMTP` or `ESMTP`.
    Proto,
    /// What it said in EHLO or HELO.
    Helo,
    /// What the message is called in our own records.
    Ident,
    /// `LOCAL` or `REMOTE`: where it came in.
    Source,
}

impl XforwardName {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Name, Self::Addr, Self::Port, Self::Proto, Self::Helo, Self::Ident, Self::Source];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "NAME",
            Self::Addr => "ADDR",
            Self::Port => "PORT",
            Self::Proto => "PROTO",
            Self::Helo => "HELO",
            Self::Ident => "IDENT",
            Self::Source => "SOURCE",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of attributes: those that a server takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XforwardAttributes(u8);

impl XforwardAttributes {
    /// Whether `name` is among them.
    pub const fn contains(self, name: XforwardName) -> bool {
        self.0 & name.bit() != 0
    }

    /// Adds `name`.
    #[must_use]
    pub const fn with(self, name: XforwardName) -> Self {
        Self(self.0 | name.bit())
    }

    /// Reads the words behind `XFORWARD` in an EHLO reply; unknown names are skipped.
    pub(crate) fn parse<'a>(words: impl Iterator<Item = &'a [u8]>) -> Self {
        let known =
            |word: &[u8]| XforwardName::ALL.into_iter().find(|n| word.eq_ignore_ascii_case(n.as_str().as_bytes()));
        words.filter_map(known).fold(Self::default(), Self::with)
    }
}

/// What stands behind `XFORWARD` on one line; made by [`xforward_commands`] only, so it is always well formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XforwardLine(String);

impl XforwardLine {
    /// ` NAME=value ADDR=value …`, with the blank in front.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The commands that carry those of `attributes` that are `offered`, each within 512 octets; each waits for the reply
/// to the one before it. What is empty or too long is sent as `[UNAVAILABLE]`.
pub fn xforward_commands(offered: XforwardAttributes, attributes: &[(XforwardName, XclientValue<'_>)]) -> Vec<Command> {
    let room = limits::XCLIENT_LINE - "XFORWARD\r\n".len();
    let mut lines: Vec<String> = Vec::new();
    for (name, value) in attributes.iter().filter(|(name, _)| offered.contains(*name)) {
        let piece = attribute(name.as_str(), *value);
        match lines.last_mut() {
            Some(line) if line.len() + piece.len() <= room => line.push_str(&piece),
            _ => lines.push(piece),
        }
    }
    lines.into_iter().map(|line| Command::Xforward(XforwardLine(line))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A test may fail by panicking.
    use super::*;

    fn lines(offered: XforwardAttributes, attributes: &[(XforwardName, XclientValue<'_>)]) -> Vec<String> {
        let mut out = Vec::new();
        for command in xforward_commands(offered, attributes) {
            command.write_to(&mut out, &crate::extensions::Extensions::default());
        }
        let text = String::from_utf8(out).unwrap();
        text.split_inclusive("\r\n").map(String::from).collect()
    }

    fn all() -> XforwardAttributes {
        XforwardName::ALL.into_iter().fold(XforwardAttributes::default(), XforwardAttributes::with)
    }

    #[test]
    fn only_what_is_announced_is_sent_and_nothing_breaks_out() {
        let attributes = [
            (XforwardName::Name, XclientValue::Unavailable),
            (XforwardName::Addr, XclientValue::Known("192.0.2.1")),
            (XforwardName::Helo, XclientValue::Known("a b\r\nQUIT")),
            (XforwardName::Source, XclientValue::Known("REMOTE")),
        ];
        let offered = XforwardAttributes::parse([&b"name"[..], b"ADDR", b"HELO", b"WHAT"].into_iter());
        assert_eq!(
            lines(offered, &attributes),
            ["XFORWARD NAME=[UNAVAILABLE] ADDR=192.0.2.1 HELO=a+20b+0D+0AQUIT\r\n"]
        );
        assert!(lines(XforwardAttributes::default(), &attributes).is_empty());
        assert!(lines(all(), &[]).is_empty());
    }

    #[test]
    fn commands_are_split_at_512_octets() {
        let long = "h".repeat(240);
        let attributes = XforwardName::ALL.map(|name| (name, XclientValue::Known(long.as_str())));
        let split = lines(all(), &attributes);
        assert_eq!(split.len(), 4);
        assert!(split.iter().all(|line| line.len() <= 512 && line.starts_with("XFORWARD ")));
        for (octets, commands) in [(512, 1), (513, 2)] {
            let ident = "i".repeat(255);
            let helo = "h".repeat(octets - "XFORWARD HELO= IDENT=\r\n".len() - ident.len());
            let attributes =
                [(XforwardName::Helo, XclientValue::Known(&helo)), (XforwardName::Ident, XclientValue::Known(&ident))];
            assert_eq!(lines(all(), &attributes).len(), commands, "{octets}");
        }
    }
}
