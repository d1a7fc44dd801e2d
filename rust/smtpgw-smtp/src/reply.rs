//! A reply: a code and lines of text (RFC 5321 §4.2), with the enhanced status code of RFC 3463 as part of the text.
//!
//! One type serves both roles. A reply read from a backend is kept as it came, line by line, so that it can be
//! relayed verbatim; our own replies stand in [`replies`](crate::replies). Invariant: the text holds no control
//! character but HTAB, so nothing in it can end a line, whoever wrote it.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};

use crate::limits;

/// A reply code: three digits, RFC 5321 §4.2.1.
///
/// The grammar there ends at 559, but codes such as 571 and 591 are in the field, and a refusal must reach the
/// client as what it is. So the second digit is not judged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyCode(u16);

impl ReplyCode {
    /// The code, if it is one that a server may send.
    pub const fn new(code: u16) -> Option<Self> {
        if code >= 200 && code <= 599 { Some(Self(code)) } else { None }
    }

    /// Its number.
    pub const fn value(self) -> u16 {
        self.0
    }

    /// Its first digit: 2, 3, 4 or 5.
    pub const fn class(self) -> u8 {
        (self.0 / 100) as u8
    }

    fn digits(self) -> [u8; 3] {
        let digit = |n: u16| b'0' + (n % 10) as u8;
        [digit(self.0 / 100), digit(self.0 / 10), digit(self.0)]
    }
}

impl fmt::Display for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.digits().into_iter().try_for_each(|digit| f.write_char(char::from(digit)))
    }
}

impl fmt::Debug for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// An enhanced status code: class, subject, detail (RFC 3463 §2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnhancedStatusCode {
    class: u8,
    subject: u16,
    detail: u16,
}

impl EnhancedStatusCode {
    /// The code, if its class is 2, 4 or 5 and its numbers have at most three digits.
    pub const fn new(class: u8, subject: u16, detail: u16) -> Option<Self> {
        if matches!(class, 2 | 4 | 5) && subject <= 999 && detail <= 999 {
            Some(Self { class, subject, detail })
        } else {
            None
        }
    }

    /// 2, 4 or 5.
    pub const fn class(self) -> u8 {
        self.class
    }

    /// What it is about: 1 address, 2 mailbox, 3 mail system, 4 network, 5 protocol, 6 content, 7 policy.
    pub const fn subject(self) -> u16 {
        self.subject
    }

    /// The detail within the subject.
    pub const fn detail(self) -> u16 {
        self.detail
    }

    /// Reads the code a reply text begins with, if it begins with one.
    fn at_start_of(text: &[u8]) -> Option<Self> {
        let word = text.split(|octet| *octet == b' ').next()?;
        let mut numbers = word.split(|octet| *octet == b'.');
        let class = number(numbers.next()?)?;
        let subject = number(numbers.next()?)?;
        let detail = number(numbers.next()?)?;
        if numbers.next().is_some() {
            return None;
        }
        Self::new(u8::try_from(class).ok()?, subject, detail)
    }
}

impl fmt::Display for EnhancedStatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl fmt::Debug for EnhancedStatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One reply: a code and at least one line of text, which may be empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    code: ReplyCode,
    /// Lines joined by LF, which no line can contain. Enhanced codes are part of it, where the sender put them.
    text: Cow<'static, [u8]>,
}

impl Reply {
    /// A reply of one line. Control characters and octets above 126 in `text` become `?`, and the line is cut
    /// where it would exceed the 512 octets of RFC 5321 §4.5.3.1.5.
    pub fn new(code: ReplyCode, enhanced: Option<EnhancedStatusCode>, text: &str) -> Self {
        let mut line = alloc::string::String::new();
        if let Some(enhanced) = enhanced {
            // Writing to a String cannot fail.
            let _ = write!(line, "{enhanced} ");
        }
        line.extend(text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }));
        line.truncate(limits::REPLY_TEXT);
        Self { code, text: Cow::Owned(line.into_bytes()) }
    }

    /// A reply of the table in [`replies`](crate::replies): one line, checked when the program is compiled.
    pub(crate) const fn fixed(code: u16, text: &'static str) -> Self {
        let Some(code) = ReplyCode::new(code) else { panic!("no reply code") };
        let bytes = text.as_bytes();
        assert!(bytes.len() <= limits::REPLY_TEXT);
        let mut at = 0;
        while at < bytes.len() {
            assert!(bytes[at] >= b' ' && bytes[at] <= b'~');
            at += 1;
        }
        Self { code, text: Cow::Borrowed(bytes) }
    }

    /// A reply of lines that were cleaned by [`clean_into`] and joined by LF.
    pub(crate) fn from_clean_lines(code: ReplyCode, text: Vec<u8>) -> Self {
        Self { code, text: Cow::Owned(text) }
    }

    /// The code.
    pub fn code(&self) -> ReplyCode {
        self.code
    }

    /// The enhanced status code at the start of the text; `None` too if its class is not that of the code
    /// (RFC 2034 §4).
    pub fn enhanced(&self) -> Option<EnhancedStatusCode> {
        EnhancedStatusCode::at_start_of(self.lines().next()?).filter(|enhanced| enhanced.class == self.code.class())
    }

    /// The text of every line, as octets: a backend may write any charset.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.text.split(|octet| *octet == b'\n')
    }

    /// 2yz: the command was done.
    pub fn is_positive_completion(&self) -> bool {
        self.code.class() == 2
    }

    /// 3yz: go on.
    pub fn is_intermediate(&self) -> bool {
        self.code.class() == 3
    }

    /// 4yz: try again later.
    pub fn is_transient(&self) -> bool {
        self.code.class() == 4
    }

    /// 5yz: do not try again.
    pub fn is_permanent(&self) -> bool {
        self.code.class() == 5
    }

    /// 421: the sender of this reply closes the connection (RFC 5321 §3.8).
    pub fn is_closing(&self) -> bool {
        self.code.value() == 421
    }

    /// Appends the reply as it goes over the wire, in as many lines as it has (RFC 5321 §4.2.1).
    pub fn write_to(&self, out: &mut Vec<u8>) {
        let digits = self.code.digits();
        let mut lines = self.lines().peekable();
        while let Some(line) = lines.next() {
            out.extend_from_slice(&digits);
            out.push(if lines.peek().is_some() { b'-' } else { b' ' });
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// For records: all lines joined by ` / `, octets that are not UTF-8 replaced.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.code, f)?;
        for (number, line) in self.lines().enumerate() {
            f.write_str(if number == 0 { " " } else { " / " })?;
            f.write_str(&alloc::string::String::from_utf8_lossy(line))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({self})")
    }
}

/// Appends the text of one line that a peer wrote. Octets above 126 stay (RFC 6531 §3.5 allows UTF-8, and some
/// servers send their own charset); control characters but HTAB become `?`.
pub(crate) fn clean_into(out: &mut Vec<u8>, line: &[u8]) {
    out.extend(line.iter().map(|octet| if octet.is_ascii_control() && *octet != b'\t' { b'?' } else { *octet }));
}

/// One to three digits.
fn number(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || digits.len() > 3 {
        return None;
    }
    let mut value = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u16::from(digit - b'0');
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A test may fail by panicking.
    use super::*;
    use alloc::string::ToString as _;

    fn written(reply: &Reply) -> Vec<u8> {
        let mut out = Vec::new();
        reply.write_to(&mut out);
        out
    }

    #[test]
    fn codes_have_three_digits_and_a_class_that_servers_send() {
        for (code, good) in
            [(199, false), (200, true), (250, true), (354, true), (571, true), (599, true), (600, false)]
        {
            assert_eq!(ReplyCode::new(code).is_some(), good, "{code}");
        }
        assert!(EnhancedStatusCode::new(3, 0, 0).is_none());
        assert!(EnhancedStatusCode::new(5, 1000, 0).is_none());
        assert_eq!(EnhancedStatusCode::new(5, 7, 26).unwrap().to_string(), "5.7.26");
    }

    #[test]
    fn text_of_our_own_cannot_end_the_line() {
        let reply = Reply::new(ReplyCode::new(550).unwrap(), EnhancedStatusCode::new(5, 7, 1), "no\r\n250 yes\0\x1b é");
        assert_eq!(written(&reply), b"550 5.7.1 no??250 yes?? ?\r\n");
        let long = Reply::new(ReplyCode::new(550).unwrap(), None, &"x".repeat(10_000));
        assert!(written(&long).len() <= 512);
    }

    #[test]
    fn lines_keep_their_form() {
        let reply = Reply::from_clean_lines(ReplyCode::new(250).unwrap(), b"2.0.0 one\n\ntwo".to_vec());
        assert_eq!(written(&reply), b"250-2.0.0 one\r\n250-\r\n250 two\r\n");
        assert_eq!(reply.to_string(), "250 2.0.0 one /  / two");
    }

    #[test]
    fn the_enhanced_code_must_fit_the_code() {
        for (code, text, expected) in [
            (250, "2.1.5 ok", Some("2.1.5")),
            (250, "2.1.5", Some("2.1.5")),
            (550, "2.1.5 liar", None),
            (250, "2.1 ok", None),
            (250, "2.1.5.4 ok", None),
            (250, "2..5 ok", None),
            (250, "2.1.1234 ok", None),
            (250, "", None),
        ] {
            let reply = Reply::from_clean_lines(ReplyCode::new(code).unwrap(), text.as_bytes().to_vec());
            assert_eq!(reply.enhanced().map(|e| e.to_string()).as_deref(), expected, "{code} {text}");
        }
    }

    #[test]
    fn what_a_peer_wrote_is_cleaned_of_controls_only() {
        let mut out = Vec::new();
        clean_into(&mut out, b"a\tb\0c\x1b\x7f\xc3\xa9\xff");
        assert_eq!(out, b"a\tb?c??\xc3\xa9\xff");
    }
}
