//! TLS towards clients, by real sockets and real handshakes.

#![allow(clippy::unwrap_used, unreachable_pub, missing_docs)] // a failed step is a failed test

mod certificates;
mod client_certificate;
mod ends;
mod handshake;
mod hello;
mod implicit;
mod support;
mod tunnel;
