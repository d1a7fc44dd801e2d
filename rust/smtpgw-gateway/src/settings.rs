//! What the gateway was told to do: one plain value, complete, with every limit in its final unit.
//!
//! The names are those of the configuration file (`smtpgw.toml`), which is a contract; sizes are octets and
//! durations are seconds here. Reading the file, hints and cross-checks are the Python face's work: it hands
//! over a resolved JSON object. [`Default`] gives the same defaults as the file's, and a test holds the two equal.
//!
//! A `Settings` is never changed in place. A reload builds a new one beside it, and connections keep the one
//! they began with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use crate::unscanned::{Unscanned, UnscannedAction};

/// Everything the gateway needs to know to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Our own name: greeting, EHLO, `Received:`.
    pub hostname: String,
    /// Where we listen; at least one.
    pub listener: Vec<Listener>,
    /// The servers we protect, by the name that listeners use.
    pub backend: BTreeMap<String, Backend>,
    /// What one client may cost.
    pub limits: Limits,
    /// Where content waits for its verdict.
    pub spool: Spool,
    /// How far decoding goes, and what happens to what could not be scanned.
    pub decode: Decode,
    /// How the inspectors' verdicts are folded.
    pub verdict: VerdictPolicy,
    /// Where quarantined messages go; without it the verdict `quarantine` defers.
    pub quarantine: Option<Quarantine>,
    /// Where records go.
    pub log: Log,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hostname: "localhost".into(),
            listener: Vec::new(),
            backend: BTreeMap::new(),
            limits: Limits::default(),
            spool: Spool::default(),
            decode: Decode::default(),
            verdict: VerdictPolicy::default(),
            quarantine: None,
            log: Log::default(),
        }
    }
}

/// One address we accept connections on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// `host:port`; port 0 takes a free one, reported in the `ready` record.
    pub address: String,
    /// Whether and how TLS is offered.
    pub tls: ListenerTls,
    /// Name of the backend that gets this listener's mail.
    pub backend: String,
    /// Domains we take mail for (lower case); empty: the backend decides; `["*"]`: any. See rule O1.
    pub recipient_domains: Vec<String>,
    /// Our own certificates; the first is the default.
    pub certificates: Vec<Certificate>,
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

/// One server we protect.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// The longest wait for connection, greeting and handshake.
    #[serde(with = "seconds")]
    pub connect_s: Duration,
    /// The longest wait for a command's reply.
    #[serde(with = "seconds")]
    pub reply_s: Duration,
    /// The longest wait for the reply to the end of data (RFC 5321 §4.5.3.2.6 says ten minutes; a client's own
    /// patience ends sooner).
    #[serde(with = "seconds")]
    pub data_s: Duration,
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
            connect_s: Duration::from_secs(10),
            reply_s: Duration::from_secs(60),
            data_s: Duration::from_secs(300),
        }
    }
}

/// TLS towards the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackendTls {
    /// Never.
    None,
    /// If offered; the certificate is not checked.
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
    /// Not at all.
    None,
}

/// When content goes to the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relay {
    /// After the verdict.
    Store,
}

/// What becomes of content with a CR without LF or an LF without CR; neither is ever passed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BareNewline {
    /// It is refused with 550.
    #[default]
    Reject,
    /// Each becomes CRLF.
    Normalize,
}

impl From<BareNewline> for smtpgw_smtp::BareNewline {
    fn from(setting: BareNewline) -> Self {
        match setting {
            BareNewline::Reject => Self::Reject,
            BareNewline::Normalize => Self::Normalize,
        }
    }
}

/// What one client may cost, and all of them together.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections at a time, all listeners together.
    pub connections: usize,
    /// Connections at a time from one address.
    pub connections_per_client: usize,
    /// Connections at a time from one network.
    pub connections_per_network: usize,
    /// Bits of an IPv4 address that name its network.
    pub network_prefix_v4: u8,
    /// Bits of an IPv6 address that name its network.
    pub network_prefix_v6: u8,
    /// Transactions on one connection.
    pub transactions: u32,
    /// Accepted recipients of one transaction (RFC 5321 §4.5.3.1.8 asks for 100 at least).
    pub recipients: usize,
    /// `Received` fields of a message; one with more is going round in a loop (RFC 5321 §6.3 asks for 100 at least).
    pub hops: usize,
    /// Octets of one command line with its CRLF (RFC 5321 §4.5.3.1.4 asks for 512 at least, extensions add more).
    pub command_line: usize,
    /// Octets of one line of content with its CRLF; RFC 5321 §4.5.3.1.6 asks for 1000 at least.
    pub text_line: usize,
    /// Octets of content.
    pub message_size: u64,
    /// What becomes of content with a bare CR or LF.
    pub bare_newline: BareNewline,
    /// One whole command, from the first wait to its CRLF.
    #[serde(with = "seconds")]
    pub command_s: Duration,
    /// The TLS handshake.
    #[serde(with = "seconds")]
    pub handshake_s: Duration,
    /// Octets of content a second below which the client is cut off.
    pub data_rate: u64,
    /// Rejected or unknown commands on one connection.
    pub errors: u32,
    /// Octets of memory that the content of all messages may take together.
    pub memory: u64,
    /// How long SIGTERM waits for messages under way.
    #[serde(with = "seconds")]
    pub drain_s: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_client: 1_000,
            connections_per_network: 10_000,
            network_prefix_v4: 32,
            network_prefix_v6: 64,
            transactions: 1_000,
            recipients: 1_000,
            hops: 100,
            command_line: 4_096,
            text_line: 1_048_576,
            message_size: 25 << 20,
            bare_newline: BareNewline::Reject,
            command_s: Duration::from_secs(300),
            handshake_s: Duration::from_secs(30),
            data_rate: 500,
            errors: 20,
            memory: 1 << 30,
            drain_s: Duration::from_secs(30),
        }
    }
}

/// Where content waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spool {
    /// Folder for unlinked files.
    pub path: PathBuf,
    /// Octets of one message, raw and decoded counted apart, that stay in memory.
    pub memory: u64,
}

impl Default for Spool {
    fn default() -> Self {
        Self { path: std::env::temp_dir(), memory: 256 << 10 }
    }
}

/// How far decoding goes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Decode {
    /// Nested MIME entities.
    pub depth: usize,
    /// Parts of one message, archive members included.
    pub parts: usize,
    /// Decoded octets of one message, archive members included, as a multiple of `limits.message_size`.
    pub total_ratio: u64,
    /// Octets of one entity's header.
    pub header: usize,
    /// Fields of one entity's header.
    pub fields: usize,
    /// Opening of containers.
    pub archive: Archive,
    /// What happens to a message of which something could not be scanned, by reason.
    pub unscanned: BTreeMap<Unscanned, UnscannedAction>,
}

impl Default for Decode {
    fn default() -> Self {
        Self {
            depth: 50,
            parts: 10_000,
            total_ratio: 4,
            header: 1 << 20,
            fields: 2_000,
            archive: Archive::default(),
            unscanned: Unscanned::ALL.into_iter().map(|reason| (reason, reason.default_action())).collect(),
        }
    }
}

/// Limits of unpacking, shared by all containers of one message.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Archive {
    /// Unpacked octets.
    pub total: u64,
    /// Unpacked octets of one member.
    pub member: u64,
    /// Unpacked octets for each packed one.
    pub ratio: u64,
    /// Members.
    pub members: usize,
    /// Containers in containers.
    pub depth: usize,
    /// Time.
    #[serde(with = "seconds")]
    pub seconds: Duration,
}

impl Default for Archive {
    fn default() -> Self {
        Self {
            total: 100 << 20,
            member: 50 << 20,
            ratio: 200,
            members: 10_000,
            depth: 8,
            seconds: Duration::from_secs(10),
        }
    }
}

/// How verdicts are folded.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VerdictPolicy {
    /// The one budget of all inspectors between end of data and its reply (rule D0).
    #[serde(with = "seconds")]
    pub budget_s: Duration,
    /// From this many points a message is refused.
    pub reject_score: f64,
    /// From this many points a message is marked as spam.
    pub tag_score: f64,
    /// Whether the verdict `discard` (accept and throw away) may be used; otherwise it counts as `defer`.
    pub discard: bool,
}

impl Default for VerdictPolicy {
    fn default() -> Self {
        Self { budget_s: Duration::from_secs(120), reject_score: 15.0, tag_score: 6.0, discard: false }
    }
}

/// Where quarantined messages go.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quarantine {
    /// Folder.
    pub path: PathBuf,
    /// What the client is told.
    pub reply: QuarantineReply,
}

/// What the client is told of a quarantined message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuarantineReply {
    /// 250, once it is durably stored.
    Accept,
    /// 550.
    Reject,
}

/// Where records go.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// How a record is written.
    pub format: LogFormat,
    /// The least severe level that is written.
    pub level: LogLevel,
    /// File to append to; standard error without it.
    pub file: Option<PathBuf>,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Json, level: LogLevel::Info, file: None }
    }
}

/// How a record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// `key=value` pairs, for people.
    Logfmt,
}

/// How severe a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// For the authors.
    Debug,
    /// Every connection and transaction.
    Info,
    /// Something an administrator may want to change.
    Warning,
    /// Something an administrator must change.
    Error,
}

/// Durations as a number of seconds.
mod seconds {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(value.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
