//! AUTH (RFC 4954) between a client and the server that knows it: mechanisms, and the lines of an exchange.
//!
//! Nothing here decides whether somebody is who they say: challenges and responses are read strictly, as base64 of at
//! most 12288 octets a line, and handed on. They are secrets or lead to one: their text is wiped when it is dropped,
//! and [`fmt::Debug`] does not show it.

use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

use crate::limits;
use crate::word_set::{Word, WordSet};

/// A mechanism that can be handed on: one that is about the client and the server alone. Missing are those that are
/// bound to the TLS that ends here (EXTERNAL, the `-PLUS` ones) or to the name of the server (GSSAPI, NTLM,
/// DIGEST-MD5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// RFC 4616
    Plain,
    /// Two questions and two answers, never standardised and widely used.
    Login,
    /// RFC 2195
    CramMd5,
    /// RFC 5802
    ScramSha1,
    /// RFC 7677
    ScramSha256,
    /// RFC 7628
    OauthBearer,
    /// What RFC 7628 came of, still asked for by large providers.
    Xoauth2,
}

impl Word for Mechanism {
    const ALL: &'static [Self] = &[
        Self::ScramSha256,
        Self::ScramSha1,
        Self::CramMd5,
        Self::Plain,
        Self::Login,
        Self::OauthBearer,
        Self::Xoauth2,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::CramMd5 => "CRAM-MD5",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::OauthBearer => "OAUTHBEARER",
            Self::Xoauth2 => "XOAUTH2",
        }
    }
}

/// The mechanisms that a server offers.
pub type Mechanisms = WordSet<Mechanism>;

impl Mechanisms {
    /// Reads the words behind `AUTH` in an EHLO reply. Where SCRAM is offered bound to TLS as well, it is not offered
    /// without: a client that could be bound would say that it was not given the choice, and the server must take that
    /// for an attack (RFC 5802 §6), which it is.
    pub(crate) fn offered<'a>(words: impl Iterator<Item = &'a [u8]> + Clone) -> Self {
        let bound = |mechanism: &Mechanism| {
            words.clone().any(|word| {
                let plus = word.len().checked_sub("-PLUS".len()).and_then(|at| word.split_at_checked(at));
                plus.is_some_and(|(name, plus)| {
                    name.eq_ignore_ascii_case(mechanism.as_str().as_bytes()) && plus.eq_ignore_ascii_case(b"-PLUS")
                })
            })
        };
        let all = Self::parse(words.clone());
        all.words().filter(|mechanism| !bound(mechanism)).fold(Self::default(), Self::with)
    }
}

/// Base64 that a client said, or nothing. Wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a line that is base64 (RFC 4648 §4), or empty. Whether it decodes to anything is the server's affair.
    pub fn parse(line: &[u8]) -> Option<Self> {
        if !is_base64(line) {
            return None;
        }
        Some(Self(Zeroizing::new(core::str::from_utf8(line).ok()?.into())))
    }

    /// An initial response: base64, or `=` for an empty one (RFC 4954 §4).
    pub(crate) fn initial(word: &str) -> Option<Self> {
        if word == "=" { Some(Self(Zeroizing::new(word.into()))) } else { Self::parse(word.as_bytes()) }
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a client says to a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthAnswer {
    /// This.
    Response(Secret),
    /// `*`, or something that is no answer at all: the exchange is to end without success (RFC 4954 §4).
    Cancel,
}

impl AuthAnswer {
    /// Reads a line, without its CRLF.
    pub(crate) fn parse(line: &[u8]) -> Self {
        Secret::parse(line).map_or(Self::Cancel, Self::Response)
    }

    /// As it is written.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Response(secret) => secret.as_str(),
            Self::Cancel => "*",
        }
    }
}

/// Whether `line` holds the letters of base64 alone, padding at its end alone, and not more than a line may.
pub(crate) fn is_base64(line: &[u8]) -> bool {
    let padding = line.iter().rev().take_while(|octet| **octet == b'=').count();
    let letters = line.get(..line.len() - padding).unwrap_or_default();
    let is_letter = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/');
    line.len() <= limits::AUTH_LINE
        && padding <= 2
        && letters.iter().all(is_letter)
        && (padding == 0 || !letters.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec;

    #[test]
    fn what_is_no_base64_is_no_response() {
        for line in ["", "Zm9v", "Zm8=", "Zg==", "+/+/"] {
            assert_eq!(AuthAnswer::parse(line.as_bytes()).as_str(), line);
        }
        for line in ["*", "=", "====", "Zg===", "Z=g=", "Zm 9v", "Zm9v*", "QUIT.", "Zm\0v"] {
            assert_eq!(AuthAnswer::parse(line.as_bytes()), AuthAnswer::Cancel, "{line}");
        }
        assert_eq!(AuthAnswer::parse(&vec![b'A'; limits::AUTH_LINE]).as_str().len(), limits::AUTH_LINE);
        assert_eq!(AuthAnswer::parse(&vec![b'A'; limits::AUTH_LINE + 1]), AuthAnswer::Cancel);
        assert!(Secret::initial("=").is_some() && Secret::initial("*").is_none());
    }

    #[test]
    fn secrets_are_not_shown() {
        let answer = AuthAnswer::parse(b"c2VjcmV0");
        assert_eq!(format!("{answer:?}"), "Response(Secret(…))");
    }

    #[test]
    fn what_is_bound_to_tls_is_not_handed_on() {
        let offered = |words: &str| Mechanisms::offered(words.split(' ').map(str::as_bytes));
        assert_eq!(format!("{:?}", offered("plain LOGIN EXTERNAL GSSAPI")), r#"{"PLAIN", "LOGIN"}"#);
        let words = "SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-256-plus PLAIN";
        assert_eq!(format!("{:?}", offered(words)), r#"{"SCRAM-SHA-1", "PLAIN"}"#);
        assert!(offered("-PLUS X").is_empty());
    }
}
