//! XFORWARD towards the backend: who the client is, for its log alone.
//!
//! Postfix, `XFORWARD_README`: `XFORWARD 1*( SP name "=" value )`, values in xtext, at most 512 octets a command. A
//! server announces which attributes it takes, answers 250, decides nothing by them and forgets them with each
//! transaction, so they are sent before every MAIL. It is no identity in the sense of rule O1: the server still takes
//! us for the client.

use alloc::string::String;
use alloc::vec::Vec;

use crate::attributes::{self, Fullest, XclientValue};
use crate::command::Command;
use crate::word_set::{Word, WordSet};

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

impl Word for XforwardName {
    const ALL: &'static [Self] =
        &[Self::Name, Self::Addr, Self::Port, Self::Proto, Self::Helo, Self::Ident, Self::Source];

    fn as_str(self) -> &'static str {
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
}

/// A set of attributes: those that a server takes.
pub type XforwardAttributes = WordSet<XforwardName>;

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
    let pieces = attributes.iter().filter(|(name, _)| offered.contains(*name));
    let lines = attributes::lines("XFORWARD", pieces.map(|(name, value)| (name.as_str(), *value)), Fullest::First);
    lines.into_iter().map(|line| Command::Xforward(XforwardLine(line))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_announced_is_sent() {
        let attributes = [
            (XforwardName::Name, XclientValue::Unavailable),
            (XforwardName::Addr, XclientValue::Known("192.0.2.1")),
            (XforwardName::Source, XclientValue::Known("REMOTE")),
        ];
        let offered = XforwardAttributes::default().with(XforwardName::Addr).with(XforwardName::Name);
        let line = XforwardLine(" NAME=[UNAVAILABLE] ADDR=192.0.2.1".into());
        assert_eq!(xforward_commands(offered, &attributes), [Command::Xforward(line)]);
        assert!(xforward_commands(XforwardAttributes::default(), &attributes).is_empty());
        assert!(xforward_commands(offered, &[]).is_empty());
    }
}
