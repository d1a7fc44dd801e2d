//! The server role: what a client sends comes in, events and replies come out.
//!
//! RFC 5321 §3 and §4, RFC 2920 (PIPELINING), RFC 3207 (STARTTLS). The machine owns no input: the caller shows it
//! everything unread by [`Server::receive`] and drops what was consumed. **Contract:** the next call begins with
//! the first octet that was not consumed; only what stands behind it may have grown. That is why the machine may
//! remember how far it has searched, and a line that comes octet by octet costs linear time. A buffer of
//! [`Limits::command_line`] octets (and of 12352 where AUTH is offered) is enough: so much is never refused without
//! being consumed.
//!
//! Commands that need somebody else's decision (MAIL, RCPT, DATA, the end of data, AUTH) leave the machine in a
//! *pending* state in which it reads nothing, so replies cannot come out of order. [`Server::reply`] answers.
//!
//! State × verb, for well-formed commands. `=` stays; `503` etc. is the machine's own reply and stays, too:
//!
//! | verb \ state | Start | Ready | Mail, no recipient | Mail, recipients |
//! |---|---|---|---|---|
//! | EHLO, HELO | → Ready | = | → Ready | → Ready |
//! | STARTTLS (offered) | 503 | → Handshake | 503 | 503 |
//! | STARTTLS inside TLS; not offered | 503; 502 | 503; 502 | 503; 502 | 503; 502 |
//! | MAIL | 503 | → MailPending, 503 as long as XCLIENT is offered | 503 | 503 |
//! | RCPT | 503 | 503 | → RecipientPending | → RecipientPending (452 at the limit) |
//! | DATA | 503 | 503 | 503, 554 once an RCPT was refused | → DataPending; 503 for binary content |
//! | BDAT (offered) | 503 | 503 | 503, 554 once an RCPT was refused | → Chunk |
//! | BDAT (not offered) | 502 | 502 | 502 | 502 |
//! | RSET | = 250 | = 250 | → Ready | → Ready |
//! | NOOP, HELP, VRFY | = 250, 214, 252 | = | = | = |
//! | QUIT | → Closed | → Closed | → Closed | → Closed |
//! | XCLIENT (offered) | → XclientPending | → XclientPending | 503 | 503 |
//! | XCLIENT (not offered) | = 550 | = 550 | = 550 | = 550 |
//! | AUTH (offered) | 503 | → AuthPending, 503 once authenticated | 503 | 503 |
//! | AUTH (not offered) | = 502 | = 502 | = 502 | = 502 |
//! | EXPN, ETRN, XFORWARD | = 502 | = 502 | = 502 | = 502 |
//! | another protocol; a line that was to be BDAT's | → Closed | → Closed | → Closed | → Closed |
//!
//! | pending state | positive reply | negative reply | `start_content` |
//! |---|---|---|---|
//! | MailPending | → Mail | → Ready | – |
//! | RecipientPending | → Mail, one recipient more | → Mail | – |
//! | DataPending | – | → Ready | → Content |
//! | EndPending | → Ready | → Ready | – |
//!
//! A refused BDAT is answered behind its chunk, which is swallowed (RFC 3030 §4.2). Chunk → Chunks at its end with our
//! own 250, → EndPending if it was the last, → Ready if it was refused. Chunks, between two of them, takes BDAT →
//! Chunk, and like Mail the commands that end a transaction or change nothing; MAIL, RCPT, DATA and STARTTLS are 503.
//!
//! AuthPending and AuthExchange: see [`auth`]. XclientPending → Start by [`Server::xclient_done`], with another
//! greeting. Content → EndPending at its end, → Ready if it was refused. Handshake → Start by
//! [`Server::starttls_done`], → Ready by [`Server::refuse_starttls`], → Closed on any octet. Every reply 421 → Closed.
//! Closed takes nothing and reports why once.
//!
//! Leaves to others: sockets, deadlines, what to answer to pending commands.

mod ahead;
mod auth;
mod commands;
mod refusing;
mod state;

use alloc::sync::Arc;
use alloc::vec::Vec;

use self::state::{Envelope, State};
use crate::chunk_reader::ChunkStep;
use crate::content_reader::{ContentReader, Step};
use crate::error::CloseReason;
use crate::extensions::Offer;
use crate::limits::Limits;
use crate::line_reader::{Line, LineReader};
use crate::newline::BareNewline;
use crate::replies;
use crate::reply::Reply;
use crate::server_event::{Received, ServerEvent};
use crate::session_limits::SessionLimits;

/// What does not change while a connection lasts.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Our name, in the replies to EHLO and HELO.
    pub hostname: Arc<str>,
    /// What the client may cost.
    pub limits: Limits,
    /// What becomes of a bare CR or LF in content.
    pub bare_newline: BareNewline,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { hostname: "localhost".into(), limits: Limits::default(), bare_newline: BareNewline::default() }
    }
}

/// The server role of one connection.
#[derive(Debug)]
pub struct Server {
    options: Arc<ServerOptions>,
    state: State,
    lines: LineReader,
    /// What the next EHLO announces.
    offer: Offer,
    /// What the last EHLO announced, and what parameters are held against.
    announced: Offer,
    tls: bool,
    errors: u32,
    junk: u32,
    transactions: u32,
    authenticated: bool,
    output: Vec<u8>,
}

impl Server {
    /// A connection that has just been accepted. The greeting is not the machine's: see
    /// [`replies::greeting`], which is prepared once for all connections, as options may be.
    pub fn new(options: impl Into<Arc<ServerOptions>>, offer: Offer) -> Self {
        let options = options.into();
        let mut server = Self {
            lines: LineReader::new(&options.limits),
            options,
            state: State::Start,
            offer: Offer::default(),
            announced: Offer::default(),
            tls: false,
            errors: 0,
            junk: 0,
            transactions: 0,
            authenticated: false,
            output: Vec::new(),
        };
        server.set_offer(offer);
        server
    }

    /// One step: looks at `input`, which is everything unread, and says how many octets are used up and what
    /// happened. At most one event a call.
    pub fn receive<'b>(&mut self, input: &'b [u8]) -> Received<'b> {
        let wants_input = self.wants_input();
        match &mut self.state {
            State::Closed { unreported } => Received { consumed: 0, event: unreported.take().map(ServerEvent::Close) },
            State::Handshake if !input.is_empty() => self.hang_up(0, CloseReason::PlaintextBehindStarttls),
            _ if !wants_input => Received { consumed: 0, event: None },
            State::AuthExchange => self.auth_answer(input),
            State::Content(reader) => match reader.read(input) {
                Step::Content(consumed, []) => Received { consumed, event: None },
                Step::Content(consumed, content) => Received { consumed, event: Some(ServerEvent::Content(content)) },
                Step::End(consumed) => {
                    self.state = State::EndPending;
                    Received { consumed, event: Some(ServerEvent::EndOfData) }
                }
                Step::Refused(consumed, error) => self.refuse_content(consumed, error),
                Step::Endless => self.hang_up(0, CloseReason::EndlessContent),
            },
            State::Chunk(reader) => match reader.read(input) {
                ChunkStep::Content(consumed, []) => Received { consumed, event: None },
                ChunkStep::Content(consumed, content) => {
                    Received { consumed, event: Some(ServerEvent::Content(content)) }
                }
                ChunkStep::Chunk => self.end_chunk(),
                ChunkStep::End => {
                    self.state = State::EndPending;
                    Received { consumed: 0, event: Some(ServerEvent::EndOfData) }
                }
                ChunkStep::Refused(error) => self.refuse_content(0, error),
            },
            _ => match self.lines.read(input) {
                Line::Incomplete(consumed) => Received { consumed, event: None },
                Line::Complete(consumed, line) => self.command(consumed, line, input.len() > consumed),
                Line::Refused(consumed, error) => self.refuse(consumed, error),
                Line::Close(reason) => self.hang_up(0, reason),
            },
        }
    }

    /// Reply octets to be written. The caller takes and clears them. Beyond 64 KiB the machine reads no further
    /// command until that has been done.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Answers the pending command: MAIL, RCPT, DATA (with a refusal) or the end of data. A positive or negative
    /// reply decides the next state; 421 closes. For AUTH it may be a challenge as well (334). Does nothing when
    /// nothing is pending. A reply that the command cannot have (3yz, or 2yz to DATA, which would say that a message
    /// has been taken) becomes 451.
    pub fn reply(&mut self, reply: &Reply) {
        if let State::AuthPending = self.state {
            return self.reply_to_auth(reply);
        }
        let to_data = matches!(self.state, State::DataPending);
        let senseless = reply.is_intermediate() || (to_data && reply.is_positive_completion());
        let reply = if senseless { &replies::LOCAL_ERROR } else { reply };
        let positive = reply.is_positive_completion();
        self.state = match self.state {
            State::MailPending(envelope) if positive => State::Mail(envelope),
            State::MailPending(_) => State::Ready { mail_refused: true },
            State::RecipientPending(envelope) if positive => {
                State::Mail(Envelope { accepted: envelope.accepted.saturating_add(1), ..envelope })
            }
            State::RecipientPending(envelope) => State::Mail(Envelope { any_refused: true, ..envelope }),
            State::DataPending | State::EndPending => State::Ready { mail_refused: false },
            _ => return,
        };
        if positive && matches!(self.state, State::Ready { .. }) {
            // A message was accepted: whatever went wrong before, this client brings mail.
            self.errors = 0;
            self.junk = 0;
        }
        self.answer(reply);
    }

    /// Writes a reply and counts it.
    fn answer(&mut self, reply: &Reply) {
        reply.write_to(&mut self.output);
        if reply.is_closing() {
            self.state = State::Closed { unreported: Some(CloseReason::Announced) };
        } else if reply.is_permanent() && self.count_error() {
            self.close_later(CloseReason::TooManyErrors);
        } else if reply.is_transient() && self.count_junk() {
            self.close_later(CloseReason::TooManyCommands);
        }
    }

    /// Answers a pending DATA with 354. Does nothing in any other state.
    pub fn start_content(&mut self) {
        if let State::DataPending = self.state {
            replies::START_CONTENT.write_to(&mut self.output);
            let ServerOptions { limits, bare_newline, .. } = &*self.options;
            self.state = State::Content(ContentReader::new(limits, self.size_limit(), *bare_newline));
        }
    }

    /// The handshake is done: everything said before is forgotten (RFC 3207 §4.2), STARTTLS is not offered again
    /// and refused with 503. Also for a connection that began with TLS; does nothing where no handshake was due.
    pub fn starttls_done(&mut self, offer: Offer) {
        if !matches!(self.state, State::Handshake | State::Start) {
            return;
        }
        self.tls = true;
        self.authenticated = false;
        self.state = State::Start;
        self.lines = LineReader::new(&self.options.limits);
        self.announced = Offer::default();
        self.set_offer(offer);
    }

    /// Instead of the handshake: `reply` takes the place of the 220 that stands at the end of the output, and the
    /// client goes on in clear. Does nothing once that has been written, or where no handshake was due.
    pub fn refuse_starttls(&mut self, reply: &Reply) {
        let mut accepted = Vec::new();
        replies::STARTTLS.write_to(&mut accepted);
        if !matches!(self.state, State::Handshake) || !self.output.ends_with(&accepted) {
            return;
        }
        self.output.truncate(self.output.len() - accepted.len());
        self.state = State::Ready { mail_refused: false };
        self.answer(reply);
    }

    /// XCLIENT is taken: the machine is where it was before EHLO, and greets again. Where `offer` has XCLIENT still,
    /// who the client is has not been said yet. Does nothing where no XCLIENT is pending.
    pub fn xclient_done(&mut self, offer: Offer) {
        if let State::XclientPending = self.state {
            self.output.extend_from_slice(&replies::greeting(&self.options.hostname));
            self.state = State::Start;
            self.authenticated = false;
            self.announced = Offer::default();
            self.set_offer(offer);
        }
    }

    /// Sets what the next EHLO announces.
    pub fn set_offer(&mut self, offer: Offer) {
        let figure = |limit: usize| u32::try_from(limit).ok();
        let Limits { transactions, recipients, .. } = self.options.limits;
        let ours =
            SessionLimits { mails: Some(transactions), recipients: figure(recipients), ..SessionLimits::default() };
        self.offer = Offer {
            starttls: offer.starttls && !self.tls,
            require_tls: offer.require_tls && self.tls,
            binary_mime: offer.binary_mime && offer.chunking,
            session_limits: offer.session_limits.map(|others| ours.smaller(others)),
            ..offer
        };
        self.lines.allow_auth(!self.offer.auth.is_empty());
    }

    /// Mistakes and refusals since the last accepted message.
    pub fn errors(&self) -> u32 {
        self.errors
    }

    /// Ends the session from outside (shutdown, timeout): `reply`, usually 421, is appended to what is to be
    /// written, and nothing is read any more. Nothing is written in mid-handshake, where it would be plaintext
    /// that the client takes for TLS.
    pub fn close_with(&mut self, reply: &Reply) {
        match self.state {
            State::Closed { .. } => return,
            State::Handshake => {}
            _ => reply.write_to(&mut self.output),
        }
        self.state = State::Closed { unreported: Some(CloseReason::Announced) };
    }

    /// Octets of content that the next message may have.
    fn size_limit(&self) -> u64 {
        let announced = if self.announced.size == 0 { u64::MAX } else { self.announced.size };
        announced.min(self.options.limits.message_size)
    }

    /// A chunk ends behind which more come: RFC 3030 §2 has each answered.
    fn end_chunk<'b>(&mut self) -> Received<'b> {
        match core::mem::replace(&mut self.state, State::Ready { mail_refused: true }) {
            State::Chunk(reader) => self.state = State::Chunks(reader),
            other => self.state = other,
        }
        replies::CHUNK_OK.write_to(&mut self.output);
        Received { consumed: 0, event: Some(ServerEvent::Answered(Ok(()))) }
    }
}
