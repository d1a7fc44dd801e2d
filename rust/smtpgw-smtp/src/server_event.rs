//! What the server role tells its caller: events that borrow from the input, and the states by name.

use alloc::borrow::Cow;

use crate::auth::{AuthAnswer, Mechanism, Secret};
use crate::error::{CloseReason, CommandError, ContentError};
use crate::parameters::{MailParameters, RecipientParameters};
use crate::path::{ForwardPath, ReversePath};
use crate::xclient_request::XclientRequest;

/// What one step found.
#[derive(Debug, PartialEq, Eq)]
pub struct Received<'b> {
    /// Octets of the input that are used up. More than 0 without an event means: call again with the rest.
    pub consumed: usize,
    /// What happened. `None` with 0 consumed means: read more, or see
    /// [`Server::wants_input`](crate::Server::wants_input).
    pub event: Option<ServerEvent<'b>>,
}

/// What a client did.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerEvent<'b> {
    /// EHLO or HELO, already answered. A transaction that was open is gone.
    Hello {
        /// Which of the two.
        kind: HelloKind,
        /// Printable ASCII; no more is known about it. What was beyond ASCII is `?`.
        name: Cow<'b, str>,
    },
    /// MAIL; pending.
    Mail {
        /// The sender.
        reverse_path: ReversePath,
        /// What came with it.
        parameters: MailParameters,
    },
    /// RCPT; pending.
    Recipient {
        /// The recipient.
        forward_path: ForwardPath,
        /// What came with it.
        parameters: RecipientParameters,
    },
    /// DATA with at least one accepted recipient; pending: [`Server::start_content`](crate::Server::start_content) or a
    /// negative reply.
    Data,
    /// The first BDAT of a message with at least one accepted recipient (RFC 3030): content follows, and there is
    /// nothing to answer. Chunks in front of the last are answered by the machine.
    ChunkStart,
    /// The next octets of content, transparency undone.
    Content(&'b [u8]),
    /// The end of the content; pending.
    EndOfData,
    /// The content was refused and has been swallowed up to its true end; already answered, the transaction is gone.
    /// Content that was given out before must not be delivered.
    ContentRefused(ContentError),
    /// RSET, already answered. A transaction that was open is gone.
    Reset,
    /// XCLIENT; pending: [`Server::xclient_done`](crate::Server::xclient_done), or hang up.
    Xclient(alloc::boxed::Box<XclientRequest>),
    /// AUTH; pending: what the backend says to it, be it a challenge (334) or the end.
    Auth {
        /// Which mechanism; one of those that were announced.
        mechanism: Mechanism,
        /// What came with it.
        initial: Option<Secret>,
    },
    /// What the client says to a challenge; pending in the same way.
    AuthAnswer(AuthAnswer),
    /// STARTTLS: write the output, then do the handshake, then [`Server::starttls_done`](crate::Server::starttls_done).
    /// The read buffer must be empty: `receive` reports octets behind the command as
    /// [`CloseReason::PlaintextBehindStarttls`].
    Starttls,
    /// QUIT, already answered: write the output and close.
    Quit,
    /// The client is hung up on: write the output and close.
    Close(CloseReason),
    /// A command that the machine has answered by itself; the error if it was refused.
    Answered(Result<(), CommandError>),
}

/// How a client introduced itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelloKind {
    /// EHLO: extended SMTP.
    Ehlo,
    /// HELO: plain SMTP.
    Helo,
}

/// The state of the machine by name, for records and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StateName {
    /// Before EHLO or HELO.
    Start,
    /// No transaction.
    Ready,
    /// MAIL is to be answered.
    MailPending,
    /// A transaction is open, for recipients and DATA.
    Mail,
    /// RCPT is to be answered.
    RecipientPending,
    /// DATA is to be answered.
    DataPending,
    /// Content is being read.
    Content,
    /// A chunk of content is being read.
    Chunk,
    /// A chunk has been read, and it was not the last.
    Chunks,
    /// The end of data is to be answered.
    EndPending,
    /// XCLIENT is to be answered.
    XclientPending,
    /// AUTH, or the answer to a challenge, is to be answered.
    AuthPending,
    /// A challenge was sent, and its answer is being read.
    AuthExchange,
    /// STARTTLS was answered 220; the handshake is due.
    Handshake,
    /// Nothing is read any more.
    Closed,
}
