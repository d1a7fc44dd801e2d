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

mod backend;
mod decode;
mod limits;
mod listener;
mod network;

pub use backend::{Backend, BackendTls, Identity, Relay};
pub use decode::{Archive, Decode};
pub use limits::{BareNewline, Limits};
pub use listener::{Backends, Certificate, ClientAuth, ClientLogin, Listener, ListenerTls, SelfSigned};
pub use network::Network;

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

/// Where content waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spool {
    /// Folder for unlinked files.
    pub path: PathBuf,
    /// Octets of one message, raw and decoded counted apart, that stay in memory.
    pub memory: u64,
    /// Octets of all messages together in files.
    pub total: u64,
}

impl Default for Spool {
    fn default() -> Self {
        Self { path: std::env::temp_dir(), memory: 256 << 10, total: 10 << 30 }
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
