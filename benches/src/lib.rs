#![forbid(unsafe_code)]
//! What the programs of the benchmark suite share.
//!
//! - `smtpgw-load` sends mail as fast as it is let, or holds idle connections, and says what it saw;
//! - `smtpgw-sink` takes mail as fast as it comes;
//! - `smtpgw-relay` copies octets between the two: what any proxy on this runtime costs at least;
//! - `smtpgw-plain` is the gateway without any interpreter;
//! - `smtpgw-decode` is the MIME decoder without one.
//!
//! `benches/run.py` starts them, reads the processor time of the one under test, and writes the report. The load
//! generator and the sink speak SMTP by themselves and not through `smtpgw-smtp`: a measure must not change with
//! what it measures.

pub mod arguments;
pub mod content;
pub mod dialogue;
pub mod latency;
pub mod message;
pub mod serve;
