//! The records: one per connection, one per transaction, and a few of the gateway itself.
//!
//! Plain structures that say everything an administrator asks later: who, how encrypted, every part with its
//! hash, which inspectors ran and for how long, what was not scanned and why, the decision with its reason, the
//! backend's reply, where the time went. Addresses of people are in them; the log is as private as the mail.

mod part;

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};
use smtpgw_smtp::Reply;

use crate::client_hello::ClientHello;
use crate::decision::Decision;
use crate::digits::socket_address;
use crate::inspect::{InspectorInfo, Mode};
use crate::inspection::{About, Failure, Opinion};
use crate::message::{Carried, TlsFacts};
use crate::settings::{ListenerTls, Unscanned};
use crate::tls::{Cause, CertificateState};
use crate::verdict::{Action, Verdict};

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

/// What inspection found; the same for a message on the wire and for a scanned file.
#[derive(Debug, Default, Serialize)]
pub struct JudgedRecord {
    /// Octets of content.
    pub size: u64,
    /// `Subject`, decoded; it is what people search for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// `Message-ID` as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The decision, if it came to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictRecord>,
    /// Every leaf, in the order in which they ended.
    pub parts: Vec<PartRecord>,
    /// Names of the defects of the message.
    pub defects: Vec<String>,
    /// What could not be scanned.
    pub unscanned: Vec<UnscannedRecord>,
    /// What each inspector did.
    pub inspectors: Vec<InspectorRecord>,
}

/// The decision.
#[derive(Debug, Serialize)]
pub struct VerdictRecord {
    /// What was decided.
    pub action: Action,
    /// Who decided: an inspector's name, `score`, `unscanned`.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Sum of the points.
    pub score: f64,
    /// What gave points.
    pub symbols: Vec<String>,
}

/// Something that could not be scanned.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct UnscannedRecord {
    /// Why.
    pub reason: Unscanned,
    /// Which part, or which limit on which part (`fields on 1.2`), or which inspector on which part.
    pub what: String,
}

/// One inspector's work on one message.
#[derive(Debug, Serialize)]
pub struct InspectorRecord {
    /// Its name.
    pub name: String,
    /// Whether it counted.
    pub mode: Mode,
    /// Hook calls.
    pub calls: u32,
    /// It raised, was over its time, or was not asked because it had failed too often.
    #[serde(skip)]
    pub failed: bool,
    /// Time inside its hooks.
    #[serde(serialize_with = "seconds")]
    pub elapsed_s: Duration,
    /// What it had to say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<OpinionRecord>,
    /// Where it failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FailureRecord>,
}

/// One verdict.
#[derive(Debug, Serialize)]
pub struct OpinionRecord {
    /// Part path, `message`, `connect` or `recipient`.
    pub about: String,
    /// What it asked for.
    pub action: Action,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Points.
    #[serde(skip_serializing_if = "is_zero")]
    pub points: f64,
    /// What gave them.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub symbol: String,
}

/// One failed call.
#[derive(Debug, Serialize)]
pub struct FailureRecord {
    /// Part path, `message`, `connect` or `recipient`.
    pub about: String,
    /// What happened.
    pub failure: String,
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

impl VerdictRecord {
    pub(crate) fn of(decision: &Decision) -> Self {
        Self {
            action: decision.action,
            by: decision.by.clone(),
            reason: decision.reason.clone(),
            score: decision.points,
            symbols: decision.symbols.iter().map(|(symbol, points)| format!("{symbol}={points}")).collect(),
        }
    }
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

/// What each inspector that was asked anything did, in the order of the roster.
pub(crate) fn inspectors<'a>(
    opinions: impl IntoIterator<Item = &'a Opinion>,
    roster: &[InspectorInfo],
) -> Vec<InspectorRecord> {
    let mut records: Vec<Option<InspectorRecord>> = roster.iter().map(|_| None).collect();
    for opinion in opinions {
        let info = &roster[opinion.inspector];
        let record = records[opinion.inspector].get_or_insert_with(|| InspectorRecord {
            name: info.name.clone(),
            mode: info.mode,
            calls: 0,
            failed: false,
            elapsed_s: Duration::ZERO,
            verdicts: Vec::new(),
            failures: Vec::new(),
        });
        record.calls += u32::from(opinion.was_asked());
        record.failed |= opinion.failed();
        record.elapsed_s += opinion.elapsed;
        match &opinion.result {
            Ok(verdicts) => record.verdicts.extend(verdicts.iter().map(|verdict| said(&opinion.about, verdict))),
            Err(failure) => record.failures.push(failed(&opinion.about, failure)),
        }
    }
    records.into_iter().flatten().collect()
}

fn said(about: &About, verdict: &Verdict) -> OpinionRecord {
    OpinionRecord {
        about: about.to_string(),
        action: verdict.action,
        reason: verdict.reason.clone(),
        points: verdict.points,
        symbol: verdict.symbol.clone(),
    }
}

fn failed(about: &About, failure: &Failure) -> FailureRecord {
    FailureRecord { about: about.to_string(), failure: failure.text().to_owned() }
}

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
