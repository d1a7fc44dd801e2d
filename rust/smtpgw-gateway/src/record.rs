//! The records: one per connection, one per transaction, and a few of the gateway itself.
//!
//! Plain structures that say everything an administrator asks later: who, how encrypted, every part with its
//! hash, which inspectors ran and for how long, what was not scanned and why, the decision with its reason, the
//! backend's reply, where the time went. Addresses of people are in them; the log is as private as the mail.

mod connection;
mod judged;
mod part;

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};
use smtpgw_smtp::Reply;

use crate::client_hello::ClientHello;
use crate::digits::socket_address;
use crate::inspect::Mode;
use crate::message::TlsFacts;
use crate::settings::ListenerTls;
use crate::tls::CertificateState;

pub(crate) use connection::{ConnectionRecord, LegRecord, Refused, RefusedCommand, SpeakerRecord, TunnelRecord};
pub(crate) use judged::inspectors;
pub use judged::{FailureRecord, InspectorRecord, JudgedRecord, OpinionRecord, UnscannedRecord, VerdictRecord};
pub use part::PartRecord;
pub(crate) use part::Receipts;

/// Every listener is bound.
#[derive(Debug, Serialize)]
pub(crate) struct Ready {
    pub(crate) hostname: String,
    /// Bound addresses, in the order of the configuration.
    pub(crate) listeners: Vec<SocketAddr>,
    pub(crate) tls: Vec<ListenerTls>,
    /// How each listener's certificates are; `null` where it has none.
    pub(crate) certificates: Vec<Option<CertificateState>>,
    pub(crate) inspectors: Vec<String>,
}

/// New settings are in use.
#[derive(Debug, Serialize)]
pub(crate) struct Reloaded {
    pub(crate) message: &'static str,
    /// As in [`Ready`].
    pub(crate) certificates: Vec<Option<CertificateState>>,
}

/// One line of plain text about the gateway itself.
#[derive(Debug, Serialize)]
pub(crate) struct Notice {
    pub(crate) message: String,
}

/// An inspector has failed on so many messages in a row that it is not asked any more, or has answered again.
#[derive(Debug, Serialize)]
pub(crate) struct InspectorTurn<'a> {
    pub(crate) inspector: &'a str,
    pub(crate) mode: Mode,
}

/// A transaction has ended.
#[derive(Debug, Serialize)]
pub(crate) struct TransactionRecord<'a> {
    pub(crate) session: &'a str,
    /// Which transaction of the session, from 1.
    pub(crate) transaction: u32,
    #[serde(serialize_with = "address")]
    pub(crate) client: SocketAddr,
    pub(crate) helo: &'a str,
    pub(crate) tls: bool,
    /// What was negotiated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_facts: Option<&'a TlsFacts>,
    /// What the client said of its TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_hello: Option<&'a ClientHello>,
    pub(crate) reverse_path: &'a str,
    pub(crate) forward_paths: &'a [String],
    /// Which backend it was, or would have been, handed to, and where that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backend: Option<&'a str>,
    #[serde(serialize_with = "optional_address", skip_serializing_if = "Option::is_none")]
    pub(crate) backend_address: Option<SocketAddr>,
    /// `relayed`, `refused-by-backend`, `rejected`, `deferred`, `quarantined`, `discarded`, `content-refused`,
    /// `looping`, `abandoned`; docs/operations.md says what each means.
    pub(crate) outcome: &'static str,
    /// What the client was told at the end of data.
    #[serde(serialize_with = "displayed")]
    pub(crate) reply: Option<&'a Reply>,
    /// What the backend said, if it was asked.
    #[serde(serialize_with = "displayed", skip_serializing_if = "Option::is_none")]
    pub(crate) backend_reply: Option<&'a Reply>,
    /// What went wrong on our side or the backend's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<&'a str>,
    /// Whether content went to the backend before the verdict.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) streamed: bool,
    /// Fields of policy that are missing on top because content had gone before the verdict.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) unwritten: &'a [String],
    #[serde(flatten)]
    pub(crate) judged: &'a JudgedRecord,
    pub(crate) timing: Timing,
}

/// Where the time of a transaction went, seconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Timing {
    /// From MAIL to the first octet of content.
    #[serde(serialize_with = "seconds")]
    pub(crate) envelope_s: Duration,
    /// From there to the end of data.
    #[serde(serialize_with = "seconds")]
    pub(crate) content_s: Duration,
    /// From there to the decision.
    #[serde(serialize_with = "seconds")]
    pub(crate) verdict_s: Duration,
    /// From there to the backend's reply.
    #[serde(serialize_with = "seconds")]
    pub(crate) relay_s: Duration,
}

/// A text of the sender's as it may stand in a record: the log is bounded in records, so a record must be as well.
pub(crate) fn shortened<'a>(text: impl Into<Cow<'a, str>>) -> String {
    let text = text.into();
    // So many octets are no more characters.
    let end = if text.len() > TEXT { text.char_indices().nth(TEXT) } else { None };
    match end {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

/// Characters of one text in a record; people recognise what they look for by less.
const TEXT: usize = 500;

pub(crate) fn hex(octets: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS[usize::from(nibble & 15)];
    let mut text = Vec::with_capacity(2 * octets.len());
    for octet in octets {
        text.extend([digit(octet >> 4), digit(*octet)]);
    }
    // They are ASCII.
    String::from_utf8(text).unwrap_or_default()
}

fn is_zero<T: Default + PartialEq>(figure: &T) -> bool {
    *figure == T::default()
}

/// Microseconds are enough for people and for plots.
fn seconds<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((value.as_secs_f64() * 1e6).round() / 1e6)
}

fn address<S: Serializer>(address: &SocketAddr, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&socket_address(*address))
}

fn optional_address<S: Serializer>(value: &Option<SocketAddr>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(socket_address).serialize(serializer)
}

/// What displays itself, without a text of its own in between.
pub(crate) fn displayed<T: fmt::Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

fn pointee<T: Serialize, S: Serializer>(value: &Option<Arc<T>>, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_deref().serialize(serializer)
}

fn optional_seconds<S: Serializer>(value: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    seconds(&value.unwrap_or_default(), serializer)
}
