//! The parameters of MAIL and RCPT (RFC 5321 §4.1.2 `Mail-parameters`), as typed pieces.
//!
//! RFC 1870 (SIZE), RFC 4954 §5 (AUTH), RFC 6152 and RFC 3030 (BODY), RFC 6531 (SMTPUTF8), RFC 8689 (REQUIRETLS),
//! RFC 3461 (RET, ENVID, NOTIFY, ORCPT). Only what was announced is understood; everything else is answered 555 as
//! RFC 5321 §4.1.1.11 says. Parameters are written to a backend from these pieces, never copied, and each side writes
//! only what the other one announced: see [`Extensions::missing`].
//!
//! [`Extensions::missing`]: crate::Extensions::missing

use core::fmt;

use crate::error::CommandError;
use crate::extensions::Offer;
use crate::limits;
use crate::notification::{self, Notify, OriginalRecipient, Return};
use crate::path::{Mailbox, is_beyond_ascii};
use crate::xtext::Xtext;

/// What the content consists of, RFC 6152 and RFC 3030 §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// `BODY=7BIT`
    SevenBit,
    /// `BODY=8BITMIME`
    EightBitMime,
    /// `BODY=BINARYMIME`: any octets, in no lines.
    Binary,
}

impl Body {
    fn parse(text: &str) -> Option<Self> {
        let all = [Self::SevenBit, Self::EightBitMime, Self::Binary];
        all.into_iter().find(|value| text.eq_ignore_ascii_case(value.as_str()))
    }

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SevenBit => "7BIT",
            Self::EightBitMime => "8BITMIME",
            Self::Binary => "BINARYMIME",
        }
    }
}

/// The parameters of MAIL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailParameters {
    /// `SIZE=`: octets the client expects to send (RFC 1870 §6). An estimate: never trusted, only compared.
    pub size: Option<u64>,
    /// `BODY=`
    pub body: Option<Body>,
    /// `SMTPUTF8`: addresses and header fields may hold letters beyond ASCII.
    pub smtputf8: bool,
    /// `REQUIRETLS`: the message may only go where TLS is certain.
    pub require_tls: bool,
    /// `RET=`
    pub ret: Option<Return>,
    /// `ENVID=`
    pub envelope_id: Option<Xtext>,
    /// `AUTH=`: who submitted the message, `<>` if that is not known (RFC 4954 §5). A claim: worth something only on a
    /// connection whose client the server knows.
    pub submitter: Option<Xtext>,
}

/// The parameters of RCPT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecipientParameters {
    /// `NOTIFY=`
    pub notify: Option<Notify>,
    /// `ORCPT=`
    pub original_recipient: Option<OriginalRecipient>,
}

impl MailParameters {
    /// Reads what stands behind the path of MAIL.
    pub(crate) fn parse(text: &str, offer: &Offer) -> Result<Self, CommandError> {
        let mut parameters = Self::default();
        for parameter in Parameters::new(text)? {
            let (keyword, value) = parameter?;
            let is = |name: &str| keyword.eq_ignore_ascii_case(name);
            if is("SIZE") {
                once(&mut parameters.size, value.and_then(size_value))?;
            } else if offer.eight_bit_mime && is("BODY") {
                let known = |body: &Body| *body != Body::Binary || (offer.binary_mime && offer.chunking);
                once(&mut parameters.body, value.and_then(Body::parse).filter(known))?;
            } else if offer.smtputf8 && is("SMTPUTF8") {
                flag(&mut parameters.smtputf8, value)?;
            } else if offer.require_tls && is("REQUIRETLS") {
                flag(&mut parameters.require_tls, value)?;
            } else if offer.dsn && is("RET") {
                once(&mut parameters.ret, value.and_then(Return::parse))?;
            } else if offer.dsn && is("ENVID") {
                once(&mut parameters.envelope_id, value.and_then(notification::envelope_id))?;
            } else if !offer.auth.is_empty() && is("AUTH") {
                once(&mut parameters.submitter, value.and_then(submitter))?;
            } else {
                return Err(CommandError::ParameterUnknown);
            }
        }
        Ok(parameters)
    }

    /// Whether any parameter of RFC 3461 is among them.
    pub(crate) fn asks_for_dsn(&self) -> bool {
        self.ret.is_some() || self.envelope_id.is_some()
    }
}

impl RecipientParameters {
    /// Reads what stands behind the path of RCPT; `smtputf8` is what MAIL asked for.
    pub(crate) fn parse(text: &str, offer: &Offer, smtputf8: bool) -> Result<Self, CommandError> {
        let mut parameters = Self::default();
        for parameter in Parameters::new(text)? {
            let (keyword, value) = parameter?;
            let is = |name: &str| keyword.eq_ignore_ascii_case(name);
            if offer.dsn && is("NOTIFY") {
                once(&mut parameters.notify, value.and_then(Notify::parse))?;
            } else if offer.dsn && is("ORCPT") {
                let original = value.and_then(|value| OriginalRecipient::parse(value, smtputf8));
                once(&mut parameters.original_recipient, original)?;
            } else {
                return Err(CommandError::ParameterUnknown);
            }
        }
        Ok(parameters)
    }

    /// Whether any parameter of RFC 3461 is among them.
    pub(crate) fn asks_for_dsn(&self) -> bool {
        *self != Self::default()
    }
}

/// As they stand behind the path, each with a blank in front.
impl fmt::Display for MailParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(size) = self.size {
            write!(f, " SIZE={size}")?;
        }
        if let Some(body) = self.body {
            write!(f, " BODY={}", body.as_str())?;
        }
        if self.smtputf8 {
            f.write_str(" SMTPUTF8")?;
        }
        if self.require_tls {
            f.write_str(" REQUIRETLS")?;
        }
        if let Some(ret) = self.ret {
            write!(f, " RET={}", ret.as_str())?;
        }
        if let Some(id) = &self.envelope_id {
            write!(f, " ENVID={id}")?;
        }
        if let Some(submitter) = &self.submitter {
            write!(f, " AUTH={submitter}")?;
        }
        Ok(())
    }
}

/// As they stand behind the path, each with a blank in front.
impl fmt::Display for RecipientParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(notify) = self.notify {
            write!(f, " NOTIFY={notify}")?;
        }
        if let Some(original) = &self.original_recipient {
            write!(f, " ORCPT={original}")?;
        }
        Ok(())
    }
}

/// Puts a value into its place. One given twice has two meanings, and the backend might take the other one.
fn once<T>(slot: &mut Option<T>, value: Option<T>) -> Result<(), CommandError> {
    let value = value.ok_or(CommandError::ParameterValue)?;
    if slot.replace(value).is_some() { Err(CommandError::ParameterTwice) } else { Ok(()) }
}

/// The same for one without a value.
fn flag(slot: &mut bool, value: Option<&str>) -> Result<(), CommandError> {
    match (value, core::mem::replace(slot, true)) {
        (Some(_), _) => Err(CommandError::ParameterValue),
        (None, true) => Err(CommandError::ParameterTwice),
        (None, false) => Ok(()),
    }
}

/// `"<>"` or a mailbox, in xtext (RFC 4954 §5).
fn submitter(coded: &str) -> Option<Xtext> {
    let text = Xtext::parse(coded, false).filter(|_| coded.len() <= limits::SUBMITTER)?;
    (text.as_str() == "<>" || Mailbox::parse(text.as_str()).is_ok()).then_some(text)
}

/// `size-value = 1*20DIGIT` (RFC 1870 §6). What does not fit 64 bits is larger than any limit all the same.
fn size_value(digits: &str) -> Option<u64> {
    if digits.is_empty() || digits.len() > 20 || !digits.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

/// `*( SP esmtp-keyword [ "=" esmtp-value ] )`; more than one blank is tolerated, since nothing hangs on it.
struct Parameters<'a> {
    words: core::str::Split<'a, char>,
}

impl<'a> Parameters<'a> {
    fn new(text: &'a str) -> Result<Self, CommandError> {
        if text.is_empty() || text.starts_with(' ') {
            Ok(Self { words: text.split(' ') })
        } else {
            Err(CommandError::ParameterSyntax)
        }
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Result<(&'a str, Option<&'a str>), CommandError>;

    fn next(&mut self) -> Option<Self::Item> {
        let word = self.words.find(|word| !word.is_empty())?;
        let (keyword, value) = match word.split_once('=') {
            Some((keyword, value)) => (keyword, Some(value)),
            None => (word, None),
        };
        let keyword_fits = keyword.starts_with(|c: char| c.is_ascii_alphanumeric())
            && keyword.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
        // RFC 6531 §3.3 lets values be more than ASCII; which of them may is for each to say.
        let is_value = |letter: char| (letter.is_ascii_graphic() && letter != '=') || is_beyond_ascii(letter);
        let value_fits = value.is_none_or(|value| !value.is_empty() && value.chars().all(is_value));
        Some(if keyword_fits && value_fits { Ok((keyword, value)) } else { Err(CommandError::ParameterSyntax) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Mechanism, Mechanisms};
    use alloc::string::{String, ToString as _};

    const ALL: Offer = Offer {
        size: 0,
        eight_bit_mime: true,
        chunking: true,
        binary_mime: true,
        smtputf8: true,
        dsn: true,
        require_tls: true,
        session_limits: None,
        pipelining: false,
        starttls: false,
        enhanced_status_codes: false,
        auth: Mechanisms::EMPTY,
        xclient: false,
    };

    fn mail(text: &str) -> Result<String, CommandError> {
        MailParameters::parse(text, &Offer { auth: Mechanisms::default().with(Mechanism::Plain), ..ALL })
            .map(|parameters| parameters.to_string())
    }

    fn recipient(text: &str) -> Result<String, CommandError> {
        RecipientParameters::parse(text, &ALL, false).map(|parameters| parameters.to_string())
    }

    #[test]
    fn known_parameters_become_typed_pieces_and_are_written_anew() {
        for (text, written) in [
            ("", ""),
            ("  ", ""),
            (" size=0012 BODY=8bitmime", " SIZE=12 BODY=8BITMIME"),
            (" BODY=7BIT", " BODY=7BIT"),
            (" SIZE=99999999999999999999", " SIZE=18446744073709551615"),
            (" smtputf8 BODY=8BITMIME", " BODY=8BITMIME SMTPUTF8"),
            (" requiretls body=binarymime", " BODY=BINARYMIME REQUIRETLS"),
            (" auth=<>", " AUTH=<>"),
            (" AUTH=e+2Bf@b", " AUTH=e+2Bf@b"),
            (" ENVID=+51Q+2B1  ret=hdrs", " RET=HDRS ENVID=QQ+2B1"),
        ] {
            assert_eq!(mail(text), Ok(written.into()), "{text}");
        }
        for (text, written) in [
            ("", ""),
            (" notify=never", " NOTIFY=NEVER"),
            (" ORCPT=rfc822;bob+2Bx@b NOTIFY=DELAY,SUCCESS", " NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob+2Bx@b"),
        ] {
            assert_eq!(recipient(text), Ok(written.into()), "{text}");
        }
    }

    #[test]
    fn every_mistake_has_its_own_answer() {
        for (text, error) in [
            ("SIZE=1", CommandError::ParameterSyntax),
            (" =1", CommandError::ParameterSyntax),
            (" SIZE=", CommandError::ParameterSyntax),
            (" SIZE=1=2", CommandError::ParameterSyntax),
            (" -SIZE=1", CommandError::ParameterSyntax),
            (" SIZÉ=1", CommandError::ParameterSyntax),
            (" ENVID=a=b", CommandError::ParameterSyntax),
            (" SIZE", CommandError::ParameterValue),
            (" SIZE=-1", CommandError::ParameterValue),
            (" SIZE=+1", CommandError::ParameterValue),
            (" SIZE=0x10", CommandError::ParameterValue),
            (" SIZE=123456789012345678901", CommandError::ParameterValue),
            (" SIZE=\u{663}", CommandError::ParameterValue),
            (" BODY=BINARY", CommandError::ParameterValue),
            (" REQUIRETLS=YES", CommandError::ParameterValue),
            (" REQUIRETLS REQUIRETLS", CommandError::ParameterTwice),
            (" SMTPUTF8=1", CommandError::ParameterValue),
            (" RET", CommandError::ParameterValue),
            (" RET=BODY", CommandError::ParameterValue),
            (" ENVID=a+2", CommandError::ParameterValue),
            (" ENVID=é", CommandError::ParameterValue),
            (" SIZE=1 SIZE=2", CommandError::ParameterTwice),
            (" SMTPUTF8 smtputf8", CommandError::ParameterTwice),
            (" RET=FULL RET=FULL", CommandError::ParameterTwice),
            (" ENVID=a ENVID=b", CommandError::ParameterTwice),
            (" NOTIFY=NEVER", CommandError::ParameterUnknown),
            (" AUTH", CommandError::ParameterValue),
            (" AUTH=a", CommandError::ParameterValue),
            (" AUTH=a@b+0D+0A", CommandError::ParameterValue),
            (" AUTH=<> AUTH=<>", CommandError::ParameterTwice),
        ] {
            assert_eq!(mail(text), Err(error), "{text:?}");
        }
        for (text, error) in [
            ("x", CommandError::ParameterSyntax),
            (" NOTIFY=", CommandError::ParameterSyntax),
            (" NOTIFY=NEVER,DELAY", CommandError::ParameterValue),
            (" ORCPT=bob@b", CommandError::ParameterValue),
            (" ORCPT=utf-8;é@b", CommandError::ParameterValue),
            (" NOTIFY=DELAY NOTIFY=DELAY", CommandError::ParameterTwice),
            (" ORCPT=rfc822;a ORCPT=rfc822;a", CommandError::ParameterTwice),
            (" RET=FULL", CommandError::ParameterUnknown),
        ] {
            assert_eq!(recipient(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn what_was_not_announced_is_unknown() {
        let none = Offer::default();
        for offer in [
            Offer { eight_bit_mime: true, ..none },
            Offer { binary_mime: false, ..ALL },
            Offer { chunking: false, ..ALL },
        ] {
            assert_eq!(MailParameters::parse(" BODY=BINARYMIME", &offer), Err(CommandError::ParameterValue));
        }
        for text in [" BODY=7BIT", " SMTPUTF8", " RET=HDRS", " ENVID=x", " REQUIRETLS", " AUTH=<>"] {
            assert_eq!(MailParameters::parse(text, &none), Err(CommandError::ParameterUnknown), "{text}");
        }
        for text in [" NOTIFY=NEVER", " ORCPT=rfc822;a@b"] {
            assert_eq!(RecipientParameters::parse(text, &none, true), Err(CommandError::ParameterUnknown), "{text}");
        }
    }
}
