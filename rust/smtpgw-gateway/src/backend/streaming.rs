//! Content that goes to an SMTP backend while it arrives, and whose end waits for the verdict.
//!
//! By BDAT where the backend offers CHUNKING (RFC 3030): each piece is a chunk, and RSET between chunks takes the
//! message back. Otherwise by DATA, of which only closing the connection before the dot takes anything back. So:
//!
//! | state of the client role | [`Smtp::stream`] | [`Smtp::finish`] | [`Smtp::reset`] |
//! |---|---|---|---|
//! | Ready, CHUNKING | a chunk | as [`Smtp::deliver`] does | RSET |
//! | Ready | DATA, content | as [`Smtp::deliver`] does | RSET |
//! | Chunks | a chunk | the last chunk, once every other was taken; confirmed | what is owed, then RSET |
//! | Content | content | content, dot | an error: the leg must go |
//! | Ready, binary content | a chunk | the last chunk; confirmed | RSET |
//!
//! A refusal (of DATA, or of a chunk) is the backend's own word on the message and ends its streaming; the caller then
//! resets. Replies to chunks are read as they come; so many may be owed ([`WINDOW`]) before the client has to wait.
//! After any error the leg is of no use: a piece may have gone out by half.
//!
//! Replies have no numbers. With DATA one too many is found out, since 354 answers nothing else; all of BDAT is
//! answered 250, and a surplus one would pass for the message's. Two things tell it from them:
//!
//! - An enhanced status code (RFC 2034). Where MAIL and every RCPT were answered by codes about addresses, the whole
//!   message may go as one chunk: a reply too many would make theirs come in its place.
//! - Of several chunks all are answered alike. There the last one's 2yz counts once a command that is answered otherwise
//!   has been answered: EHLO, or QUIT.
//!
//! A backend that fails in this, or does not know BDAT though it offers it and may have read content as commands, gets
//! no more chunks for a while ([`super::chunks`]); in the table above it is then one without CHUNKING.

use smtpgw_smtp::{ClientStateName, Command, Reply, Verb};
use tokio::io::{AsyncRead, AsyncWrite};

use super::smtp::{SEGMENT, Smtp, misused, within};
use crate::error::BackendError;
use crate::outgoing::Outgoing;
use crate::world::Instant;

impl<S: AsyncRead + AsyncWrite + Unpin> Smtp<S> {
    /// Sends the next piece of content; a refusal, if the backend does not take the message.
    pub(crate) async fn stream(&mut self, piece: &[u8]) -> Result<Option<Reply>, BackendError> {
        self.in_place().await?;
        if self.client.state() == ClientStateName::Ready && !self.takes_chunks() {
            let go = self.ask(&Command::Data).await?;
            if !go.is_intermediate() {
                return Ok(Some(go));
            }
        }
        if self.client.state() == ClientStateName::Content {
            self.unasked().await?;
            self.client.content(piece).map_err(misused)?;
        } else {
            let owed = if self.client.extensions().pipelining { WINDOW - 1 } else { 0 };
            if let Some(refusal) = self.collect(owed).await? {
                return Ok(Some(refusal));
            }
            self.client.chunk(piece).map_err(misused)?;
        }
        self.write(self.site.settings.data_s).await?;
        Ok(None)
    }

    /// The whole of a binary message, which has no other way (RFC 3030 §3); the backend's word on it.
    pub(super) async fn deliver_chunks(&mut self, mut message: Outgoing) -> Result<Reply, BackendError> {
        let patience = self.site.settings.data_s;
        let content = async {
            loop {
                let piece = message.gather(SEGMENT).await.map_err(BackendError::Spool)?;
                if piece.len() < SEGMENT {
                    return Ok(Ok(piece));
                }
                if let Some(refusal) = self.stream(&piece).await? {
                    return Ok(Err(refusal));
                }
            }
        };
        match within(patience, "data_s", content).await? {
            Ok(rest) => self.finish(&rest).await,
            Err(refusal) => {
                self.forget_refused(&refusal).await;
                Ok(refusal)
            }
        }
    }

    /// Sends the rest of the content and its end; the backend's word on the message.
    pub(crate) async fn finish(&mut self, rest: &[u8]) -> Result<Reply, BackendError> {
        self.in_place().await?;
        if self.client.state() == ClientStateName::Chunks || self.client.is_binary() {
            return self.finish_chunks(rest).await;
        }
        if self.client.state() == ClientStateName::Ready {
            if self.knows_ends_by_code() {
                return self.finish_in_one(rest).await;
            }
            let go = self.ask(&Command::Data).await?;
            if !go.is_intermediate() {
                self.forget_refused(&go).await;
                return Ok(go);
            }
        }
        self.unasked().await?;
        self.client.content(rest).map_err(misused)?;
        self.client.end_content().map_err(misused)?;
        self.end_and_hear().await
    }

    /// Whether the reply to a chunk that is the whole message could not be another's: every reply of the transaction so
    /// far has a code that says it is about an address (RFC 3463 §3.2), which a message's is not.
    pub(super) fn knows_ends_by_code(&self) -> bool {
        let offered = self.client.extensions();
        offered.enhanced_status_codes && self.conduct.told_addresses() && self.takes_chunks()
    }

    /// Sends the content as one chunk, where [`Smtp::knows_ends_by_code`]; the backend's word on the message.
    pub(super) async fn finish_in_one(&mut self, content: &[u8]) -> Result<Reply, BackendError> {
        self.client.last_chunk(content).map_err(misused)?;
        let reply = self.end_and_hear().await?;
        knows_chunks(&reply)?;
        if !reply.is_positive_completion() {
            self.forget_refused(&reply).await;
        } else if is_about_address(&reply) {
            return Err(out_of_step(&reply));
        }
        Ok(reply)
    }

    /// Whether another transaction can begin.
    pub(crate) fn is_usable(&self) -> bool {
        self.client.state() == ClientStateName::Ready
    }

    async fn finish_chunks(&mut self, rest: &[u8]) -> Result<Reply, BackendError> {
        let patience = self.site.settings.data_s;
        // The end goes only where every piece before it was taken: a server may think otherwise of a torn message.
        if let Some(refusal) = within(patience, "data_s", self.collect(0)).await? {
            self.forget_refused(&refusal).await;
            return Ok(refusal);
        }
        self.client.last_chunk(rest).map_err(misused)?;
        let reply = self.end_and_hear().await?;
        knows_chunks(&reply)?;
        if reply.is_positive_completion() {
            self.confirm().await.map_err(|error| BackendError::Unconfirmed(Box::new(error)))?;
        } else {
            // RFC 3030 §2 leaves open whether the envelope is still there.
            self.forget_refused(&reply).await;
        }
        Ok(reply)
    }

    /// Makes sure that the last reply was to the last command, by commands that are answered otherwise. Some servers
    /// refuse EHLO a second time, or count such commands and have enough of them; QUIT is answered 221 by all.
    async fn confirm(&mut self) -> Result<(), BackendError> {
        self.confirmed += 1;
        if self.confirmed < CONFIRMED {
            let hello = self.ask(&Command::Ehlo(self.introduced.as_str().into())).await?;
            if hello.is_positive_completion() && self.client.extensions().chunking {
                return Ok(());
            }
        }
        let farewell = self.ask(&Command::Quit).await?;
        if farewell.code().value() == 221 {
            return Ok(());
        }
        Err(BackendError::Protocol(format!("QUIT was answered {}", farewell.code())))
    }

    /// Whether content begins with a chunk: where that can be, and can be made sure of, or where there is no other way.
    fn takes_chunks(&self) -> bool {
        let given_up = self.site.chunks.are_given_up(Instant::now());
        self.client.extensions().chunking && (!given_up || self.client.is_binary())
    }

    /// Whether the transaction is one into which content can go, and the backend has said nothing but what it was
    /// asked.
    async fn in_place(&mut self) -> Result<(), BackendError> {
        if self.client.state() == ClientStateName::Ready {
            self.in_step()?;
            self.unasked().await?;
        }
        Ok(())
    }

    /// The end, and what the backend says to it.
    pub(super) async fn end_and_hear(&mut self) -> Result<Reply, BackendError> {
        let patience = self.site.settings.data_s;
        within(patience, "data_s", async {
            self.write(patience).await?;
            self.hear().await
        })
        .await
    }

    /// Reads what is owed for chunks that will not become a message.
    pub(super) async fn drain_chunks(&mut self) -> Result<(), BackendError> {
        while self.client.outstanding().next() == Some(Verb::Chunk) {
            self.collect(0).await?;
        }
        Ok(())
    }

    /// Reads replies to chunks: those that are there, and as many more as it takes for only `owed` to be outstanding.
    /// The first refusal among them.
    async fn collect(&mut self, owed: usize) -> Result<Option<Reply>, BackendError> {
        let patience = self.site.settings.data_s;
        while self.client.outstanding().len() > 0 {
            let reply = if self.client.outstanding().len() > owed {
                within(patience, "data_s", self.hear()).await?
            } else if let Some(reply) = self.next_reply()? {
                reply
            } else {
                match self.read_at_once().await? {
                    None => return Ok(None),
                    Some(0) => return Err(BackendError::Closed),
                    Some(_) => continue,
                }
            };
            knows_chunks(&reply)?;
            if !reply.is_positive_completion() {
                return Ok(Some(reply));
            }
        }
        self.unasked().await?;
        Ok(None)
    }
}

/// Refuses the reply of a server that does not know BDAT (RFC 5321 §4.2.4): what it made of the content nobody knows.
fn knows_chunks(reply: &Reply) -> Result<(), BackendError> {
    if matches!(reply.code().value(), 500 | 502) { Err(out_of_step(reply)) } else { Ok(()) }
}

fn out_of_step(reply: &Reply) -> BackendError {
    BackendError::Unconfirmed(Box::new(BackendError::Protocol(format!("a chunk was answered {reply}"))))
}

/// Whether a command was done that named an address: 2yz with a code of that subject.
pub(super) fn is_about_address(reply: &Reply) -> bool {
    reply.is_positive_completion() && reply.enhanced().is_some_and(|code| code.subject() == ADDRESS)
}

/// The subject of codes about addresses (RFC 3463 §3.2): of 2.1.0 to MAIL, of 2.1.5 to RCPT.
const ADDRESS: u16 = 1;

/// Chunks that may be under way without an answer, where PIPELINING is offered: enough for a round trip of 50 ms at
/// 10 MiB a second with chunks of 64 KiB, and few enough for their replies to fit any socket's buffer.
const WINDOW: usize = 8;

/// Messages of one connection that are confirmed by EHLO. Exim hangs up after ten commands that bring no mail forward
/// (`smtp_accept_max_nonmail`), and one that it counts may be lost on each message otherwise.
const CONFIRMED: u32 = 8;
