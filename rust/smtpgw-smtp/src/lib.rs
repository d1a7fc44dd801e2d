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
//! | `content_reader` | content coming in: transparency undone, bad newlines refused |
//! | `client` | the client role: state × command, replies one to one |
//! | `command`, `xclient` | commands, written from parsed pieces |
//! | `reply_reader` | replies coming in: strict and bounded |
//! | `content_writer` | content going out: canonical whatever comes in |
//! | `path`, `extensions`, `reply`, `verb` | the words both roles speak |
//! | `replies`, `error`, `limits` | tables: what we answer, what can go wrong, what things may cost |
//!
//! Invariants, each held by tests: how a stream is cut into pieces changes nothing; what the client role writes,
//! the server role reads back as the same one message; nothing grows without a named limit; every step is linear in
//! what it is shown; no octet a peer sent reaches the other peer except through a parsed piece, content, or the
//! cleaned text of a reply.
//!
//! No sockets, clock, randomness or logging: deadlines and their consequences are the caller's.

extern crate alloc;

mod client;
mod command;
mod content_reader;
mod content_writer;
mod error;
mod extensions;
mod limits;
mod line_reader;
mod parameters;
mod path;
pub mod replies;
mod reply;
mod reply_reader;
mod request;
mod server;
mod server_event;
mod verb;
mod xclient;

pub use client::{Client, ClientEvent, ClientStateName};
pub use command::Command;
pub use content_writer::{ContentEnd, ContentWriter};
pub use error::{ClientError, CloseReason, CommandError, ContentError, Error, Misuse, Side};
pub use extensions::{Extensions, Offer};
pub use limits::Limits;
pub use parameters::{Body, MailParameters, RecipientParameters};
pub use path::{ForwardPath, Mailbox, PathError, ReversePath};
pub use reply::{EnhancedStatusCode, Reply, ReplyCode};
pub use server::{Server, ServerOptions};
pub use server_event::{HelloKind, Received, ServerEvent, StateName};
pub use verb::Verb;
pub use xclient::{XclientAttributes, XclientLine, XclientName, XclientValue, xclient_address, xclient_commands};
