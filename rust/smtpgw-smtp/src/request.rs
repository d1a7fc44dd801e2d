//! A command line as a client wrote it, taken apart: verb and argument, and the arguments of each verb.
//!
//! RFC 5321 §4.1.1. Stateless: whether a command has its place here is the machine's question. Also the protocol
//! gate, which tells other protocols from SMTP by the first octets of a line.

use crate::auth::{Mechanism, Mechanisms, Secret};
use crate::error::CommandError;
use crate::extensions::Offer;
use crate::limits;
use crate::parameters::{MailParameters, RecipientParameters};
use crate::path::{ForwardPath, ReversePath};
use crate::verb::Verb;
use crate::word_set::Word as _;

/// A line split at its first blank.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request<'b> {
    pub(crate) verb: Verb,
    /// Without trailing blanks, which RFC 5321 §4.1.1 asks servers to tolerate.
    pub(crate) argument: &'b str,
}

impl<'b> Request<'b> {
    /// Splits a line that came without its CRLF.
    pub(crate) fn parse(line: &'b [u8]) -> Result<Self, CommandError> {
        if line.is_empty() {
            return Err(CommandError::Empty);
        }
        // No branches: compilers look at many octets at a time.
        if line.iter().fold(false, |seen, octet| seen | octet.is_ascii_control()) {
            let is_newline = line.contains(&b'\r');
            return Err(if is_newline { CommandError::BareNewline } else { CommandError::Octet });
        }
        let line = core::str::from_utf8(line).map_err(|_| CommandError::Octet)?;
        let line = line.trim_end_matches(' ');
        let (word, argument) = line.split_once(' ').unwrap_or((line, ""));
        let verb = Verb::from_word(word);
        // RFC 6531 §3.3: letters beyond ASCII have their place in addresses and in parameters.
        if !line.is_ascii() && !matches!(verb, Some(Verb::Mail | Verb::Recipient)) {
            return Err(CommandError::Octet);
        }
        Ok(Self { verb: verb.ok_or(CommandError::Unrecognised)?, argument })
    }

    /// For commands that take no argument.
    pub(crate) fn no_argument(&self) -> Result<(), CommandError> {
        if self.argument.is_empty() { Ok(()) } else { Err(CommandError::Argument) }
    }

    /// For commands that must have one.
    pub(crate) fn some_argument(&self) -> Result<(), CommandError> {
        if self.argument.is_empty() { Err(CommandError::Argument) } else { Ok(()) }
    }

    /// The name behind EHLO and HELO.
    pub(crate) fn hello_name(&self) -> Result<&'b str, CommandError> {
        let name = self.argument.trim_start_matches(' ');
        if is_hello_name(name) { Ok(name) } else { Err(CommandError::HelloName) }
    }

    /// The argument of MAIL.
    pub(crate) fn mail(&self, offer: &Offer) -> Result<(ReversePath, MailParameters), CommandError> {
        let text = behind_keyword(self.argument, "FROM:").ok_or(CommandError::ReversePath)?;
        let (path, rest) = ReversePath::parse_prefix(text).map_err(|_| CommandError::ReversePath)?;
        let parameters = MailParameters::parse(rest, offer)?;
        if !path.is_ascii() && !parameters.smtputf8 {
            return Err(CommandError::NonAsciiAddress);
        }
        Ok((path, parameters))
    }

    /// The argument of RCPT; `smtputf8` is what MAIL asked for.
    pub(crate) fn recipient(
        &self,
        offer: &Offer,
        smtputf8: bool,
    ) -> Result<(ForwardPath, RecipientParameters), CommandError> {
        let text = behind_keyword(self.argument, "TO:").ok_or(CommandError::ForwardPath)?;
        let (path, rest) = ForwardPath::parse_prefix(text).map_err(|_| CommandError::ForwardPath)?;
        let parameters = RecipientParameters::parse(rest, offer, smtputf8)?;
        if !path.is_ascii() && !smtputf8 {
            return Err(CommandError::NonAsciiAddress);
        }
        Ok((path, parameters))
    }

    /// The argument of AUTH: a mechanism that is among those `offered`, and perhaps an initial response.
    pub(crate) fn auth(&self, offered: Mechanisms) -> Result<(Mechanism, Option<Secret>), CommandError> {
        self.some_argument()?;
        let (name, initial) = match self.argument.split_once(' ') {
            Some((name, initial)) => (name, Some(initial.trim_start_matches(' '))),
            None => (self.argument, None),
        };
        let mechanism = Mechanism::known(name).filter(|mechanism| offered.contains(*mechanism));
        let mechanism = mechanism.ok_or(CommandError::Mechanism)?;
        let initial = initial.map(|initial| Secret::initial(initial).ok_or(CommandError::Undecodable)).transpose()?;
        Ok((mechanism, initial))
    }

    /// The size of the chunk behind BDAT and whether it is the last (RFC 3030 §2); `None` if where it ends cannot be
    /// told.
    pub(crate) fn chunk(&self) -> Option<(u64, bool)> {
        let (size, last) = match self.argument.split_once(' ') {
            Some((size, word)) if word.eq_ignore_ascii_case("LAST") => (size, true),
            Some(_) => return None,
            None => (self.argument, false),
        };
        let digits = !size.is_empty() && size.len() <= 20 && size.bytes().all(|octet| octet.is_ascii_digit());
        if digits { Some((size.parse().ok()?, last)) } else { None }
    }
}

/// What a client may call itself: whatever is printable. It is a claim, by which nobody is judged (RFC 5321 §4.1.4),
/// and devices are called `my pc` by their owners. Whoever writes it somewhere else cleans it for that place.
pub(crate) fn is_hello_name(text: &str) -> bool {
    (1..=limits::HELLO_NAME).contains(&text.len()) && text.bytes().all(|octet| matches!(octet, b' '..=b'~'))
}

/// `FROM:` and `TO:` in any case. Further blanks in front of them and behind the colon are against RFC 5321 §3.3 and
/// common; they are harmless, since what is passed on is written anew.
fn behind_keyword<'b>(argument: &'b str, keyword: &str) -> Option<&'b str> {
    let (word, rest) = argument.trim_start_matches(' ').split_at_checked(keyword.len())?;
    word.eq_ignore_ascii_case(keyword).then(|| rest.trim_start_matches(' '))
}

/// Whether a line is EHLO or HELO with something behind it.
pub(crate) fn is_hello(line: &[u8]) -> bool {
    let word = line.get(..5).unwrap_or_default();
    word.eq_ignore_ascii_case(b"EHLO ") || word.eq_ignore_ascii_case(b"HELO ")
}

/// Whether a line that is none of SMTP was to be BDAT's: its first word is, and no letter makes another one of it.
pub(crate) fn is_chunk(line: &[u8]) -> bool {
    let (word, rest) = line.split_at_checked(4).unwrap_or((line, &[]));
    word.eq_ignore_ascii_case(b"BDAT") && !rest.first().is_some_and(u8::is_ascii_alphabetic)
}

/// Whether the start of a line, complete or not, shows that this is not SMTP: a first octet that is no letter, a
/// first word that is a method of HTTP, or one that ends in a colon as the name of a header field does.
pub(crate) fn is_foreign(input: &[u8]) -> bool {
    match input {
        // An empty line is a mistake, not another protocol.
        [] | [b'\r'] | [b'\r', b'\n', ..] => return false,
        [first, ..] if first.is_ascii_alphabetic() => {}
        _ => return true,
    }
    let looked_at = input.get(..limits::GATE).unwrap_or(input);
    let is_word = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    let Some(end) = looked_at.iter().position(|octet| !is_word(octet)) else { return false };
    let word = looked_at.get(..end).unwrap_or_default();
    looked_at.get(end) == Some(&b':') || HTTP_METHODS.iter().any(|method| word.eq_ignore_ascii_case(method))
}

/// RFC 9110 §9.1 and RFC 5789, and the first word of HTTP/2.
const HTTP_METHODS: [&[u8]; 10] =
    [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH", b"PRI"];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A test may fail by panicking.
    use super::*;
    use alloc::format;
    use alloc::string::ToString as _;

    #[test]
    fn lines_are_split_at_the_first_blank() {
        assert_eq!(Request::parse(b"noop"), Ok(Request { verb: Verb::Noop, argument: "" }));
        assert_eq!(Request::parse(b"Noop  a b  "), Ok(Request { verb: Verb::Noop, argument: " a b" }));
        for (line, error) in [
            (&b""[..], CommandError::Empty),
            (b"  ", CommandError::Unrecognised),
            (b"NOOPS", CommandError::Unrecognised),
            (b"NOOP\tx", CommandError::Octet),
            (b"NOOP \0", CommandError::Octet),
            (b"NOOP \x1b[2J", CommandError::Octet),
            (b"NOOP \x7f", CommandError::Octet),
            (b"NOOP \xc3\xa9", CommandError::Octet),
            (b"NOOP \xff", CommandError::Octet),
            (b"MAIL FROM:<\xff@b>", CommandError::Octet),
            (b"MAIL FROM:<\xc0\x80@b>", CommandError::Octet),
            (b"MAIL FROM:<\xed\xa0\x80@b>", CommandError::Octet),
            (b"MAIL FROM:<\0@b>", CommandError::Octet),
            (b"M\xc3\xa4IL", CommandError::Octet),
            (b"NOOP \rQUIT", CommandError::BareNewline),
        ] {
            assert_eq!(Request::parse(line), Err(error), "{line:?}");
        }
    }

    #[test]
    fn every_verb_is_found_in_any_case() {
        for verb in Verb::ALL {
            assert_eq!(Request::parse(verb.as_str().to_ascii_lowercase().as_bytes()).unwrap().verb, verb);
        }
        assert!(Request::parse(b".").is_err());
    }

    #[test]
    fn names_behind_hello_are_any_text() {
        let name =
            |text: &str| Request::parse(text.as_bytes()).and_then(|request| request.hello_name().map(str::to_string));
        for (text, expected) in [
            ("EHLO [192.0.2.1] ", "[192.0.2.1]"),
            ("EHLO my_pc", "my_pc"),
            ("HELO my pc", "my pc"),
            ("HELO   my  pc  ", "my  pc"),
            ("EHLO a) (b; c <d@e> \"f", "a) (b; c <d@e> \"f"),
            ("EHLO mx.example.", "mx.example."),
            (&format!("EHLO {}", "a".repeat(255)), &"a".repeat(255)),
        ] {
            assert_eq!(name(text), Ok(expected.into()), "{text}");
        }
        for text in ["EHLO", "EHLO ", "HELO   ", &format!("EHLO {}", "a".repeat(256))] {
            assert_eq!(name(text), Err(CommandError::HelloName), "{text}");
        }
        for text in ["EHLO my\tpc", "EHLO \u{1b}[2J", "EHLO b\u{fc}ro"] {
            assert_eq!(name(text), Err(CommandError::Octet), "{text}");
        }
    }

    #[test]
    fn paths_stand_behind_their_keyword() {
        let offer = Offer::default();
        for text in [
            "MAIL FROM:<a@b> SIZE=5",
            "mail from: <a@b> size=5 ",
            "MAIL  From:<a@b>  SIZE=5",
            "MAIL FROM:a@b SIZE=5",
            "MAIL FROM: a@b.  SIZE=5 ",
        ] {
            let (path, parameters) = Request::parse(text.as_bytes()).unwrap().mail(&offer).unwrap();
            assert_eq!((path.as_str(), parameters.size), ("a@b", Some(5)), "{text}");
        }
        for text in [
            "MAIL",
            "MAIL FROM",
            "MAIL FROM <a@b>",
            "MAIL FROM :<a@b>",
            "MAIL TO:<a@b>",
            "MAIL FROM:",
            "MAIL FROM:a@b>",
            "MAIL FROM:<a@b",
            "MAIL FROM:<a@b SIZE=5>",
            "MAIL FROM:@x:a@b",
            "MAIL FROM:\"a b\"@c",
            "MAIL FROM:a@b,c@d",
            "MAIL FROM:SIZE=5",
            "MAIL FROM:root",
        ] {
            assert_eq!(Request::parse(text.as_bytes()).unwrap().mail(&offer), Err(CommandError::ReversePath), "{text}");
        }
        for text in ["MAIL FROM:a b@c", "MAIL FROM:a@b <c@d>"] {
            assert!(Request::parse(text.as_bytes()).unwrap().mail(&offer).is_err(), "{text}");
        }
        let request = Request::parse(b"RCPT TO:<a@b>SIZE=1").unwrap();
        assert_eq!(request.recipient(&offer, false), Err(CommandError::ParameterSyntax));
        assert_eq!(Request::parse(b"RCPT TO:<>").unwrap().recipient(&offer, false), Err(CommandError::ForwardPath));
    }

    #[test]
    fn letters_beyond_ascii_need_smtputf8() {
        let (all, none) = (Offer { smtputf8: true, ..Offer::default() }, Offer::default());
        let mail = |text: &str, offer| Request::parse(text.as_bytes()).unwrap().mail(offer).map(|(path, _)| path);
        assert_eq!(mail("MAIL FROM:<é@b> SMTPUTF8", &all).unwrap().as_str(), "é@b");
        assert_eq!(mail("MAIL FROM:<é@b>", &all), Err(CommandError::NonAsciiAddress));
        assert_eq!(mail("MAIL FROM:<é@b>", &none), Err(CommandError::NonAsciiAddress));
        assert_eq!(mail("MAIL FROM:<é@b> SMTPUTF8", &none), Err(CommandError::ParameterUnknown));
        assert_eq!(mail("MAIL FROM:<a@b>é SMTPUTF8", &all), Err(CommandError::ParameterSyntax));
        assert_eq!(mail("MAIL FRÖM:<a@b>", &all), Err(CommandError::ReversePath));
        let recipient = |smtputf8| Request::parse("RCPT TO:<é@b>".as_bytes()).unwrap().recipient(&all, smtputf8);
        assert_eq!(recipient(true).unwrap().0.as_str(), "é@b");
        assert_eq!(recipient(false), Err(CommandError::NonAsciiAddress));
    }

    #[test]
    fn chunk_sizes_are_digits_and_nothing_else() {
        let size = |text: &str| Request::parse(text.as_bytes()).unwrap().chunk();
        assert_eq!(size("BDAT 0"), Some((0, false)));
        assert_eq!(size("BDAT 86 last"), Some((86, true)));
        for text in [
            "BDAT",
            "BDAT -1",
            "BDAT +1",
            "BDAT 1 2",
            "BDAT  1",
            "BDAT 1 LAST LAST",
            "BDAT 0x1",
            "BDAT 18446744073709551616",
            "BDAT LAST",
        ] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn the_gate_knows_other_protocols_by_their_first_octets() {
        for input in [
            &b"GET "[..],
            b"get /",
            b"POST / HTTP/1.1\r\n",
            b"PRI * HTTP/2.0\r\n",
            b"Host: x",
            b"Content-Type:",
            b"X_Y:",
            b"\x16\x03\x01",
            b"\0",
            b" EHLO",
            b"\t",
            b"\n",
            b"\r\r",
            b".",
            b"1",
            b"-",
            b"\xff",
            b"MAIL:",
            b"OPTIONS\r\n",
        ] {
            assert!(is_foreign(input), "{input:?}");
        }
        for input in [
            &b""[..],
            b"G",
            b"GET",
            b"EHLO x",
            b"HELP\r\n",
            b"\r",
            b"\r\n",
            b"Host",
            b"MAIL FROM:<a@b>",
            b"GETS ",
            b"x",
        ] {
            assert!(!is_foreign(input), "{input:?}");
        }
    }
}
