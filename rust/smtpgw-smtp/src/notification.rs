//! What a client asks of delivery status notifications: the values of RET, ENVID, NOTIFY and ORCPT (RFC 3461 §4).
//!
//! We neither make notifications nor decide on them: the values are read strictly and handed on to the backend, which
//! has the queue. Each value has one form in which it is written.

use alloc::boxed::Box;
use core::fmt;

use crate::limits;
use crate::xtext::Xtext;

/// `RET=`, RFC 3461 §4.3: how much of the message comes back with a notice of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Return {
    /// `FULL`
    Full,
    /// `HDRS`
    Header,
}

impl Return {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Full, Self::Header].into_iter().find(|value| text.eq_ignore_ascii_case(value.as_str()))
    }

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Header => "HDRS",
        }
    }
}

/// `ENVID=`, RFC 3461 §4.4: what the sender recognises the transaction by.
pub(crate) fn envelope_id(text: &str) -> Option<Xtext> {
    if text.len() > limits::ENVELOPE_ID { None } else { Xtext::parse(text, false) }
}

/// `NOTIFY=`, RFC 3461 §4.1: what the sender of a message wants to be told of a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Notify(u8);

impl Notify {
    /// `NEVER`
    pub const NEVER: Self = Self(0);
    const EVENTS: [&'static str; 3] = ["SUCCESS", "FAILURE", "DELAY"];

    /// `NEVER` alone, or a list in which nothing stands twice.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("NEVER") {
            return Some(Self::NEVER);
        }
        text.split(',').try_fold(Self::NEVER, |Self(set), word| {
            let bit = 1 << Self::EVENTS.iter().position(|event| word.eq_ignore_ascii_case(event))?;
            (set & bit == 0).then_some(Self(set | bit))
        })
    }
}

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NEVER {
            return f.write_str("NEVER");
        }
        let asked = Self::EVENTS.iter().enumerate().filter(|(bit, _)| self.0 & (1 << bit) != 0);
        for (nth, (_, event)) in asked.enumerate() {
            f.write_str(if nth == 0 { "" } else { "," })?;
            f.write_str(event)?;
        }
        Ok(())
    }
}

/// `ORCPT=`, RFC 3461 §4.2: the recipient as the sender first named it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginalRecipient {
    /// `rfc822`, `utf-8`, …: an atom.
    pub address_type: Box<str>,
    /// The address.
    pub address: Xtext,
}

impl OriginalRecipient {
    /// `smtputf8`: the transaction asked for it, so an address of the type `utf-8` may be written as it is
    /// (RFC 6533 §3).
    pub(crate) fn parse(text: &str, smtputf8: bool) -> Option<Self> {
        let (address_type, address) = text.split_once(';').filter(|_| text.len() <= limits::ORIGINAL_RECIPIENT)?;
        let is_atom = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*-/?^_`{|}~".contains(&octet);
        if address_type.is_empty() || !address_type.bytes().all(is_atom) {
            return None;
        }
        let unicode = smtputf8 && address_type.eq_ignore_ascii_case("utf-8");
        Some(Self { address_type: address_type.into(), address: Xtext::parse(address, unicode)? })
    }

    /// Whether it can be written without SMTPUTF8 (RFC 6531).
    pub fn is_ascii(&self) -> bool {
        self.address.as_str().is_ascii()
    }
}

impl fmt::Display for OriginalRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};{}", self.address_type, self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString as _;

    #[test]
    fn lists_are_read_strictly_and_written_in_one_order() {
        for (text, written) in [
            ("NEVER", "NEVER"),
            ("never", "NEVER"),
            ("delay", "DELAY"),
            ("Delay,FAILURE,success", "SUCCESS,FAILURE,DELAY"),
            ("FAILURE,SUCCESS", "SUCCESS,FAILURE"),
        ] {
            assert_eq!(Notify::parse(text).map(|notify| notify.to_string()), Some(written.into()));
        }
        for text in [
            "",
            ",",
            "NEVER,DELAY",
            "DELAY,NEVER",
            "NEVER,NEVER",
            "DELAY,DELAY",
            "DELAY,",
            ",DELAY",
            "DELAY,,FAILURE",
            "ALWAYS",
            "DELAY;FAILURE",
        ] {
            assert_eq!(Notify::parse(text), None, "{text}");
        }
    }

    #[test]
    fn original_recipients_have_a_type() {
        let read = |text: &str, smtputf8| OriginalRecipient::parse(text, smtputf8).map(|value| value.to_string());
        for text in
            ["rfc822;bob@example.org", "rfc822;bob+2Btag@example.org", "x400;/S+3Dbob/O+3Db/", "utf-8;\\x{E9}@b"]
        {
            assert_eq!(read(text, false), Some(text.into()));
        }
        assert_eq!(read("UTF-8;é@b", true), Some("UTF-8;é@b".into()));
        for text in
            ["", "bob@b", ";bob@b", "rfc822;", "rfc 822;b", "rfc(822);b", "rfc822;b=c", "rfc822;b+", "utf-8;é@b"]
        {
            assert_eq!(read(text, false), None, "{text}");
        }
        assert_eq!(read("rfc822;é@b", true), None);
        assert_eq!(read(&format!("rfc822;{}", "b".repeat(494)), false), None);
        assert!(read(&format!("rfc822;{}", "b".repeat(493)), false).is_some());
    }

    #[test]
    fn envelope_ids_are_short() {
        assert!(envelope_id(&"e".repeat(100)).is_some() && envelope_id(&"e".repeat(101)).is_none());
        assert_eq!(Return::parse("hdrs"), Some(Return::Header));
        assert_eq!(Return::parse("HDR"), None);
    }
}
