//! What each command does in each state: the upper table of [`server`](super), row by row.
//!
//! Whether a command has its place comes before its arguments, so that what is out of sequence is answered 503
//! whatever it says. Leaves counting and hanging up to the machine.

use alloc::borrow::{Cow, ToOwned as _};
use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Envelope, Server, ServerOptions, State};
use crate::chunk_reader::ChunkReader;
use crate::error::{CloseReason, CommandError};
use crate::parameters::Body;
use crate::replies;
use crate::reply::Reply;
use crate::request::{self, Request};
use crate::server_event::{HelloKind, Received, ServerEvent};
use crate::verb::Verb;
use crate::xclient_request::XclientRequest;

impl Server {
    /// One line, without its CRLF; `more_follows` if there are octets behind it already.
    pub(super) fn command<'b>(&mut self, consumed: usize, line: &'b [u8], more_follows: bool) -> Received<'b> {
        let performed = match Request::parse(line) {
            Ok(request) => self.perform(&request, more_follows),
            Err(_) if request::is_chunk(line) => return self.hang_up(consumed, CloseReason::ChunkLine),
            Err(CommandError::Octet) if request::is_hello(line) => self.hello_in_letters(line),
            Err(error) => Err(error),
        };
        match performed {
            Ok(Performed::Event(event)) => Received { consumed, event: Some(event) },
            Ok(Performed::Close(reason)) => self.hang_up(consumed, reason),
            Ok(Performed::Nothing) => Received { consumed, event: None },
            Err(error) => self.refuse(consumed, error),
        }
    }

    /// Does what a well-formed line asks for.
    fn perform<'b>(&mut self, request: &Request<'b>, more_follows: bool) -> Result<Performed<'b>, CommandError> {
        let event = match request.verb {
            Verb::Ehlo | Verb::Helo => self.hello(request.verb, request.hello_name()?.into())?,
            Verb::Starttls => {
                self.permit_starttls()?;
                request.no_argument()?;
                if more_follows {
                    return Ok(Performed::Close(CloseReason::PlaintextBehindStarttls));
                }
                replies::STARTTLS.write_to(&mut self.output);
                self.state = State::Handshake;
                ServerEvent::Starttls
            }
            Verb::Xclient => {
                self.permit_xclient()?;
                let said = XclientRequest::parse(request.argument)?;
                if self.count_junk() {
                    return Ok(Performed::Close(CloseReason::TooManyCommands));
                }
                self.state = State::XclientPending;
                ServerEvent::Xclient(Box::new(said))
            }
            Verb::Mail => {
                self.permit_mail()?;
                if self.transactions >= self.options.limits.transactions {
                    return Ok(Performed::Close(CloseReason::TooManyTransactions));
                }
                // Whatever is wrong with it, this is what holds until it is known to be right.
                self.state = State::Ready { mail_refused: true };
                let (reverse_path, parameters) = request.mail(&self.announced)?;
                if parameters.size.is_some_and(|size| size > self.size_limit()) {
                    return Err(CommandError::Size);
                }
                self.transactions += 1;
                self.state = State::MailPending(Envelope {
                    smtputf8: parameters.smtputf8,
                    binary: parameters.body == Some(Body::Binary),
                    ..Envelope::default()
                });
                ServerEvent::Mail { reverse_path, parameters }
            }
            Verb::Recipient => {
                let State::Mail(envelope) = self.state else { return Err(self.out_of_sequence()) };
                if envelope.accepted >= self.options.limits.recipients {
                    return Err(CommandError::TooManyRecipients);
                }
                let parsed = request.recipient(&self.announced, envelope.smtputf8);
                if parsed.is_err() {
                    self.state = State::Mail(Envelope { any_refused: true, ..envelope });
                }
                let (forward_path, parameters) = parsed?;
                self.state = State::RecipientPending(envelope);
                ServerEvent::Recipient { forward_path, parameters }
            }
            Verb::Data => {
                if self.permit_content()?.binary {
                    return Err(CommandError::BinaryNeedsChunks);
                }
                request.no_argument()?;
                self.state = State::DataPending;
                ServerEvent::Data
            }
            Verb::Chunk => {
                // Whatever is wrong with it, the chunk follows: read as commands it would be an injection.
                let longest = self.options.limits.message_size.max(self.options.limits.swallowed_content);
                let Some((size, last)) = request.chunk().filter(|(size, _)| *size <= longest) else {
                    return Ok(Performed::Close(CloseReason::Chunk));
                };
                match self.chunk(size, last) {
                    Ok(Some(event)) => event,
                    Ok(None) if size == 0 && !last && self.count_junk() => {
                        return Ok(Performed::Close(CloseReason::TooManyCommands));
                    }
                    Ok(None) => return Ok(Performed::Nothing),
                    Err(error) => {
                        self.lines.skip_chunk(size, error);
                        return Ok(Performed::Nothing);
                    }
                }
            }
            Verb::Reset => {
                request.no_argument()?;
                self.end_transaction();
                return Ok(self.idle(&replies::OK, ServerEvent::Reset));
            }
            Verb::Noop => return Ok(self.idle(&replies::OK, ServerEvent::Answered(Ok(())))),
            Verb::Help => return Ok(self.idle(&replies::HELP, ServerEvent::Answered(Ok(())))),
            Verb::Verify => {
                request.some_argument()?;
                return Ok(self.idle(&replies::VERIFY, ServerEvent::Answered(Ok(()))));
            }
            Verb::Quit => {
                request.no_argument()?;
                replies::GOODBYE.write_to(&mut self.output);
                self.state = State::Closed { unreported: None };
                ServerEvent::Quit
            }
            Verb::Auth => {
                self.permit_auth()?;
                let (mechanism, initial) = request.auth(self.announced.auth)?;
                if self.count_junk() {
                    return Ok(Performed::Close(CloseReason::TooManyCommands));
                }
                self.state = State::AuthPending;
                ServerEvent::Auth { mechanism, initial }
            }
            Verb::Expand | Verb::Etrn | Verb::Xforward | Verb::EndOfData => {
                return Err(CommandError::NotImplemented);
            }
        };
        Ok(Performed::Event(event))
    }

    /// The same with letters beyond ASCII in the name, of whatever alphabet and code. They have no place there, but
    /// some machines are called so by their owners, and cannot help it; and a name is only a claim. Nobody behind us
    /// sees them.
    fn hello_in_letters<'b>(&mut self, line: &[u8]) -> Result<Performed<'b>, CommandError> {
        let plain: Vec<u8> = line.iter().map(|octet| if octet.is_ascii() { *octet } else { b'?' }).collect();
        let request = Request::parse(&plain)?;
        let name = request.hello_name()?.to_owned();
        self.hello(request.verb, name.into()).map(Performed::Event)
    }

    /// EHLO and HELO; RFC 5321 §4.1.4: either of them at any time clears the transaction.
    fn hello<'b>(&mut self, verb: Verb, name: Cow<'b, str>) -> Result<ServerEvent<'b>, CommandError> {
        let again = !matches!(self.state, State::Start);
        let kind = if verb == Verb::Ehlo { HelloKind::Ehlo } else { HelloKind::Helo };
        // Parameters behind HELO are taken as those behind EHLO are: nothing hangs on it, and clients do send them.
        self.announced = self.offer;
        match kind {
            HelloKind::Ehlo => self.offer.write_ehlo_reply(&self.options.hostname, &mut self.output),
            HelloKind::Helo => {
                self.output.extend_from_slice(b"250 ");
                replies::push_hostname(&mut self.output, &self.options.hostname);
                self.output.extend_from_slice(b"\r\n");
            }
        }
        self.state = State::Ready { mail_refused: false };
        if again && self.count_junk() {
            self.close_later(CloseReason::TooManyCommands);
        }
        Ok(ServerEvent::Hello { kind, name })
    }

    /// BDAT: the chunk follows. The first one of a message is an event.
    fn chunk<'b>(&mut self, size: u64, last: bool) -> Result<Option<ServerEvent<'b>>, CommandError> {
        if !self.offer.chunking && !self.announced.chunking {
            return Err(CommandError::NotImplemented);
        }
        if let State::Chunks(_) = self.state {
            if let State::Chunks(mut reader) = core::mem::replace(&mut self.state, State::Start) {
                reader.begin(size, last);
                self.state = State::Chunk(reader);
            }
            return Ok(None);
        }
        let envelope = self.permit_content()?;
        let ServerOptions { limits, bare_newline, .. } = &*self.options;
        let mut reader = if envelope.binary {
            ChunkReader::binary(limits, self.size_limit())
        } else {
            ChunkReader::new(limits, self.size_limit(), *bare_newline)
        };
        reader.begin(size, last);
        self.state = State::Chunk(reader);
        Ok(Some(ServerEvent::ChunkStart))
    }

    /// DATA, and the first BDAT.
    fn permit_content(&self) -> Result<Envelope, CommandError> {
        match self.state {
            State::Mail(envelope @ Envelope { accepted: 1.., .. }) => Ok(envelope),
            State::Mail(Envelope { any_refused: true, .. }) => Err(CommandError::NoRecipients),
            State::Mail(_) => Err(CommandError::RecipientFirst),
            _ => Err(self.out_of_sequence()),
        }
    }

    fn permit_starttls(&self) -> Result<(), CommandError> {
        match self.state {
            _ if self.tls => Err(CommandError::TlsAlready),
            _ if !self.offer.starttls => Err(CommandError::NotImplemented),
            State::Start => Err(CommandError::HelloFirst),
            State::Mail(_) | State::Chunks(_) => Err(CommandError::InTransaction),
            _ => Ok(()),
        }
    }

    fn permit_xclient(&self) -> Result<(), CommandError> {
        match self.state {
            _ if !self.offer.xclient => Err(CommandError::XclientDenied),
            State::Mail(_) | State::Chunks(_) => Err(CommandError::InTransaction),
            _ => Ok(()),
        }
    }

    fn permit_auth(&self) -> Result<(), CommandError> {
        match self.state {
            _ if self.authenticated => Err(CommandError::AuthenticatedAlready),
            _ if self.offer.auth.is_empty() && self.announced.auth.is_empty() => Err(CommandError::NotImplemented),
            State::Start => Err(CommandError::HelloFirst),
            State::Mail(_) | State::Chunks(_) => Err(CommandError::InTransaction),
            _ if self.offer.xclient => Err(CommandError::XclientFirst),
            _ => Ok(()),
        }
    }

    fn permit_mail(&self) -> Result<(), CommandError> {
        match self.state {
            State::Start => Err(CommandError::HelloFirst),
            State::Mail(_) | State::Chunks(_) => Err(CommandError::NestedMail),
            _ if self.offer.xclient => Err(CommandError::XclientFirst),
            _ => Ok(()),
        }
    }

    /// What is wrong with RCPT and DATA outside a transaction.
    fn out_of_sequence(&self) -> CommandError {
        match self.state {
            State::Start => CommandError::HelloFirst,
            State::Chunks(_) => CommandError::ChunksBegun,
            _ => CommandError::MailFirst,
        }
    }

    /// A command that is answered but brings no mail forward.
    fn idle<'b>(&mut self, reply: &Reply, event: ServerEvent<'b>) -> Performed<'b> {
        if self.count_junk() {
            return Performed::Close(CloseReason::TooManyCommands);
        }
        reply.write_to(&mut self.output);
        Performed::Event(event)
    }

    fn end_transaction(&mut self) {
        if self.in_transaction() {
            self.state = State::Ready { mail_refused: false };
        }
    }
}

/// What came of a well-formed command.
enum Performed<'b> {
    Event(ServerEvent<'b>),
    Close(CloseReason),
    /// Nothing yet: a chunk follows.
    Nothing,
}
