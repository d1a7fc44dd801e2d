#![forbid(unsafe_code)]
//! The gateway: everything between the wire and the verdict, without Python.
//!
//! ```text
//!            accept, greet                         read, feed, one thing per event
//!  client ──▶ listener ──▶ connection ◀──────────▶ smtpgw_smtp::Server
//!                              │ content                                      MAIL, RCPT, reset
//!                              ▼                                                     │
//!                         transaction ────────── backend (Leg) ◀─────────────────────┘
//!                              │                     ▲
//!                              ▼                     │ outgoing: policy's fields + content, byte for byte
//!                         reception ──▶ spool ───────┘
//!                              │ raw octets
//!                              ▼
//!                           decode ──▶ parts ──▶ inspection ──▶ dyn Inspect (the binding, or a test)
//!                                                     │ opinions
//!                                                     ▼
//!                                                  verdict ──▶ reply, record
//! ```
//!
//! The arrow that matters is inverted: this crate defines [`inspect::Inspect`], and whoever runs inspectors
//! implements it. So everything here runs, is tested and is measured without an interpreter. Sockets, clock and
//! randomness come from [`world`] alone, so all of it also runs inside a simulated network (rule S1).

mod admission;
mod backend;
mod client_hello;
mod connection;
mod content;
mod decision;
mod decode;
mod digits;
mod domain;
mod durable;
mod error;
mod examination;
mod gateway;
mod house;
pub mod inspect;
mod inspection;
pub mod leaves;
mod listener;
mod log;
pub mod message;
mod outgoing;
mod pace;
mod proxy_header;
mod quarantine;
mod read_ahead;
#[doc(hidden)]
pub mod readers;
mod real_type;
mod received;
mod reception;
mod record;
mod scan;
pub mod service;
pub mod settings;
mod setup;
mod spool;
mod tls;
mod transaction;
mod tunnel;
mod unscanned;
pub mod verdict;
mod watched;
mod wire;
pub mod world;

pub use error::{BackendError, StartError};
pub use examination::{Finding, examine};
pub use gateway::Gateway;
pub use log::{Record, RecordSink, log_sink};
pub use record::{
    FailureRecord, InspectorRecord, JudgedRecord, OpinionRecord, PartRecord, UnscannedRecord, VerdictRecord,
};
pub use scan::{ScanReport, Scanner};
pub use tls::self_signed;
