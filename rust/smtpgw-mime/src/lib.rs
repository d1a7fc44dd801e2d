#![no_std]
#![forbid(unsafe_code)]
//! A streaming MIME decoder without I/O: octets of a message in, events out (RFC 2045 to 2047, 2231, 5322).
//!
//! ```text
//!   raw octets ──► Decoder ──► lines of a header ──► header::Collector ──► entity (PartHead) ──► PartBegin
//!                     │
//!                     └──────► body ──► multipart delimiters ──► transfer (base64, …) ──► Data
//!                                                                      │
//!                                        encoded message: decoded octets go into a decoder of their own
//! ```
//!
//! - [`Decoder`] reads a message in pieces of any size and tells a [`Sink`] what it sees while it reads. Memory
//!   does not grow with the message: kept are the current header and the boundaries ([`Limits`]).
//! - How the message is cut into pieces never shows in the result.
//! - Nothing is guessed quietly: each odd place is a [`Defect`], each limit that is hit an event; where programs
//!   differ, a [`Dialect`] names the reading.
//! - [`charset`] makes text of decoded octets; [`edit`] removes header fields from a raw message.

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod charset;
mod context;
mod decoder;
mod defect;
mod dialect;
pub mod edit;
mod entity;
mod event;
pub mod header;
mod inline;
mod limits;
mod machine;
mod multipart;
mod path;
mod readings;
mod transfer;

pub use decoder::Decoder;
pub use defect::{Defect, DefectKind};
pub use dialect::{
    AfterClose, AfterPadding, Base64Junk, BlankBeforeColon, BlankLine, DelimiterMatch, Dialect, EncodedMultipart,
    JunkLine, MissingBoundary, Nul, Pick, QuotedPrintableRules, Shared,
};
pub use event::{Event, PartHead, PartKind, Region, Sink};
pub use header::{Field, Header};
pub use inline::{Inline, InlineEncoding, InlineReader, InlineWatch, PartsWatch};
pub use limits::{LimitKind, Limits};
pub use path::PartPath;
pub use readings::{Observed, Readings};
