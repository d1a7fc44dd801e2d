//! What inspection found of a message, in a record: the decision with its reason, every part, what was not scanned and
//! why, what each inspector did.

use std::time::Duration;

use serde::Serialize;

use super::{PartRecord, is_zero, seconds};
use crate::decision::Decision;
use crate::inspect::{InspectorInfo, Mode};
use crate::inspection::{About, Failure, Opinion};
use crate::settings::Unscanned;
use crate::verdict::{Action, Verdict};

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
