//! The server we protect: dialled late, spoken to in commands rebuilt from parsed pieces, never trusted.
//!
//! A [`Site`] is what we know of a backend between connections (settings, what it last offered, which of its addresses
//! answer); [`Routes`] say which of them gets a message; a [`Leg`] is one connection, made at the first MAIL of a
//! client (rule B2) and kept for that client alone, then perhaps in the [`Pool`] for another. [`look_after`] finds out
//! in the background who is down and who is back. Replies to MAIL, RCPT and the end of data are handed up as they came
//! (rule R1). Every error here is our own trouble to the client: 4yz, and the leg is not used again.

mod chunks;
mod circuit;
mod clear;
mod envelope;
mod health;
mod leg;
mod maildir;
mod pool;
mod routes;
mod shared;
mod site;
mod smtp;
mod streaming;
#[cfg(test)]
mod tests;
mod trust;
mod ways;

pub(crate) use self::health::look_after;
pub(crate) use self::leg::{Leg, Place};
pub(crate) use self::pool::{Pool, sweep};
pub(crate) use self::routes::{Choice, Routes};
pub(crate) use self::site::Site;
pub(crate) use self::trust::{look_after_authorities, would_trust};
