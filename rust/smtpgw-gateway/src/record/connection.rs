//! A connection in the records: who it was, how encrypted, what was refused, how it ended.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::{is_zero, optional_seconds, pointee, seconds};
use crate::client_hello::ClientHello;
use crate::message::{Carried, TlsFacts};
use crate::tls::Cause;

/// A connection was turned away.
#[derive(Debug, Serialize)]
pub(crate) struct Refused {
    pub(crate) client: SocketAddr,
    /// The proxy that brought it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proxied_by: Option<SocketAddr>,
    /// The limit that was reached, by its name.
    pub(crate) limit: &'static str,
}

/// A connection has ended.
#[derive(Debug, Serialize)]
pub(crate) struct ConnectionRecord {
    pub(crate) session: String,
    pub(crate) client: SocketAddr,
    pub(crate) listener: SocketAddr,
    /// What a proxy said of the client, if one speaks for it.
    #[serde(flatten)]
    pub(crate) carried: Option<Carried>,
    pub(crate) helo: String,
    /// How the client is connected to us, if it is.
    #[serde(flatten)]
    pub(crate) leg: LegRecord,
    /// Who is connected to us instead, and has named the client by XCLIENT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) speaker: Option<SpeakerRecord>,
    /// Why the handshake failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_failure: Option<Cause>,
    /// How many this client has had by that cause lately, this one included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_failures: Option<u32>,
    /// It has authenticated with the backend.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) authenticated: bool,
    /// What went to the backend and back behind a STARTTLS that was passed through, and that nobody has inspected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uninspected: Option<Box<TunnelRecord>>,
    /// How it ended: `quit`, `client-closed`, `timeout`, ….
    pub(crate) end: &'static str,
    /// The reason behind `end`, if there is more to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    pub(crate) transactions: u32,
    /// Transactions that the backend acknowledged.
    pub(crate) relayed: u32,
    /// Commands that were answered 5yz.
    pub(crate) errors: u32,
    /// What was refused before any content, as far as it is written down, and how much more there was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) refused: Vec<RefusedCommand>,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) refused_more: u32,
    #[serde(serialize_with = "seconds")]
    pub(crate) greeting_s: Duration,
    #[serde(serialize_with = "optional_seconds", skip_serializing_if = "Option::is_none")]
    pub(crate) handshake_s: Option<Duration>,
    #[serde(serialize_with = "seconds")]
    pub(crate) duration_s: Duration,
}

/// One command that was refused, by whomever.
#[derive(Debug, Serialize)]
pub(crate) struct RefusedCommand {
    /// As it came, or as it was understood: `RCPT TO:<user@example.org>`.
    pub(crate) command: String,
    /// What the client was told.
    pub(crate) reply: String,
    /// Which inspector refused it, or failed over it, and why, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

impl RefusedCommand {
    /// What it takes to keep.
    pub(crate) fn octets(&self) -> usize {
        let why = self.by.as_ref().map_or(0, String::len) + self.reason.as_ref().map_or(0, String::len);
        self.command.len() + self.reply.len() + why
    }
}

/// What is known of whoever is connected to us.
#[derive(Debug, Default, Serialize)]
pub(crate) struct LegRecord {
    pub(crate) tls: Option<TlsFacts>,
    /// What it said of its TLS, also if it came to nothing.
    #[serde(serialize_with = "pointee", skip_serializing_if = "Option::is_none")]
    pub(crate) client_hello: Option<Arc<ClientHello>>,
    /// It spoke before our greeting went out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) early_talker: bool,
    /// STARTTLS was not offered: its TLS and ours had nothing in common a while ago.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) starttls_withheld: bool,
}

/// Somebody who speaks for another one.
#[derive(Debug, Serialize)]
pub(crate) struct SpeakerRecord {
    pub(crate) address: SocketAddr,
    #[serde(flatten)]
    pub(crate) leg: LegRecord,
}

/// Octets that went through a tunnel.
#[derive(Debug, Serialize)]
pub(crate) struct TunnelRecord {
    pub(crate) to_backend: u64,
    pub(crate) to_client: u64,
}
