#![no_std]
#![forbid(unsafe_code)]
//! SMTP without I/O, in both roles: octets in, events and octets out.
//!
//! ```text
//!            octets                                                    octets
//!   client ─────────▶ Server ──▶ ServerEvent ──▶ (gateway) ──▶ Command ──▶ Client ─────────▶ backend
//!          ◀───────── Server ◀── Reply ◀──────── (gateway) ◀── ClientEvent ◀── Client ◀─────────
//! ```
//!
//! | file | noun |
//! |---|---|
//! | `server`, `server_event` | the server role: state × verb |
//! | `line_reader`, `request`, `parameters` | command lines: cut, taken apart, typed |
//! | `notification`, `xtext` | values of parameters: what is asked of notices, and how it is coded |
//! | `content_reader`, `newline` | content coming in: transparency undone, no bad newline let in |
//! | `chunk_reader` | content coming in by BDAT: counted |
//! | `client` | the client role: state × command, replies one to one |
//! | `command`, `xclient`, `xforward`, `attributes` | commands, written from parsed pieces |
//! | `xclient_request` | XCLIENT as the server role reads it |
//! | `auth` | mechanisms, and the lines of an exchange that is handed on |
//! | `word_set` | the words behind a keyword of EHLO |
//! | `reply_reader` | replies coming in: strict and bounded |
//! | `content_writer` | content going out: canonical whatever comes in |
//! | `path`, `extensions`, `session_limits`, `reply`, `verb` | the words both roles speak |
//! | `replies`, `error`, `limits` | tables: what we answer, what can go wrong, what things may cost |
//!
//! Invariants, each held by tests: how a stream is cut into pieces changes nothing; what the client role writes,
//! the server role reads back as the same one message; nothing grows without a named limit; every step is linear in
//! what it is shown; no octet a peer sent reaches the other peer except through a parsed piece, content, or the
//! cleaned text of a reply.
//!
//! No sockets, clock, randomness or logging: deadlines and their consequences are the caller's. A caller is a loop:
//!
//! ```
//! use smtpgw_smtp::{Limits, Offer, Server, ServerEvent, ServerOptions, replies};
//!
//! let options = ServerOptions { hostname: "mx.example".into(), limits: Limits::default(), ..Default::default() };
//! let mut server = Server::new(options, Offer::default());
//! let (mut unread, mut content) = (Vec::new(), Vec::new());
//! unread.extend(b"HELO client.example\r\nMAIL FROM:<a@client.example>\r\nRCPT TO:<b@example>\r\nDATA\r\nHi\r\n.\r\n");
//! loop {
//!     let received = server.receive(&unread);
//!     let consumed = received.consumed;
//!     match received.event {
//!         Some(ServerEvent::Mail { .. }) => server.reply(&replies::SENDER_OK), // here a backend would be asked
//!         Some(ServerEvent::Recipient { .. }) => server.reply(&replies::RECIPIENT_OK),
//!         Some(ServerEvent::Data) => server.start_content(),
//!         Some(ServerEvent::Content(octets)) => content.extend_from_slice(octets),
//!         Some(ServerEvent::EndOfData) => server.reply(&replies::MESSAGE_OK),
//!         Some(_) => {}
//!         None if consumed == 0 => break, // here a socket would be written to and read from
//!         None => {}
//!     }
//!     unread.drain(..consumed);
//! }
//! assert_eq!(content, b"Hi\r\n");
//! assert!(server.output().ends_with(b"250 2.6.0 Message accepted\r\n"));
//! ```

extern crate alloc;

mod attributes;
mod auth;
mod chunk_reader;
mod client;
mod command;
mod content_reader;
mod content_writer;
mod error;
mod extensions;
mod limits;
mod line_reader;
mod newline;
mod notification;
mod parameters;
mod path;
pub mod replies;
mod reply;
mod reply_reader;
mod request;
mod server;
mod server_event;
mod session_limits;
mod verb;
mod word_set;
mod xclient;
mod xclient_request;
mod xforward;
mod xtext;

pub use attributes::XclientValue;
pub use auth::{AuthAnswer, Mechanism, Mechanisms, Secret};
pub use client::{Client, ClientEvent, ClientStateName};
pub use command::Command;
pub use content_writer::{ContentEnd, ContentWriter};
pub use error::{ClientError, CloseReason, CommandError, ContentError, Error, Misuse, Side};
pub use extensions::{Extensions, Missing, Offer};
pub use limits::Limits;
pub use newline::BareNewline;
pub use notification::{Notify, OriginalRecipient, Return};
pub use parameters::{Body, MailParameters, RecipientParameters};
pub use path::{ForwardPath, Mailbox, PathError, ReversePath};
pub use reply::{EnhancedStatusCode, Reply, ReplyCode};
pub use server::{Server, ServerOptions};
pub use server_event::{HelloKind, Received, ServerEvent, StateName};
pub use session_limits::SessionLimits;
pub use verb::Verb;
pub use word_set::{Word, WordSet};
pub use xclient::{XclientAttributes, XclientLine, XclientName, xclient_address, xclient_commands};
pub use xclient_request::{Fact, XclientRequest};
pub use xforward::{XforwardAttributes, XforwardLine, XforwardName, xforward_commands};
pub use xtext::Xtext;
