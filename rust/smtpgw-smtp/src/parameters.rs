//! The parameters of MAIL and RCPT (RFC 5321 §4.1.2 `Mail-parameters`), as typed pieces.
//!
//! Only what was announced is understood; everything else is answered 555 as RFC 5321 §4.1.1.11 says. Parameters
//! are written to a backend from these pieces, never copied. DSN, SMTPUTF8 and AUTH will become further fields.

use crate::error::CommandError;
use crate::extensions::Offer;

/// What the content consists of, RFC 6152.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// `BODY=7BIT`
    SevenBit,
    /// `BODY=8BITMIME`
    EightBitMime,
}

impl Body {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SevenBit => "7BIT",
            Self::EightBitMime => "8BITMIME",
        }
    }
}

/// The parameters of MAIL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailParameters {
    /// `SIZE=`: octets the client expects to send (RFC 1870 §6). An estimate: never trusted, only compared.
    pub size: Option<u64>,
    /// `BODY=`
    pub body: Option<Body>,
}

/// The parameters of RCPT; none so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecipientParameters {}

impl MailParameters {
    /// Reads what stands behind the path of MAIL.
    pub(crate) fn parse(text: &str, offer: &Offer) -> Result<Self, CommandError> {
        let mut parameters = Self::default();
        for parameter in Parameters::new(text)? {
            let (keyword, value) = parameter?;
            if keyword.eq_ignore_ascii_case("SIZE") {
                let size = value.and_then(size_value).ok_or(CommandError::ParameterValue)?;
                once(&mut parameters.size, size)?;
            } else if offer.eight_bit_mime && keyword.eq_ignore_ascii_case("BODY") {
                let body = match value {
                    Some(value) if value.eq_ignore_ascii_case("7BIT") => Body::SevenBit,
                    Some(value) if value.eq_ignore_ascii_case("8BITMIME") => Body::EightBitMime,
                    _ => return Err(CommandError::ParameterValue),
                };
                once(&mut parameters.body, body)?;
            } else {
                return Err(CommandError::ParameterUnknown);
            }
        }
        Ok(parameters)
    }
}

impl RecipientParameters {
    /// Reads what stands behind the path of RCPT.
    pub(crate) fn parse(text: &str, _offer: &Offer) -> Result<Self, CommandError> {
        match Parameters::new(text)?.next() {
            None => Ok(Self {}),
            Some(Ok(_)) => Err(CommandError::ParameterUnknown),
            Some(Err(error)) => Err(error),
        }
    }
}

/// A parameter given twice has two meanings, and the backend might take the other one.
fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), CommandError> {
    if slot.replace(value).is_some() { Err(CommandError::ParameterTwice) } else { Ok(()) }
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
        let value_fits = value.is_none_or(|v| !v.is_empty() && v.bytes().all(|o| o.is_ascii_graphic() && o != b'='));
        Some(if keyword_fits && value_fits { Ok((keyword, value)) } else { Err(CommandError::ParameterSyntax) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(text: &str) -> Result<MailParameters, CommandError> {
        MailParameters::parse(text, &Offer { eight_bit_mime: true, ..Offer::default() })
    }

    #[test]
    fn known_parameters_become_typed_pieces() {
        assert_eq!(mail(""), Ok(MailParameters::default()));
        assert_eq!(mail("  "), Ok(MailParameters::default()));
        assert_eq!(
            mail(" size=0012 BODY=8bitmime"),
            Ok(MailParameters { size: Some(12), body: Some(Body::EightBitMime) })
        );
        assert_eq!(mail(" BODY=7BIT"), Ok(MailParameters { size: None, body: Some(Body::SevenBit) }));
        assert_eq!(mail(" SIZE=99999999999999999999").map(|p| p.size), Ok(Some(u64::MAX)));
    }

    #[test]
    fn every_mistake_has_its_own_answer() {
        for (text, error) in [
            ("SIZE=1", CommandError::ParameterSyntax),
            (" =1", CommandError::ParameterSyntax),
            (" SIZE=", CommandError::ParameterSyntax),
            (" SIZE=1=2", CommandError::ParameterSyntax),
            (" -SIZE=1", CommandError::ParameterSyntax),
            (" SIZE", CommandError::ParameterValue),
            (" SIZE=-1", CommandError::ParameterValue),
            (" SIZE=+1", CommandError::ParameterValue),
            (" SIZE=0x10", CommandError::ParameterValue),
            (" SIZE=123456789012345678901", CommandError::ParameterValue),
            (" BODY=BINARYMIME", CommandError::ParameterValue),
            (" SIZE=1 SIZE=2", CommandError::ParameterTwice),
            (" SMTPUTF8", CommandError::ParameterUnknown),
            (" RET=HDRS", CommandError::ParameterUnknown),
            (" AUTH=<>", CommandError::ParameterUnknown),
        ] {
            assert_eq!(mail(text), Err(error), "{text:?}");
        }
        assert_eq!(MailParameters::parse(" BODY=7BIT", &Offer::default()), Err(CommandError::ParameterUnknown));
        let recipient = |text| RecipientParameters::parse(text, &Offer::default());
        assert_eq!(recipient(""), Ok(RecipientParameters {}));
        assert_eq!(recipient(" NOTIFY=NEVER"), Err(CommandError::ParameterUnknown));
        assert_eq!(recipient("x"), Err(CommandError::ParameterSyntax));
    }
}
