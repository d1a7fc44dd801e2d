//! Reverse-path, forward-path and mailbox: the grammar of RFC 5321 §4.1.2, and what real senders write beside it.
//!
//! A path is kept as it was written, so it is passed on unchanged, with the few rewrites that are named below and that
//! of a source route, which RFC 5321 §4.1.1.3 and appendix C tell servers to accept and to drop. What has two readings
//! is refused: `u@x@d`, doubled brackets or one of a pair, blanks, parameters inside the brackets. A route hidden in a
//! local part (`u%x@d`, `x!u@d`, `"u@x"@d`) does fit the grammar; [`Mailbox::routes_onward`] tells, and policy decides.
//!
//! Leniency, each for mail that is really sent, none of it ambiguous, all of it taken by Postfix too:
//! - local parts longer than 64 octets, as large senders bounce to, and underscores in domains, as hosts have them;
//! - dots anywhere in an unquoted local part (`a..b@d`, `.a@d`, `a.@d`): Japanese carriers have issued such addresses;
//! - colons there (`mailto:a@d`): written back in quotes, which is the same mailbox (RFC 5321 §4.1.2), since without
//!   them a server might read a route or a group;
//! - one dot behind a domain, the root of the DNS: dropped, so that a domain is compared and passed on in one form;
//! - a mailbox without its brackets, up to the first blank, by old printers and scanners: written back in them;
//! - a sender without a domain (`<root>`), by devices that do not know theirs: the backend's to judge. A recipient
//!   without one is refused, for whose it is cannot be told; `Postmaster` is everybody's (RFC 5321 §4.5.1).
//!
//! RFC 6531 §3.3 adds letters beyond ASCII to local parts and domains. They are read here, and whether the transaction
//! asked for them (SMTPUTF8) is for the machine to say: [`Mailbox::is_ascii`].
//!
//! Leaves to others: the octets themselves (`path/grammar`), whether a domain exists.

use alloc::boxed::Box;
use core::fmt;

mod grammar;

pub(crate) use self::grammar::is_beyond_ascii;

/// `local-part@domain`, one allocation.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Mailbox {
    text: Box<str>,
    /// Where the `@` between local part and domain stands.
    at: usize,
}

impl Mailbox {
    /// Reads a mailbox that fills `text` from end to end.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        match grammar::mailbox(text)? {
            (mailbox, "") => Ok(mailbox),
            _ => Err(PathError),
        }
    }

    /// The whole of it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands before the `@`, quoted if it was written so.
    pub fn local_part(&self) -> &str {
        self.text.get(..self.at).unwrap_or_default()
    }

    /// What stands behind the `@`: a domain, or an address in brackets.
    pub fn domain(&self) -> &str {
        self.text.get(self.at + 1..).unwrap_or_default()
    }

    /// Whether the local part could be read as an address at another host: it contains `%`, `!` or `@`, or what
    /// becomes one of them when letters are normalised (NFKC). A backend that rewrites such addresses and trusts us
    /// would relay them for anybody, so whoever admits recipients by their domain alone must refuse them.
    pub fn routes_onward(&self) -> bool {
        const ROUTES: [char; 9] = [
            '%', '!', '@', // in full width, then in their small forms
            '\u{ff05}', '\u{ff01}', '\u{ff20}', '\u{fe6a}', '\u{fe57}', '\u{fe6b}',
        ];
        self.local_part().contains(ROUTES)
    }

    /// Whether it can be written without SMTPUTF8 (RFC 6531).
    pub fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

/// Who a message comes from: a mailbox, a name without a domain, or nobody (`<>`), as notices do.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct ReversePath(Sender);

#[derive(Clone, Default, PartialEq, Eq, Hash)]
enum Sender {
    #[default]
    Nobody,
    Mailbox(Mailbox),
    /// A local part alone.
    Name(Box<str>),
}

impl ReversePath {
    /// The null reverse-path `<>`.
    pub const NULL: Self = Self(Sender::Nobody);

    /// Reads a path that fills `text` from end to end.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        match Self::parse_prefix(text)? {
            (path, "") => Ok(path),
            _ => Err(PathError),
        }
    }

    /// Reads the path `text` begins with; gives what is behind it.
    pub(crate) fn parse_prefix(text: &str) -> Result<(Self, &str), PathError> {
        if let Some(rest) = text.strip_prefix("<>") {
            return Ok((Self::NULL, rest));
        }
        if let Some((name, rest)) = grammar::name(text) {
            return Ok((Self(Sender::Name(name.into())), rest));
        }
        let (mailbox, rest) = grammar::path(text)?;
        Ok((Self(Sender::Mailbox(mailbox)), rest))
    }

    /// The mailbox, if there is one.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match &self.0 {
            Sender::Mailbox(mailbox) => Some(mailbox),
            Sender::Nobody | Sender::Name(_) => None,
        }
    }

    /// Without angle brackets; empty for `<>`.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Sender::Nobody => "",
            Sender::Mailbox(mailbox) => mailbox.as_str(),
            Sender::Name(name) => name,
        }
    }

    /// The domain; `None` for `<>` and for a name without one.
    pub fn domain(&self) -> Option<&str> {
        self.mailbox().map(Mailbox::domain)
    }

    /// Whether it can be written without SMTPUTF8 (RFC 6531).
    pub fn is_ascii(&self) -> bool {
        self.as_str().is_ascii()
    }

    /// Whether it is `<>`.
    pub fn is_null(&self) -> bool {
        self.0 == Sender::Nobody
    }
}

impl From<Mailbox> for ReversePath {
    fn from(mailbox: Mailbox) -> Self {
        Self(Sender::Mailbox(mailbox))
    }
}

/// Who a message goes to: a mailbox, or `Postmaster` without a domain (RFC 5321 §4.5.1).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ForwardPath(Recipient);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Recipient {
    Mailbox(Mailbox),
    /// As it was written: its case is the sender's.
    Postmaster(Box<str>),
}

impl ForwardPath {
    /// Reads a path that fills `text` from end to end.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        match Self::parse_prefix(text)? {
            (path, "") => Ok(path),
            _ => Err(PathError),
        }
    }

    /// Reads the path `text` begins with; gives what is behind it.
    pub(crate) fn parse_prefix(text: &str) -> Result<(Self, &str), PathError> {
        if let Some((name, rest)) = grammar::name(text)
            && name.eq_ignore_ascii_case("postmaster")
        {
            return Ok((Self(Recipient::Postmaster(name.into())), rest));
        }
        let (mailbox, rest) = grammar::path(text)?;
        Ok((Self(Recipient::Mailbox(mailbox)), rest))
    }

    /// The mailbox; `None` for `Postmaster` without a domain.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match &self.0 {
            Recipient::Mailbox(mailbox) => Some(mailbox),
            Recipient::Postmaster(_) => None,
        }
    }

    /// Without angle brackets.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Recipient::Mailbox(mailbox) => mailbox.as_str(),
            Recipient::Postmaster(name) => name,
        }
    }

    /// Whether it can be written without SMTPUTF8 (RFC 6531).
    pub fn is_ascii(&self) -> bool {
        self.as_str().is_ascii()
    }

    /// The domain; `None` for `Postmaster` without one.
    pub fn domain(&self) -> Option<&str> {
        self.mailbox().map(Mailbox::domain)
    }
}

impl From<Mailbox> for ForwardPath {
    fn from(mailbox: Mailbox) -> Self {
        Self(Recipient::Mailbox(mailbox))
    }
}

macro_rules! shown_in_brackets {
    ($($path:ty),*) => {$(
        impl fmt::Display for $path {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "<{}>", self.as_str())
            }
        }
        impl fmt::Debug for $path {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}
shown_in_brackets!(ReversePath, ForwardPath);

/// The text is not a path by RFC 5321 §4.1.2 and our leniency, or longer than our limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathError;

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a path as RFC 5321 §4.1.2 defines it")
    }
}

impl core::error::Error for PathError {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A test may fail by panicking.
    use super::*;
    use alloc::format;
    use alloc::string::ToString as _;

    /// Paths one after the other, two blanks between them, in as many lines as they take.
    fn each(paths: &str) -> impl Iterator<Item = &str> {
        paths.lines().flat_map(|line| line.split("  ")).filter(|path| !path.is_empty())
    }

    #[test]
    fn paths_that_rfc_5321_allows_are_passed_unchanged() {
        const ALLOWED: &str = r#"
<a@b>  <a.b@c.example>  <prvs=1a2b=user+tag=x@example.org>  <u%x@d.example>  <x!u@d.example>  <!#$%&'*+-/=?^_`{|}~@b>
<"a b"@c.example>  <""@c.example>  <"a\"b\\"@c.example>  <"u@x"@d.example>  <"<a@b>"@c>  <"a..b"@c>
<a@[192.0.2.1]>  <a@[IPv6:2001:db8::1]>  <a@[ipv6:::ffff:192.0.2.1]>  <a@xn--bcher-kva.example>  <root@web_1>  <a@1.2.3.4>
"#;
        assert_eq!(each(ALLOWED).count(), 18);
        for text in each(ALLOWED) {
            assert_eq!(ForwardPath::parse(text).unwrap().to_string(), text);
            assert_eq!(ReversePath::parse(text).unwrap().to_string(), text);
        }
        let long = format!("<{}@example.org>", "v".repeat(200));
        assert_eq!(ReversePath::parse(&long).unwrap().as_str().len(), 212);
    }

    #[test]
    fn source_routes_are_read_strictly_and_dropped() {
        for text in ["<@one:a@b>", "<@one,@two.example:a@b>"] {
            assert_eq!(ForwardPath::parse(text).unwrap().as_str(), "a@b", "{text}");
        }
        for text in each(
            "<@one,two:a@b>  <@one a@b>  <@:a@b>  <@one,:a@b>  <@one:>  <@one:@two:a@b>  <@one>  <@one.:a@b>  @one:a@b",
        ) {
            assert_eq!(ForwardPath::parse(text), Err(PathError), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        const REFUSED: &str = r#"
<  >  < >  a  <@>  <a@>  <@b>  <a@b  a@b>  <<a@b>>  <a@b>>  <a@@b>  <u@x@d>  <a@b c>  <a b@c>  < a@b>  <a@b >
<a@b SIZE=1>  <a@b>SIZE=1  <a@.b>  <a@b..>  <a@.>  <a@b..c>  <a@-b>  <a@b->  <a@b.-c>  <a@b-.c>  <a@b-.>  <"a">
<a:b>  <:>  <a@[192.0.2.1].>
a@b,c@d  u@x@d  a@b..  a@-b  @b  a@  a@b<  <a@b  "a@b  "a@b"  'a@b'  [a@b]  a,b@c  A<a@b>  a(b)@c  postmaster  SIZE=1
<"a@b>  <"a\"@b>  <"a"b@c>  <a"b"@c>  <"a"@"b">  <"a\>  <"a"."b"@c>  <a(b)@c>  <a@b(c)>  <a,b@c>  <a;b@c>  <a\b@c>
<a@[192.0.2]>  <a@[192.0.2.1>  <a@192.0.2.1]>  <a@[IPv6:192.0.2.1]>  <a@[2001:db8::1]>  <a@[X-tag:foo]>  <a@[]>  <a@[192.0.2.1]x>
<a@é-.b>  <a@é..b>  <a@b。c>  <a@b．c>  <a@é﹒c>  <a\é@b>
"#;
        let escaped = [
            "",
            "<a@b> ",
            "a@b ",
            "\"a b\"@c",
            "a@b\0",
            "a@b\r\n",
            "<a@b\0>",
            "<a\t@b>",
            "<\"a\tb\"@c>",
            "<\"a\0\"@b>",
            "<\"a\\\r\"@b>",
            "<a@b\r\n>",
        ];
        assert_eq!(each(REFUSED).count(), 75);
        for letter in ['\u{85}', '\u{a0}', '\u{2028}', '\u{3000}', '\u{202e}', '\u{2066}'] {
            for text in [format!("<a{letter}@b>"), format!("<\"a{letter}\"@b>"), format!("<a@b{letter}c>")] {
                assert_eq!(ForwardPath::parse(&text), Err(PathError), "{text:?}");
            }
        }
        for text in each(REFUSED).chain(escaped) {
            assert_eq!(ForwardPath::parse(text), Err(PathError), "{text:?}");
            assert_eq!(ReversePath::parse(text), Err(PathError), "{text:?}");
        }
        for recipient in ["<>", "<root>", "<a..b>", "<用户>"] {
            assert_eq!(ForwardPath::parse(recipient), Err(PathError));
        }
        let labels = "d.".repeat(128) + "d";
        let letters = "é".repeat(127);
        for (local, domain) in [
            ("l".repeat(257), "d"),
            (":".repeat(255), "d"),
            ("l".into(), &"d".repeat(64)),
            ("l".into(), &labels),
            ("l".into(), &letters),
        ] {
            assert_eq!(ForwardPath::parse(&format!("<{local}@{domain}>")), Err(PathError));
            assert_eq!(ForwardPath::parse(&format!("{local}@{domain}")), Err(PathError));
        }
        assert_eq!(ReversePath::parse(&format!("<{}>", "l".repeat(257))), Err(PathError));
    }

    #[test]
    fn letters_beyond_ascii_are_told_apart() {
        for text in
            each("<用户@例え.テスト>  <dörte@[192.0.2.1]>  <\"dör te\"@b>  <a@bücher.example>  <a@xn--é.b>  <é..é@b>")
        {
            let path = ForwardPath::parse(text).unwrap();
            assert_eq!((path.to_string().as_str(), path.is_ascii()), (text, false));
            let mailbox = path.mailbox().unwrap();
            assert_eq!([mailbox.local_part(), mailbox.domain()].join("@"), text[1..text.len() - 1]);
        }
        assert!(ReversePath::NULL.is_ascii() && ForwardPath::parse("<postmaster>").unwrap().is_ascii());
    }

    #[test]
    fn postmaster_needs_no_domain() {
        let path = ForwardPath::parse("<PostMaster>").unwrap();
        assert_eq!((path.as_str(), path.domain(), path.mailbox()), ("PostMaster", None, None));
        assert_eq!(ForwardPath::parse("<postmaster@b>").unwrap().domain(), Some("b"));
    }

    #[test]
    fn the_null_path_is_empty() {
        let path = ReversePath::parse("<>").unwrap();
        assert_eq!((path.as_str(), path.domain(), path.is_null()), ("", None, true));
        assert_eq!(path.to_string(), "<>");
    }

    #[test]
    fn pieces_are_split_at_the_right_at_sign() {
        let mailbox = Mailbox::parse("\"u@x\"@d.example").unwrap();
        assert_eq!((mailbox.local_part(), mailbox.domain()), ("\"u@x\"", "d.example"));
        for routed in ["\"u@x\"@d", "u%x@d", "x!u@d", "u％x@d", "x！u@d", "u＠x@d", "u﹪x@d", "x﹗u@d", "u﹫x@d"]
        {
            assert!(Mailbox::parse(routed).unwrap().routes_onward());
        }
        assert!(!Mailbox::parse("list-bounces+user=example.org@d").unwrap().routes_onward());
    }
}
