//! The servers we protect: where they are, how they are trusted, what they are told and how long they may take.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::seconds;

/// One server we protect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backend {
    /// `host:port`, or `maildir:/path` for the embedded one.
    pub address: String,
    /// TLS on the way to it.
    pub tls: BackendTls,
    /// Authorities that a verified backend's certificate must lead to, as PEM.
    pub ca: Option<PathBuf>,
    /// The name a verified backend's certificate must have; the host of `address` without it.
    pub name: Option<String>,
    /// SHA-256 of the public keys (subject public key info) that a verified backend may have, in hexadecimal.
    pub pin: Vec<String>,
    /// How it learns who the client is.
    pub identity: Identity,
    /// When content goes to it.
    pub relay: Relay,
    /// Octets that gather before they go to it with [`Relay::Stream`].
    pub stream_chunk: u64,
    /// The longest wait for connection, greeting and handshake; as long once more in clear where opportunistic TLS
    /// fails.
    #[serde(with = "seconds")]
    pub connect_s: Duration,
    /// The longest wait for a command's reply.
    #[serde(with = "seconds")]
    pub reply_s: Duration,
    /// The longest wait for all of the content to be taken, and then for the reply to the end of data (RFC 5321
    /// §4.5.3.2.6 says ten minutes; a client's own patience ends sooner).
    #[serde(with = "seconds")]
    pub data_s: Duration,
    /// Connections that are kept for the next client when one is done with them.
    pub pool: usize,
    /// How long one of them may wait for it.
    #[serde(with = "seconds")]
    pub pool_s: Duration,
}

impl Backend {
    /// A backend at `address` with the defaults of the configuration file.
    pub fn at(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            tls: BackendTls::Opportunistic,
            ca: None,
            name: None,
            pin: Vec::new(),
            identity: Identity::None,
            relay: Relay::Store,
            stream_chunk: 64 << 10,
            connect_s: Duration::from_secs(10),
            reply_s: Duration::from_secs(60),
            data_s: Duration::from_secs(300),
            pool: 0,
            pool_s: Duration::from_secs(5),
        }
    }
}

/// TLS towards the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackendTls {
    /// Never.
    None,
    /// If offered; the certificate is not checked. Where the handshake fails, in clear for a while.
    Opportunistic,
    /// Always, or no mail; the certificate is not checked.
    Required,
    /// Always, and only with the server that `ca`, `pin` or both know.
    Verified,
}

/// How the backend learns the client's true address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    /// Postfix's XCLIENT; a backend that does not offer it gets no mail (rule O1).
    Xclient,
    /// A PROXY header of version 1 before its greeting.
    ProxyV1,
    /// A PROXY header of version 2 before its greeting, with the facts of the client's TLS.
    ProxyV2,
    /// Postfix's XFORWARD, for its log alone; it is not told whom to trust.
    Xforward,
    /// Not at all.
    None,
}

impl Identity {
    /// Whether the backend takes the client for whom it is, and so can decide whose mail to take (rule O1).
    pub(crate) const fn decides(self) -> bool {
        match self {
            Self::Xclient | Self::ProxyV1 | Self::ProxyV2 => true,
            Self::Xforward | Self::None => false,
        }
    }

    /// Whether the backend knows the client before it has said anything.
    pub(crate) const fn precedes_greeting(self) -> bool {
        matches!(self, Self::ProxyV1 | Self::ProxyV2)
    }
}

/// When content goes to the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relay {
    /// After the verdict.
    Store,
    /// While it arrives; its end after the verdict.
    Stream,
}
