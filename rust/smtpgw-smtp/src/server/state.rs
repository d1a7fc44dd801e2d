//! The states of the server role, what each of them holds, and what can be asked of them from outside. The transitions
//! are the table of [`server`](super).

use super::Server;
use crate::chunk_reader::ChunkReader;
use crate::content_reader::ContentReader;
use crate::error::CloseReason;
use crate::limits;
use crate::server_event::StateName;

/// Where a connection is. A state holds what is valid in it.
#[derive(Debug)]
pub(super) enum State {
    Start,
    Ready {
        /// The last MAIL was refused: what was pipelined behind it is refused without counting as mistakes.
        mail_refused: bool,
    },
    MailPending(Envelope),
    Mail(Envelope),
    RecipientPending(Envelope),
    DataPending,
    Content(ContentReader),
    /// In a chunk.
    Chunk(ChunkReader),
    /// Between two chunks.
    Chunks(ChunkReader),
    EndPending,
    XclientPending,
    AuthPending,
    AuthExchange,
    Handshake,
    Closed {
        /// Why, as long as it has not been reported.
        unreported: Option<CloseReason>,
    },
}

/// What a transaction has come to so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Envelope {
    /// MAIL asked for SMTPUTF8 (RFC 6531 §3.4).
    pub(super) smtputf8: bool,
    /// MAIL said that the content is binary (RFC 3030 §3).
    pub(super) binary: bool,
    /// Accepted recipients.
    pub(super) accepted: usize,
    pub(super) any_refused: bool,
}

impl Server {
    /// Whether `receive` would look at input. False while a command is pending, before the handshake, when
    /// closed, and while more than 64 KiB of output wait.
    pub fn wants_input(&self) -> bool {
        let reads = matches!(
            self.state,
            State::Start
                | State::Ready { .. }
                | State::Mail(_)
                | State::AuthExchange
                | State::Content(_)
                | State::Chunk(_)
                | State::Chunks(_)
        );
        reads && self.output.len() < limits::OUTPUT
    }

    /// Whether content is under way: from its first octet (the 354, or the first chunk) to the answer to its end.
    pub fn has_begun_content(&self) -> bool {
        matches!(
            self.state,
            State::DataPending | State::Content(_) | State::Chunk(_) | State::Chunks(_) | State::EndPending
        )
    }

    /// Whether a transaction is open: from MAIL, pending or accepted, to the answer to the end of data.
    pub fn in_transaction(&self) -> bool {
        !matches!(
            self.state,
            State::Start
                | State::Ready { .. }
                | State::XclientPending
                | State::AuthPending
                | State::AuthExchange
                | State::Handshake
                | State::Closed { .. }
        )
    }

    /// The state by name.
    pub fn state(&self) -> StateName {
        match self.state {
            State::Start => StateName::Start,
            State::Ready { .. } => StateName::Ready,
            State::MailPending(_) => StateName::MailPending,
            State::Mail(_) => StateName::Mail,
            State::RecipientPending(_) => StateName::RecipientPending,
            State::DataPending => StateName::DataPending,
            State::Content(_) => StateName::Content,
            State::Chunk(_) => StateName::Chunk,
            State::Chunks(_) => StateName::Chunks,
            State::EndPending => StateName::EndPending,
            State::XclientPending => StateName::XclientPending,
            State::AuthPending => StateName::AuthPending,
            State::AuthExchange => StateName::AuthExchange,
            State::Handshake => StateName::Handshake,
            State::Closed { .. } => StateName::Closed,
        }
    }
}
