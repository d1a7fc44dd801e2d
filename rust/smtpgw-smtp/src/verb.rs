//! The commands of SMTP by name: one list for both roles.

/// What a command line begins with, or what a reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// EHLO, RFC 5321 §4.1.1.1.
    Ehlo,
    /// HELO, RFC 5321 §4.1.1.1.
    Helo,
    /// STARTTLS, RFC 3207.
    Starttls,
    /// MAIL, RFC 5321 §4.1.1.2.
    Mail,
    /// RCPT, RFC 5321 §4.1.1.3.
    Recipient,
    /// DATA, RFC 5321 §4.1.1.4.
    Data,
    /// BDAT, RFC 3030.
    Chunk,
    /// RSET, RFC 5321 §4.1.1.5.
    Reset,
    /// NOOP, RFC 5321 §4.1.1.9.
    Noop,
    /// QUIT, RFC 5321 §4.1.1.10.
    Quit,
    /// VRFY, RFC 5321 §4.1.1.6.
    Verify,
    /// EXPN, RFC 5321 §4.1.1.7.
    Expand,
    /// HELP, RFC 5321 §4.1.1.8.
    Help,
    /// AUTH, RFC 4954.
    Auth,
    /// ETRN, RFC 1985.
    Etrn,
    /// XCLIENT, Postfix.
    Xclient,
    /// XFORWARD, Postfix.
    Xforward,
    /// No line of its own: the end of content, `CRLF . CRLF` or the last chunk.
    EndOfData,
}

impl Verb {
    /// Every verb that a command line can begin with.
    pub const ALL: [Self; 17] = [
        Self::Ehlo,
        Self::Helo,
        Self::Starttls,
        Self::Mail,
        Self::Recipient,
        Self::Data,
        Self::Chunk,
        Self::Reset,
        Self::Noop,
        Self::Quit,
        Self::Verify,
        Self::Expand,
        Self::Help,
        Self::Auth,
        Self::Etrn,
        Self::Xclient,
        Self::Xforward,
    ];

    /// As it is written; `.` for the end of data.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ehlo => "EHLO",
            Self::Helo => "HELO",
            Self::Starttls => "STARTTLS",
            Self::Mail => "MAIL",
            Self::Recipient => "RCPT",
            Self::Data => "DATA",
            Self::Chunk => "BDAT",
            Self::Reset => "RSET",
            Self::Noop => "NOOP",
            Self::Quit => "QUIT",
            Self::Verify => "VRFY",
            Self::Expand => "EXPN",
            Self::Help => "HELP",
            Self::Auth => "AUTH",
            Self::Etrn => "ETRN",
            Self::Xclient => "XCLIENT",
            Self::Xforward => "XFORWARD",
            Self::EndOfData => ".",
        }
    }

    /// The verb that `word` spells, in any case (RFC 5321 §2.4).
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str().eq_ignore_ascii_case(word))
    }
}

impl core::fmt::Display for Verb {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}
