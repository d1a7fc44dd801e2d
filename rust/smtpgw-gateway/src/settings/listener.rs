//! Where we listen and with which certificates.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Network;

/// One address we accept connections on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// `host:port`; port 0 takes a free one, reported in the `ready` record.
    pub address: String,
    /// Whether and how TLS is offered.
    pub tls: ListenerTls,
    /// Who gets this listener's mail.
    pub backend: Backends,
    /// Who gets the mail for some domains (lower case) instead.
    #[serde(default)]
    pub routes: BTreeMap<String, Backends>,
    /// Domains we take mail for (lower case); empty: the backend decides; `["*"]`: any. See rule O1.
    pub recipient_domains: Vec<String>,
    /// Our own certificates; the first is the default.
    pub certificates: Vec<Certificate>,
    /// Whether clients are asked for a certificate of their own.
    pub client_certificate: ClientAuth,
    /// Whether clients may authenticate with the backend through us.
    pub auth: ClientLogin,
    /// Networks whose connections begin with a PROXY header, version 1 or 2, which names the client.
    pub proxy_protocol_from: Vec<Network>,
    /// Networks whose clients must say by XCLIENT whom they speak for, before MAIL.
    pub xclient_from: Vec<Network>,
}

impl Listener {
    /// A listener at `address` for `backend` with the defaults of the configuration file.
    pub fn at(address: impl Into<String>, backend: impl Into<Backends>) -> Self {
        Self {
            address: address.into(),
            tls: ListenerTls::Starttls,
            backend: backend.into(),
            routes: BTreeMap::new(),
            recipient_domains: Vec::new(),
            certificates: Vec::new(),
            client_certificate: ClientAuth::Off,
            auth: ClientLogin::Off,
            proxy_protocol_from: Vec::new(),
            xclient_from: Vec::new(),
        }
    }
}

/// Names of backends in order of priority: a lower one gets mail only while those above it are down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Backends {
    /// This one alone.
    One(String),
    /// The first of these that is not down.
    Several(Vec<String>),
}

impl Backends {
    /// The names, the first choice first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
        .iter()
        .map(String::as_str)
    }
}

impl From<&str> for Backends {
    fn from(name: &str) -> Self {
        Self::One(name.to_owned())
    }
}

impl<const N: usize> From<[&str; N]> for Backends {
    fn from(names: [&str; N]) -> Self {
        Self::Several(names.map(str::to_owned).to_vec())
    }
}

/// How a listener treats TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListenerTls {
    /// In clear until the client says STARTTLS (RFC 3207).
    Starttls,
    /// From the first octet (RFC 8314 §3.3): the handshake comes before the greeting.
    Implicit,
    /// Never.
    None,
    /// Another box ended it, and says so in its PROXY header; never here.
    External,
    /// STARTTLS is passed through to the backend, and all that comes behind it is not inspected: for emergencies.
    Tunnel,
}

impl ListenerTls {
    /// Whether our own certificates are shown.
    pub(crate) const fn ends_here(self) -> bool {
        match self {
            Self::Starttls | Self::Implicit => true,
            Self::None | Self::External | Self::Tunnel => false,
        }
    }
}

/// Whether clients are asked for a certificate. Whatever they show, their mail is inspected as any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuth {
    /// No.
    Off,
    /// Yes, and one that has none is welcome.
    Request,
    /// Yes, and one that has none gets no TLS, nor can it send in clear.
    Require,
}

/// Whether AUTH is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientLogin {
    /// No.
    Off,
    /// Under TLS, with the mechanisms that the backend offers and that can be handed on; it alone decides.
    Relay,
}

/// Where a certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Certificate {
    /// PEM files: the chain, leaf first, and its private key.
    Files {
        /// The chain, leaf first.
        chain: PathBuf,
        /// The private key of the leaf.
        key: PathBuf,
    },
    /// One made at start for `hostname`; for trying things out, never for the world.
    SelfSigned(SelfSigned),
}

/// The word `"self-signed"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SelfSigned {
    /// See [`Certificate::SelfSigned`].
    #[serde(rename = "self-signed")]
    SelfSigned,
}
