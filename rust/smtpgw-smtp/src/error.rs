//! Everything that can go wrong on the wire: whose side, whether trying again helps, and the one reply it becomes.
//!
//! [`CommandError`] and [`ContentError`] are a client's mistakes, [`CloseReason`] is why a client is hung up on,
//! [`ClientError`] is a backend's misbehaviour. [`Misuse`] is apart: it says that the caller of this crate made a
//! mistake, and it never becomes a reply.

use core::fmt;

use crate::replies;
use crate::reply::{Reply, ReplyCode};
use crate::verb::Verb;

/// Any error of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A client's command.
    Command(CommandError),
    /// A client's content.
    Content(ContentError),
    /// A client is hung up on.
    Close(CloseReason),
    /// A backend broke the protocol.
    Backend(ClientError),
}

/// Whose mistake it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The remote side that sends mail to us.
    Client,
    /// The server we protect.
    Backend,
    /// Ourselves.
    Ours,
}

impl Error {
    /// Whose mistake it is.
    pub fn side(&self) -> Side {
        match self {
            Self::Close(CloseReason::Announced) => Side::Ours,
            Self::Command(_) | Self::Content(_) | Self::Close(_) => Side::Client,
            Self::Backend(_) => Side::Backend,
        }
    }

    /// Whether the client may hope for another answer later: what the reply says by its class.
    pub fn is_retryable(&self) -> bool {
        self.reply().is_transient()
    }

    /// What the client is told.
    pub fn reply(&self) -> Reply {
        match self {
            Self::Command(error) => error.reply(),
            Self::Content(error) => error.reply(),
            Self::Close(reason) => reason.reply(),
            Self::Backend(_) => replies::BACKEND_LOST,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(error) => error.fmt(f),
            Self::Content(error) => error.fmt(f),
            Self::Close(reason) => reason.fmt(f),
            Self::Backend(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

macro_rules! nested {
    ($($inner:ident => $variant:ident),*) => {$(
        impl core::error::Error for $inner {}
        impl From<$inner> for Error {
            fn from(inner: $inner) -> Self {
                Self::$variant(inner)
            }
        }
    )*};
}
nested!(CommandError => Command, ContentError => Content, CloseReason => Close, ClientError => Backend);

/// Defines a fieldless enum whose variants each have a reply and a text for records, as one table.
macro_rules! table {
    ($(#[$attribute:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident $called:literal => $code:literal $text:literal,)* }) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// All of them, for tests and documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// What the client is told.
            pub const fn reply(self) -> Reply {
                match self { $(Self::$variant => const { Reply::fixed($code, $text) },)* }
            }

            /// For records: a name that does not change.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $called,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $text,)* })
            }
        }
    };
}

table! {
    /// Why a command is refused by the machine itself.
    CommandError {
        /// More octets before CRLF than [`Limits::command_line`](crate::Limits::command_line).
        LineTooLong "line-too-long" => 500 "5.5.2 Line too long",
        /// CR without LF, or LF without CR (RFC 5321 §2.3.8).
        BareNewline "bare-newline" => 500 "5.5.2 Lines end in <CR><LF> and in nothing else",
        /// A control character or an octet above 126.
        Octet "octet" => 500 "5.5.2 Only printable ASCII is allowed in commands",
        /// An empty line.
        Empty "empty" => 500 "5.5.2 Empty command",
        /// No such command.
        Unrecognised "unrecognised" => 500 "5.5.1 Command not recognised",
        /// A command of SMTP that is not offered here.
        NotImplemented "not-implemented" => 502 "5.5.1 Command not implemented",
        /// An argument where there must be none, or none where there must be one.
        Argument "argument" => 501 "5.5.4 Syntax error in arguments",
        /// The name behind EHLO or HELO.
        HelloName "hello-name" => 501 "5.5.4 A domain or an address literal must be given",
        /// What stands behind MAIL is not `FROM:<path>`.
        ReversePath "reverse-path" => 501 "5.1.7 Syntax error in sender address",
        /// What stands behind RCPT is not `TO:<path>`.
        ForwardPath "forward-path" => 501 "5.1.3 Syntax error in recipient address",
        /// Letters beyond ASCII in an address, and MAIL did not ask for SMTPUTF8 (RFC 6531 §3.5).
        NonAsciiAddress "non-ascii-address" => 553 "5.6.7 Only ASCII is allowed in addresses without SMTPUTF8",
        /// Not `keyword` or `keyword=value`.
        ParameterSyntax "parameter-syntax" => 501 "5.5.4 Syntax error in parameters",
        /// A value the keyword does not take.
        ParameterValue "parameter-value" => 501 "5.5.4 Invalid parameter value",
        /// A keyword given twice.
        ParameterTwice "parameter-twice" => 501 "5.5.4 Parameter given twice",
        /// A keyword that was not announced (RFC 5321 §4.1.1.11).
        ParameterUnknown "parameter-unknown" => 555 "5.5.4 Parameter not recognised or not implemented",
        /// `SIZE=` beyond the limit (RFC 1870 §6.1).
        Size "size" => 552 "5.3.4 Message size exceeds the limit",
        /// Not before EHLO or HELO.
        HelloFirst "hello-first" => 503 "5.5.1 Send EHLO or HELO first",
        /// RCPT or DATA without MAIL.
        MailFirst "mail-first" => 503 "5.5.1 Send MAIL first",
        /// DATA or BDAT without any RCPT.
        RecipientFirst "recipient-first" => 503 "5.5.1 Send RCPT first",
        /// DATA, and every RCPT was refused (RFC 5321 §3.3).
        NoRecipients "no-recipients" => 554 "5.5.1 No valid recipients",
        /// XCLIENT from somebody who may not say who a client is.
        XclientDenied "xclient-denied" => 550 "5.7.0 Not permitted to speak for others",
        /// MAIL from a proxy that has not said whom it speaks for.
        XclientFirst "xclient-first" => 503 "5.5.1 Send XCLIENT with ADDR first",
        /// AUTH with a mechanism that is not offered.
        Mechanism "mechanism" => 504 "5.5.4 Authentication mechanism not offered",
        /// AUTH with an initial response that is no base64 (RFC 4954 §4).
        Undecodable "undecodable" => 501 "5.5.2 Cannot decode response",
        /// AUTH by somebody who has authenticated (RFC 4954 §4).
        AuthenticatedAlready "authenticated-already" => 503 "5.5.1 Already authenticated",
        /// MAIL within a transaction.
        NestedMail "nested-mail" => 503 "5.5.1 A transaction is already under way",
        /// RCPT or DATA behind a BDAT (RFC 3030 §2).
        ChunksBegun "chunks-begun" => 503 "5.5.1 Chunks of a message have been sent, send BDAT or RSET",
        /// DATA for content that MAIL said is binary (RFC 3030 §3).
        BinaryNeedsChunks "binary-needs-chunks" => 503 "5.5.1 Binary content must be sent with BDAT",
        /// STARTTLS, XCLIENT or AUTH within a transaction.
        InTransaction "in-transaction" => 503 "5.5.1 Not within a transaction",
        /// STARTTLS inside TLS (RFC 3207 §4.2).
        TlsAlready "tls-already" => 503 "5.5.1 TLS is already active",
        /// More recipients than [`Limits::recipients`](crate::Limits::recipients) (RFC 5321 §4.5.3.1.10).
        TooManyRecipients "too-many-recipients" => 452 "4.5.3 Too many recipients",
    }
}

table! {
    /// Why content is refused by the machine itself, behind its true end.
    ContentError {
        /// CR without LF, or LF without CR: a message that two servers may cut in different places.
        BareNewline "bare-newline" => 550 "5.5.2 Message contains a bare <CR> or <LF>",
        /// More octets than were announced with SIZE (RFC 1870 §6.3).
        TooLarge "too-large" => 552 "5.3.4 Message size exceeds the limit",
        /// A line longer than [`Limits::text_line`](crate::Limits::text_line).
        LineTooLong "line-too-long" => 554 "5.6.0 Message contains an over-long line",
    }
}

table! {
    /// Why a client is hung up on; with the reply that is its last, if it is still sent one.
    CloseReason {
        /// HTTP, a header field, or a first octet that is no letter: whoever speaks does not speak SMTP.
        Protocol "protocol" => 421 "4.7.0 This is an SMTP server, closing connection",
        /// Octets behind STARTTLS before the handshake (command injection).
        PlaintextBehindStarttls "plaintext-behind-starttls" => 421 "4.7.0 Octets behind STARTTLS, closing connection",
        /// [`Limits::errors`](crate::Limits::errors)
        TooManyErrors "too-many-errors" => 421 "4.7.0 Too many errors, closing connection",
        /// [`Limits::junk`](crate::Limits::junk)
        TooManyCommands "too-many-commands" => 421 "4.7.0 Too many idle commands, closing connection",
        /// [`Limits::transactions`](crate::Limits::transactions)
        TooManyTransactions "too-many-transactions" => 421 "4.7.0 Too many transactions, open a new connection",
        /// [`Limits::skipped_line`](crate::Limits::skipped_line)
        EndlessLine "endless-line" => 421 "4.5.2 Endless line, closing connection",
        /// [`Limits::swallowed_content`](crate::Limits::swallowed_content)
        EndlessContent "endless-content" => 421 "4.3.4 Endless message, closing connection",
        /// BDAT with a size that cannot be read or is beyond all limits: where commands go on is not known.
        Chunk "chunk" => 421 "4.5.4 Invalid chunk size, closing connection",
        /// A line that was to be BDAT's and is no line of SMTP (a tab or a control octet in it, a bare LF, too many
        /// octets): how many octets of chunk follow is not known, and as commands they would be an injection.
        ChunkLine "chunk-line" => 421 "4.5.4 Invalid BDAT command, closing connection",
        /// A 421 that was handed in: shutdown, timeout, or a backend's own.
        Announced "announced" => 421 "4.3.2 Closing connection",
    }
}

/// What a backend did wrong. The connection to it is of no use any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientError {
    /// A line that is no reply line, or lines of one reply with different codes.
    MalformedReply,
    /// A reply over [`Limits::reply_line`](crate::Limits::reply_line), `reply_lines` or `reply_octets`.
    ReplyTooLong,
    /// A reply that no command asked for. A server that shuts down sends 421 so (RFC 5321 §3.8).
    Unsolicited(Reply),
    /// A reply that the command it answers cannot have: 354 to anything but DATA, 2yz to DATA.
    UnexpectedCode(Verb, ReplyCode),
    /// Octets behind the 220 to STARTTLS before the handshake (response injection).
    PlaintextBehindStarttls,
}

impl ClientError {
    /// For records: a name that does not change.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::MalformedReply => "malformed-reply",
            Self::ReplyTooLong => "reply-too-long",
            Self::Unsolicited(_) => "unsolicited",
            Self::UnexpectedCode(..) => "unexpected-code",
            Self::PlaintextBehindStarttls => "plaintext-behind-starttls",
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MalformedReply => f.write_str("the server sent a malformed reply"),
            Self::ReplyTooLong => f.write_str("the server sent an over-long reply"),
            Self::Unsolicited(reply) => write!(f, "the server sent a reply to nothing: {reply}"),
            Self::UnexpectedCode(verb, code) => write!(f, "the server answered {verb} with {code}"),
            Self::PlaintextBehindStarttls => f.write_str("the server sent octets between its 220 to STARTTLS and TLS"),
        }
    }
}

/// The caller used the machine wrongly: nothing was sent and nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// The command has no place in this state: before the greeting, before EHLO, in content, after QUIT, …
    OutOfPlace,
    /// Earlier commands wait for their replies, and pipelining is not offered, or one of the commands must be
    /// alone or the last of its group (RFC 2920 §3.1).
    MustWait,
    /// The server did not announce the extension.
    NotOffered,
    /// [`Limits::outstanding`](crate::Limits::outstanding)
    TooManyOutstanding,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfPlace => "the command has no place in this state",
            Self::MustWait => "the command must wait for replies",
            Self::NotOffered => "the server does not offer the extension",
            Self::TooManyOutstanding => "too many commands wait for their replies",
        })
    }
}

impl core::error::Error for Misuse {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_negative_reply_with_an_enhanced_code() {
        let commands = CommandError::ALL.iter().map(|error| Error::from(*error));
        let contents = ContentError::ALL.iter().map(|error| Error::from(*error));
        let closings = CloseReason::ALL.iter().map(|reason| Error::from(*reason));
        for error in commands.chain(contents).chain(closings).chain([ClientError::MalformedReply.into()]) {
            let reply = error.reply();
            assert!(reply.enhanced().is_some() && reply.code().class() >= 4, "{error:?} {reply}");
        }
    }

    #[test]
    fn sides_and_retries() {
        assert_eq!(Error::from(ClientError::ReplyTooLong).side(), Side::Backend);
        assert!(Error::from(ClientError::ReplyTooLong).is_retryable());
        assert_eq!(Error::from(ContentError::BareNewline).side(), Side::Client);
        assert!(!Error::from(ContentError::BareNewline).is_retryable());
        assert_eq!(Error::from(CloseReason::Announced).side(), Side::Ours);
        assert!(Error::from(CommandError::TooManyRecipients).is_retryable());
    }
}
