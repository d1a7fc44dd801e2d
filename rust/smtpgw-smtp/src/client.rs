//! The client role: commands go out, replies come in, one to one and in order.
//!
//! RFC 5321 §3 and §4, RFC 2920 §3.1 (PIPELINING), RFC 3030 (BDAT), RFC 3207 (STARTTLS), RFC 4954 (AUTH), Postfix's
//! XCLIENT and XFORWARD. Like the server role it owns no input; the contract of [`Client::receive`] is the same: unread
//! input is shown again from its first octet. A server that says anything out of turn, or anything that is no reply,
//! has lost our trust: the error says what it did, and the connection is of no use any more.
//!
//! State × command:
//!
//! | command \ state | Greeting | Hello | Ready | Handshake | Content | Chunks | Closed |
//! |---|---|---|---|---|---|---|---|
//! | EHLO, HELO | – | sent | sent | – | – | – | – |
//! | STARTTLS, where announced and not inside TLS | – | – | sent | – | – | – | – |
//! | XCLIENT, where announced | – | sent, behind another XCLIENT | sent | – | – | – | – |
//! | XFORWARD, where announced | – | – | sent | – | – | – | – |
//! | AUTH, where announced and not authenticated | – | – | sent | – | – | – | – |
//! | MAIL, RCPT, DATA (not for binary content) | – | – | sent | – | – | – | – |
//! | RSET, NOOP | – | sent | sent | – | – | sent | – |
//! | QUIT | – | sent | sent | – | – | sent | – |
//! | a chunk, where announced | – | – | sent → Chunks | – | – | sent, until one was refused | – |
//! | the last chunk, where announced | – | – | sent | – | – | sent → Ready, until one was refused | – |
//! | content, its end | – | – | – | – | written | – | – |
//!
//! | reply | its effect on the state |
//! |---|---|
//! | greeting 2yz; other | → Hello; → Closed |
//! | EHLO, HELO 2yz; other | → Ready, extensions known; stays |
//! | STARTTLS 220; other | → Handshake; stays |
//! | AUTH 334; 235; other | → Exchange; → Ready, authenticated; → Ready |
//! | XCLIENT 220; other | → Hello, extensions forgotten; stays |
//! | DATA 354; other | → Content; stays |
//! | RSET 2yz | Chunks → Ready |
//! | QUIT, any | → Closed |
//! | 421 to anything | → Closed |
//!
//! In Exchange only [`Client::answer`] may be used. Handshake → Hello by [`Client::starttls_done`]; the end of content
//! → Ready. `–` is [`Misuse::OutOfPlace`]. What is pipelined: see [`Client::send`] and [`Client::chunk`]. Leaves to
//! others: sockets, deadlines, the order of MAIL, RCPT and DATA.

mod auth;
mod chunks;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::command::Command;
use crate::content_writer::{ContentEnd, ContentWriter};
use crate::error::{ClientError, Misuse};
use crate::extensions::Extensions;
use crate::limits::Limits;
use crate::parameters::Body;
use crate::reply::Reply;
use crate::reply_reader::ReplyReader;
use crate::verb::Verb;

/// The client role of one connection.
#[derive(Debug)]
pub struct Client {
    limits: Limits,
    state: State,
    replies: ReplyReader,
    /// Commands that wait for their replies, oldest first.
    outstanding: VecDeque<Verb>,
    extensions: Extensions,
    /// Whether XCLIENT may still be sent though the extensions were forgotten: it may come in several commands.
    more_xclient: bool,
    tls: bool,
    /// The last MAIL said that the content is binary: it goes in chunks, as it is (RFC 3030 §3).
    binary: bool,
    /// A chunk of the message under way was refused: no more are sent, and nothing that is said makes it whole.
    spoilt: bool,
    /// Octets stood behind the last reply that was due, so whatever they say answers no command.
    surplus: bool,
    /// The server knows the client for whom we speak (RFC 4954).
    authenticated: bool,
    output: Vec<u8>,
}

#[derive(Debug)]
enum State {
    Greeting,
    Hello,
    Ready,
    Handshake,
    /// A challenge was heard, or its answer sent.
    Exchange {
        /// The answer was that there is none.
        cancelled: bool,
    },
    Content(ContentWriter),
    Chunks(ContentWriter),
    Closed,
}

/// The state of the machine by name, for records and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientStateName {
    /// The greeting has not come.
    Greeting,
    /// EHLO or HELO is due.
    Hello,
    /// Commands.
    Ready,
    /// STARTTLS was answered 220; the handshake is due.
    Handshake,
    /// AUTH was answered 334; an answer is due, or the reply to it.
    Exchange,
    /// DATA was answered 354; content is due.
    Content,
    /// A chunk was sent that is not the last.
    Chunks,
    /// Nothing may be sent any more.
    Closed,
}

/// What a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The greeting, positive or not.
    Greeting(Reply),
    /// The reply to a command.
    Reply {
        /// The command; [`Verb::EndOfData`] for the end of content, be it a dot or the last chunk.
        to: Verb,
        /// What it says.
        reply: Reply,
    },
}

impl Client {
    /// A connection that has just been opened: the greeting comes first.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Greeting,
            replies: ReplyReader::default(),
            outstanding: VecDeque::new(),
            extensions: Extensions::default(),
            more_xclient: false,
            tls: false,
            binary: false,
            spoilt: false,
            surplus: false,
            authenticated: false,
            output: Vec::new(),
        }
    }

    /// Appends `command` to the output. While earlier commands wait for their replies this is possible only where
    /// the server announced PIPELINING and none of them ends a group: EHLO, HELO, STARTTLS, XCLIENT, DATA, NOOP,
    /// QUIT and the end of content do (RFC 2920 §3.1); and EHLO, HELO, STARTTLS and XCLIENT begin one, since what
    /// they change must be known.
    pub fn send(&mut self, command: &Command) -> Result<(), Misuse> {
        let verb = command.verb();
        self.permit(verb)?;
        let in_clear = matches!(command, Command::Mail { parameters, .. } if parameters.require_tls) && !self.tls;
        if in_clear || !command.is_offered(&self.extensions) {
            return Err(Misuse::NotOffered);
        }
        if self.binary && verb == Verb::Data {
            return Err(Misuse::OutOfPlace);
        }
        if let Some(last) = self.outstanding.back() {
            let alone =
                matches!(verb, Verb::Ehlo | Verb::Helo | Verb::Starttls | Verb::Auth | Verb::Xclient | Verb::Xforward);
            let group = matches!(last, Verb::Mail | Verb::Recipient | Verb::Reset | Verb::Chunk);
            if alone || !group || !self.extensions.pipelining {
                return Err(Misuse::MustWait);
            }
            if self.outstanding.len() >= self.limits.outstanding {
                return Err(Misuse::TooManyOutstanding);
            }
        }
        if let Command::Mail { parameters, .. } = command {
            self.binary = parameters.body == Some(Body::Binary);
        }
        command.write_to(&mut self.output, &self.extensions);
        self.outstanding.push_back(verb);
        Ok(())
    }

    /// Appends the next octets of content to the output, made transparent; allowed after 354.
    pub fn content(&mut self, content: &[u8]) -> Result<(), Misuse> {
        let State::Content(writer) = &mut self.state else { return Err(Misuse::OutOfPlace) };
        writer.write(content, &mut self.output);
        Ok(())
    }

    /// Appends the end of content; its reply comes as [`Verb::EndOfData`].
    pub fn end_content(&mut self) -> Result<ContentEnd, Misuse> {
        match core::mem::replace(&mut self.state, State::Ready) {
            State::Content(writer) => {
                self.outstanding.push_back(Verb::EndOfData);
                Ok(writer.finish(&mut self.output))
            }
            other => {
                self.state = other;
                Err(Misuse::OutOfPlace)
            }
        }
    }

    /// Octets to be written. The caller takes and clears them.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// One step: looks at `input`, which is everything unread, and says how many octets are used up and what the
    /// server said. `(0, None)` means: read more; more than 0 without an event: call again with the rest.
    pub fn receive(&mut self, input: &[u8]) -> Result<(usize, Option<ClientEvent>), ClientError> {
        if matches!(self.state, State::Handshake) && !input.is_empty() {
            return self.fail(ClientError::PlaintextBehindStarttls);
        }
        let (consumed, reply) = match self.replies.read(input, &self.reply_limits()) {
            Ok(step) => step,
            Err(error) => return self.fail(error),
        };
        let Some(reply) = reply else { return Ok((consumed, None)) };
        if self.surplus {
            return self.fail(ClientError::Unsolicited(reply));
        }
        let more_follows = input.len() > consumed;
        let event = if matches!(self.state, State::Greeting) {
            self.state = if reply.is_positive_completion() { State::Hello } else { State::Closed };
            ClientEvent::Greeting(reply)
        } else {
            let Some(to) = self.outstanding.pop_front() else { return self.fail(ClientError::Unsolicited(reply)) };
            if let Err(error) = self.follow(to, &reply, more_follows) {
                return self.fail(error);
            }
            ClientEvent::Reply { to, reply }
        };
        self.surplus = more_follows && self.outstanding.is_empty();
        Ok((consumed, Some(event)))
    }

    /// What the server announced in its last reply to EHLO.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The handshake is done: everything said before is forgotten (RFC 3207 §4.2), and EHLO is due.
    pub fn starttls_done(&mut self) {
        self.tls = true;
        self.replies = ReplyReader::default();
        self.outstanding.clear();
        self.spoilt = false;
        self.surplus = false;
        self.authenticated = false;
        self.forget();
    }

    /// Commands that wait for their replies, oldest first.
    pub fn outstanding(&self) -> impl ExactSizeIterator<Item = Verb> + '_ {
        self.outstanding.iter().copied()
    }

    /// Whether a reply has begun and not ended.
    pub fn in_reply(&self) -> bool {
        self.replies.is_partial()
    }

    /// The state by name.
    pub fn state(&self) -> ClientStateName {
        match self.state {
            State::Greeting => ClientStateName::Greeting,
            State::Hello => ClientStateName::Hello,
            State::Ready => ClientStateName::Ready,
            State::Handshake => ClientStateName::Handshake,
            State::Exchange { .. } => ClientStateName::Exchange,
            State::Content(_) => ClientStateName::Content,
            State::Chunks(_) => ClientStateName::Chunks,
            State::Closed => ClientStateName::Closed,
        }
    }

    /// Whether the state and the extensions allow `verb`.
    fn permit(&self, verb: Verb) -> Result<(), Misuse> {
        let (hello, ready) = (matches!(self.state, State::Hello), matches!(self.state, State::Ready));
        let chunks = matches!(self.state, State::Chunks(_));
        let offered = match verb {
            Verb::Starttls => self.extensions.starttls && !self.tls,
            Verb::Auth => !self.authenticated,
            Verb::Xforward => self.extensions.xforward.is_some(),
            Verb::Xclient => self.extensions.xclient.is_some() || (hello && self.more_xclient),
            _ => true,
        };
        let in_place = match verb {
            Verb::Ehlo | Verb::Helo => hello || ready,
            Verb::Reset | Verb::Noop | Verb::Quit => hello || ready || chunks,
            Verb::Xclient => ready || (hello && self.more_xclient),
            _ => ready,
        };
        match (in_place, offered) {
            (false, _) => Err(Misuse::OutOfPlace),
            (true, false) => Err(Misuse::NotOffered),
            (true, true) => Ok(()),
        }
    }

    /// What a reply changes.
    fn follow(&mut self, to: Verb, reply: &Reply, more_follows: bool) -> Result<(), ClientError> {
        let positive = reply.is_positive_completion();
        // RFC 5321 §4.3.2: 3yz answers DATA alone (and AUTH), and DATA is not done before its content.
        if to == Verb::Auth {
            return self.follow_auth(reply);
        }
        if (to == Verb::Data && positive) || (to != Verb::Data && reply.is_intermediate()) {
            return Err(ClientError::UnexpectedCode(to, reply.code()));
        }
        // RFC 3030 §2: a message of which a chunk was refused has failed, and a server that takes it takes a torn one.
        if to == Verb::EndOfData && positive && self.spoilt {
            return Err(ClientError::UnexpectedCode(to, reply.code()));
        }
        match to {
            Verb::Ehlo if positive => {
                self.extensions = Extensions::parse(reply);
                self.enter_ready();
            }
            Verb::Helo if positive => {
                self.extensions = Extensions::default();
                self.enter_ready();
            }
            Verb::Starttls if positive => {
                if reply.code().value() != 220 {
                    return Err(ClientError::UnexpectedCode(to, reply.code()));
                }
                if more_follows {
                    return Err(ClientError::PlaintextBehindStarttls);
                }
                self.state = State::Handshake;
            }
            Verb::Xclient if positive => {
                self.forget();
                self.more_xclient = true;
            }
            Verb::Data if reply.is_intermediate() => self.state = State::Content(ContentWriter::new()),
            Verb::Chunk => self.spoilt |= !positive,
            Verb::EndOfData => self.spoilt = false,
            Verb::Reset if positive => {
                self.spoilt = false;
                if matches!(self.state, State::Chunks(_)) {
                    self.state = State::Ready;
                }
            }
            Verb::Quit => self.state = State::Closed,
            _ => {}
        }
        if reply.is_closing() {
            self.state = State::Closed;
        }
        Ok(())
    }

    fn enter_ready(&mut self) {
        self.state = State::Ready;
        self.more_xclient = false;
    }

    fn forget(&mut self) {
        self.extensions = Extensions::default();
        self.more_xclient = false;
        self.state = State::Hello;
    }

    fn fail<T>(&mut self, error: ClientError) -> Result<T, ClientError> {
        self.state = State::Closed;
        Err(error)
    }
}
