//! How far decoding and unpacking go, and what becomes of what they did not reach.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use smtpgw_archive::Format;

use super::seconds;
use crate::unscanned::{Unscanned, UnscannedAction};

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
    /// Further readings of one ambiguous message that are tried.
    pub readings: usize,
    /// CPU time for one message.
    #[serde(with = "seconds")]
    pub cpu_s: Duration,
    /// Words that are tried on every encrypted archive, behind those of the message.
    pub passwords: Vec<String>,
    /// Words that are tried for one message, on all of its archives together; 0 tries none.
    pub password_tries: usize,
    /// Opening of containers.
    pub archive: Archive,
    /// Formats that are not opened, which is `disabled_format`.
    #[serde(with = "formats")]
    pub disabled_formats: Vec<Format>,
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
            readings: 64,
            cpu_s: Duration::from_secs(30),
            passwords: PASSWORDS.map(str::to_owned).into(),
            password_tries: 100,
            archive: Archive::default(),
            disabled_formats: Vec::new(),
            unscanned: Unscanned::ALL.into_iter().map(|reason| (reason, reason.default_action())).collect(),
        }
    }
}

/// What malware is handed on under, and what people take who do not mean it.
const PASSWORDS: [&str; 3] = ["infected", "password", "1234"];

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
    /// Messages whose containers are opened at a time.
    pub concurrency: usize,
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
            concurrency: 8,
        }
    }
}

/// Formats by their names.
mod formats {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};
    use smtpgw_archive::Format;

    pub(super) fn serialize<S: Serializer>(formats: &[Format], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(formats.iter().map(|format| format.name()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Format>, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        let format = |name: &String| Format::ALL.into_iter().find(|format| format.name() == name);
        names.iter().map(|name| format(name).ok_or_else(|| D::Error::custom(format!("no format {name:?}")))).collect()
    }
}
