//! Service extensions: what we announce ([`Offer`]) and what a backend announced ([`Extensions`]).
//!
//! RFC 5321 §2.2 and §4.1.1.1, RFC 1870 (SIZE), RFC 2034 (ENHANCEDSTATUSCODES), RFC 2920 (PIPELINING), RFC 3030
//! (CHUNKING), RFC 3030 (BINARYMIME), RFC 4954 (AUTH), RFC 3207 (STARTTLS), RFC 3461 (DSN), RFC 6152 (8BITMIME), RFC
//! 6531 (SMTPUTF8), RFC 8689 (REQUIRETLS), RFC 9422 (LIMITS).

use alloc::string::ToString as _;
use alloc::vec::Vec;

use crate::auth::Mechanisms;
use crate::parameters::{Body, MailParameters, RecipientParameters};
use crate::replies;
use crate::reply::Reply;
use crate::session_limits::SessionLimits;
use crate::word_set::Word as _;
use crate::xclient::XclientAttributes;
use crate::xclient_request;
use crate::xforward::XforwardAttributes;

/// What the next EHLO announces. [`Default`] is HELO-like: only SIZE without a figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// `SIZE`: octets of content; 0 announces no figure (RFC 1870 §4), and only
    /// [`Limits::message_size`](crate::Limits::message_size) holds.
    pub size: u64,
    /// `8BITMIME`
    pub eight_bit_mime: bool,
    /// `CHUNKING`
    pub chunking: bool,
    /// `BINARYMIME`; never announced without CHUNKING (RFC 3030 §3).
    pub binary_mime: bool,
    /// `SMTPUTF8`
    pub smtputf8: bool,
    /// `DSN`
    pub dsn: bool,
    /// `REQUIRETLS`; never announced but inside TLS (RFC 8689 §2), whatever stands here.
    pub require_tls: bool,
    /// `LIMITS`: what others beside us say; announced together with [`Limits`](crate::Limits), if at all.
    pub session_limits: Option<SessionLimits>,
    /// `PIPELINING`
    pub pipelining: bool,
    /// `STARTTLS`; never announced inside TLS, whatever stands here.
    pub starttls: bool,
    /// `ENHANCEDSTATUSCODES`
    pub enhanced_status_codes: bool,
    /// `AUTH`: the mechanisms that can be handed on; empty: none of it.
    pub auth: Mechanisms,
    /// `XCLIENT`, to a proxy of ours: it must say whom it speaks for before it may send MAIL.
    pub xclient: bool,
}

impl Offer {
    /// Appends the reply to EHLO.
    pub(crate) fn write_ehlo_reply(&self, hostname: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b"250-");
        replies::push_hostname(out, hostname);
        out.extend_from_slice(b"\r\n");
        let announced = [
            (self.pipelining, "PIPELINING"),
            (self.eight_bit_mime, "8BITMIME"),
            (self.chunking, "CHUNKING"),
            (self.binary_mime, "BINARYMIME"),
            (self.smtputf8, "SMTPUTF8"),
            (self.dsn, "DSN"),
            (self.require_tls, "REQUIRETLS"),
            (self.enhanced_status_codes, "ENHANCEDSTATUSCODES"),
            (self.starttls, "STARTTLS"),
            (self.xclient, xclient_request::ANNOUNCED),
        ];
        for (_, keyword) in announced.iter().filter(|(offered, _)| *offered) {
            out.extend_from_slice(b"250-");
            out.extend_from_slice(keyword.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        if !self.auth.is_empty() {
            out.extend_from_slice(b"250-AUTH");
            for mechanism in self.auth.words() {
                out.push(b' ');
                out.extend_from_slice(mechanism.as_str().as_bytes());
            }
            out.extend_from_slice(b"\r\n");
        }
        let limits = self.session_limits.unwrap_or_default().to_string();
        if !limits.is_empty() {
            out.extend_from_slice(alloc::format!("250-LIMITS{limits}\r\n").as_bytes());
        }
        // SIZE is always there, so it is the last line.
        if self.size == 0 {
            out.extend_from_slice(b"250 SIZE\r\n");
        } else {
            out.extend_from_slice(alloc::format!("250 SIZE {}\r\n", self.size).as_bytes());
        }
    }
}

/// What the last reply to EHLO announced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extensions {
    /// `SIZE`: octets of content, 0 for no fixed limit; `None` if it was not announced.
    pub size: Option<u64>,
    /// `STARTTLS`
    pub starttls: bool,
    /// `PIPELINING`
    pub pipelining: bool,
    /// `8BITMIME`
    pub eight_bit_mime: bool,
    /// `CHUNKING`
    pub chunking: bool,
    /// `BINARYMIME`
    pub binary_mime: bool,
    /// `SMTPUTF8`
    pub smtputf8: bool,
    /// `DSN`
    pub dsn: bool,
    /// `REQUIRETLS`
    pub require_tls: bool,
    /// `LIMITS`
    pub session_limits: SessionLimits,
    /// `ENHANCEDSTATUSCODES`
    pub enhanced_status_codes: bool,
    /// `AUTH`: those of its mechanisms that can be handed on.
    pub auth: Mechanisms,
    /// `XCLIENT`, with the attributes the server takes from us.
    pub xclient: Option<XclientAttributes>,
    /// `XFORWARD`, with the attributes the server takes from us.
    pub xforward: Option<XforwardAttributes>,
}

impl Extensions {
    /// Reads a positive reply to EHLO. The first line is the server's name; unknown keywords are skipped.
    pub(crate) fn parse(reply: &Reply) -> Self {
        let mut extensions = Self::default();
        for line in reply.lines().skip(1) {
            let mut words = line.split(|octet| matches!(octet, b' ' | b'\t')).filter(|word| !word.is_empty());
            let Some(keyword) = words.next() else { continue };
            let is = |name: &str| keyword.eq_ignore_ascii_case(name.as_bytes());
            if is("SIZE") {
                // No figure, or one that makes no sense: no fixed limit is known.
                let figure = words.next().and_then(|word| core::str::from_utf8(word).ok()?.parse().ok());
                extensions.size = Some(figure.unwrap_or(0));
            } else if is("STARTTLS") {
                extensions.starttls = true;
            } else if is("PIPELINING") {
                extensions.pipelining = true;
            } else if is("8BITMIME") {
                extensions.eight_bit_mime = true;
            } else if is("CHUNKING") {
                extensions.chunking = true;
            } else if is("SMTPUTF8") {
                extensions.smtputf8 = true;
            } else if is("BINARYMIME") {
                extensions.binary_mime = true;
            } else if is("DSN") {
                extensions.dsn = true;
            } else if is("REQUIRETLS") {
                extensions.require_tls = true;
            } else if is("LIMITS") {
                extensions.session_limits = SessionLimits::parse(words);
            } else if is("ENHANCEDSTATUSCODES") {
                extensions.enhanced_status_codes = true;
            } else if is("AUTH") {
                extensions.auth = Mechanisms::offered(words);
            } else if is("XCLIENT") {
                extensions.xclient = Some(XclientAttributes::parse(words));
            } else if is("XFORWARD") {
                extensions.xforward = Some(XforwardAttributes::parse(words));
            }
        }
        extensions
    }

    /// The first extension that a message with such parameters needs and that was not announced. SIZE and 8BITMIME
    /// never are: without the one nothing is lost but a hint, and the other is said and done alike.
    pub fn missing(&self, mail: &MailParameters) -> Option<Missing> {
        if mail.require_tls && !self.require_tls {
            Some(Missing::RequireTls)
        } else if mail.body == Some(Body::Binary) && !(self.binary_mime && self.chunking) {
            Some(Missing::BinaryMime)
        } else if mail.smtputf8 && !self.smtputf8 {
            Some(Missing::Smtputf8)
        } else if mail.asks_for_dsn() && !self.dsn {
            Some(Missing::Dsn)
        } else {
            None
        }
    }

    /// The same for a recipient.
    pub fn missing_for(&self, recipient: &RecipientParameters) -> Option<Missing> {
        (recipient.asks_for_dsn() && !self.dsn).then_some(Missing::Dsn)
    }
}

/// What a message needs and a server does not offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// `REQUIRETLS`
    RequireTls,
    /// `BINARYMIME`, or `CHUNKING` which it needs
    BinaryMime,
    /// `SMTPUTF8`
    Smtputf8,
    /// `DSN`
    Dsn,
}

impl Missing {
    /// What the client is told. TLS all the way and letters beyond ASCII cannot be done without (RFC 8689 §5, RFC 6531
    /// §3.5). The others can: the client is told to come again, and will by then hear that they are not offered.
    pub const fn reply(self) -> Reply {
        match self {
            Self::RequireTls => replies::NO_REQUIRETLS,
            Self::BinaryMime => replies::NO_BINARYMIME,
            Self::Smtputf8 => replies::NO_SMTPUTF8,
            Self::Dsn => replies::NO_DSN,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A test may fail by panicking.
    use super::*;
    use crate::auth::Mechanism;
    use crate::reply::ReplyCode;
    use crate::xclient::XclientName;
    use crate::xforward::XforwardName;

    #[test]
    fn announces_in_one_reply() {
        let mut out = Vec::new();
        let offer = Offer {
            size: 1000,
            eight_bit_mime: true,
            chunking: true,
            binary_mime: true,
            smtputf8: true,
            dsn: true,
            require_tls: true,
            session_limits: Some(SessionLimits { mails: Some(5), ..SessionLimits::default() }),
            pipelining: true,
            starttls: true,
            enhanced_status_codes: true,
            auth: Mechanisms::default().with(Mechanism::Login).with(Mechanism::Plain),
            xclient: false,
        };
        offer.write_ehlo_reply("mx.example", &mut out);
        assert_eq!(
            out,
            b"250-mx.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250-REQUIRETLS\r\n250-ENHANCEDSTATUSCODES\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250-LIMITS MAILMAX=5\r\n250 SIZE 1000\r\n"
        );
        out.clear();
        Offer::default().write_ehlo_reply("mx", &mut out);
        assert_eq!(out, b"250-mx\r\n250 SIZE\r\n");
    }

    #[test]
    fn reads_what_a_server_announces() {
        let text = b"STARTTLS is my name\npipelining\nAUTH DIGEST-MD5 Plain\nSIZE 10240000\nETRN\nStartTLS\nXCLIENT NAME  ADDR PROTO X\nXFORWARD SOURCE Y\n8BITMIME\nSMTPUTF8\nDSN\nBINARYMIME\nrequiretls\nLIMITS X=1 RCPTMAX=9\nCHUNKING\nENHANCEDSTATUSCODES\n";
        let extensions = Extensions::parse(&Reply::from_clean_lines(ReplyCode::new(250).unwrap(), text.to_vec()));
        let xclient = extensions.xclient.unwrap();
        assert!(xclient.contains(XclientName::Addr) && !xclient.contains(XclientName::Login));
        let expected = Extensions {
            size: Some(10_240_000),
            starttls: true,
            pipelining: true,
            eight_bit_mime: true,
            chunking: true,
            binary_mime: true,
            smtputf8: true,
            dsn: true,
            require_tls: true,
            session_limits: SessionLimits { recipients: Some(9), ..SessionLimits::default() },
            enhanced_status_codes: true,
            auth: Mechanisms::default().with(Mechanism::Plain),
            xclient: Some(xclient),
            xforward: Some(XforwardAttributes::default().with(XforwardName::Source)),
        };
        assert_eq!(extensions, expected);
    }

    #[test]
    fn the_name_in_the_first_line_announces_nothing() {
        let reply = Reply::from_clean_lines(ReplyCode::new(250).unwrap(), b"PIPELINING".to_vec());
        assert_eq!(Extensions::parse(&reply), Extensions::default());
        let reply = Reply::from_clean_lines(ReplyCode::new(250).unwrap(), b"mx\nSIZE many\nSIZEX 5".to_vec());
        assert_eq!(Extensions::parse(&reply).size, Some(0));
    }
}
