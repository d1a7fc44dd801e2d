//! One part in a record: what it is, and the receipt of what was looked at.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::{UnscannedRecord, hex, shortened};
use crate::decode::limit_and_path;
use crate::inspect::InspectorInfo;
use crate::inspection::{About, Opinion};
use crate::message::Part;
use crate::settings::Unscanned;

/// One leaf.
#[derive(Debug, Serialize)]
pub struct PartRecord {
    /// `1.2`, `1.2/member.exe`.
    pub path: String,
    /// Declared type.
    pub media_type: String,
    /// Shown name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// Its other names, which some programs go by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_names: Vec<String>,
    /// What shows it, if not the RFCs' reading of the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading: Option<String>,
    /// What it is by its content, as a media type.
    pub real_type: &'static str,
    /// What it was packed in, for a member of a container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<&'static str>,
    /// What it is seen to have, when it is a container.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<&'static str>,
    /// Decoded octets.
    pub size: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
    /// Names of its defects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub defects: Vec<String>,
    /// Why something of it could not be scanned.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub unscanned: BTreeSet<Unscanned>,
    /// Inspectors that were asked about it and looked at it to the end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inspectors: Vec<String>,
}

/// What is known of each part beside the part itself: the receipt of what was looked at.
pub(crate) struct Receipts {
    unscanned: HashMap<String, BTreeSet<Unscanned>>,
    inspectors: HashMap<String, Vec<String>>,
}

impl Receipts {
    pub(crate) fn new(gaps: &[UnscannedRecord], opinions: &[Opinion], roster: &[InspectorInfo]) -> Self {
        let mut receipts = Self { unscanned: HashMap::new(), inspectors: HashMap::new() };
        for gap in gaps {
            let path = limit_and_path(&gap.what).map_or(gap.what.as_str(), |(_, path)| path);
            receipts.unscanned.entry(path.to_owned()).or_default().insert(gap.reason);
        }
        for opinion in opinions {
            if let (About::Part(part), Ok(_)) = (&opinion.about, &opinion.result) {
                receipts.inspectors.entry(part.clone()).or_default().push(roster[opinion.inspector].name.clone());
            }
        }
        receipts
    }
}

fn others(part: &Part) -> impl Iterator<Item = &str> {
    let other = |name: &&str| part.filename.as_deref() != Some(*name);
    part.names.iter().map(String::as_str).filter(other)
}

/// A name as long as a record has it: a long one loses its middle, since its end tells what opens it.
fn name(name: &str) -> String {
    // So many octets are no more characters.
    let total = if name.len() > NAME { name.chars().count() } else { 0 };
    if total <= NAME {
        return name.to_owned();
    }
    let head = name.chars().take(NAME / 2);
    head.chain(['…']).chain(name.chars().skip(total - NAME / 2)).collect()
}

/// Other names of a part that are noted; honest ones have two.
const OTHER_NAMES: usize = 8;

/// Characters of a name; more than any system has.
const NAME: usize = 300;

impl PartRecord {
    pub(crate) fn of(part: &Part, receipts: &Receipts) -> Self {
        Self {
            path: shortened(part.path.as_str()),
            media_type: part.media_type.clone(),
            filename: part.filename.as_deref().map(name),
            other_names: others(part).take(OTHER_NAMES).map(name).collect(),
            reading: part.reading.as_deref().map(shortened),
            size: part.data.len(),
            sha256: hex(&part.sha256),
            real_type: part.real_type,
            container: part.container,
            facts: part.facts.get().cloned().unwrap_or_default(),
            defects: part.defects.iter().map(|defect| defect.kind.name().to_owned()).collect(),
            unscanned: receipts.unscanned.get(&part.path).cloned().unwrap_or_default(),
            inspectors: receipts.inspectors.get(&*About::part(part)).cloned().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_keeps_its_end() {
        assert_eq!(name("a.exe"), "a.exe");
        let long = name(&format!("{}.exe", "ü".repeat(1_000)));
        assert_eq!(long.chars().count(), NAME + 1);
        assert!(long.starts_with("ü") && long.ends_with("ü.exe"), "{long}");
    }
}
