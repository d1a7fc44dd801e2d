//! A leaf while its octets are still coming.

use std::sync::{Arc, OnceLock};

use sha2::{Digest as _, Sha256};
use smtpgw_mime::{Defect, Header, InlineWatch, PartHead, PartsWatch, Region};

use super::collector::HeaderBudget;
use super::inner::is_inline_encoding;
use super::sealed::{self, ArmorWatch};
use crate::message::{Content, Part};
use crate::real_type::{HEAD, real_type};
use crate::record::UnscannedRecord;
use crate::settings::Unscanned;

/// A leaf without its octets.
pub(super) struct Leaf {
    pub(super) path: String,
    pub(super) media_type: String,
    pub(super) filename: Option<String>,
    pub(super) names: Vec<String>,
    pub(super) charset: Option<String>,
    pub(super) transfer_encoding: String,
    pub(super) header: Arc<Header>,
    pub(super) hash: Sha256,
    /// Its first octets, which tell what it is.
    pub(super) head: Vec<u8>,
    /// Looks for files within it.
    pub(super) watch: InlineWatch,
    /// Looks for parts of a multipart within it.
    pub(super) parts: PartsWatch,
    /// Looks for a sealed message within it.
    pub(super) armor: ArmorWatch,
    pub(super) defects: Vec<Defect>,
    pub(super) container: Option<&'static str>,
    /// What shows it, if not the RFCs' reading.
    pub(super) reading: Option<Arc<str>>,
}

impl Leaf {
    /// Of an entity, or of what stands outside of one; `reading`: of another reading than the first.
    pub(super) fn of(head: PartHead, headers: &mut HeaderBudget, reading: Option<&str>) -> Self {
        let region = match head.region {
            Region::Body => None,
            Region::Preamble => Some("preamble"),
            Region::Epilogue => Some("epilogue"),
        };
        let mut path = head.path.to_string();
        if let Some(region) = region {
            path = if path.is_empty() { region.to_owned() } else { format!("{path}/{region}") };
        }
        let reading = match (region, reading) {
            (Some(region), Some(reading)) => Some(format!("{region},{reading}").into()),
            (one, other) => one.or(other).map(Into::into),
        };
        Self {
            path,
            media_type: head.media_type,
            filename: head.filename,
            names: head.names,
            charset: head.charset,
            transfer_encoding: head.transfer_encoding,
            header: headers.keep(head.header),
            hash: Sha256::new(),
            head: Vec::new(),
            watch: InlineWatch::default(),
            parts: PartsWatch::default(),
            armor: ArmorWatch::default(),
            defects: Vec::new(),
            container: None,
            reading,
        }
    }

    /// Takes decoded octets.
    pub(super) fn take(&mut self, octets: &[u8]) {
        self.hash.update(octets);
        self.watch.push(octets);
        self.parts.push(octets);
        self.armor.push(octets);
        let room = HEAD.saturating_sub(self.head.len());
        self.head.extend_from_slice(octets.get(..room).unwrap_or(octets));
    }

    /// The part, now that its octets rest.
    pub(super) fn rest(self, data: Content) -> Rested {
        let sealed = sealed::reason(&self);
        let has_parts = self.parts.found();
        let has_files = self.watch.found() || is_inline_encoding(&self.transfer_encoding);
        let part = Arc::new(Part {
            path: self.path,
            media_type: self.media_type,
            filename: self.filename,
            names: self.names,
            charset: self.charset,
            transfer_encoding: self.transfer_encoding,
            header: self.header,
            data,
            sha256: self.hash.finalize().into(),
            real_type: real_type(&self.head),
            defects: self.defects,
            container: self.container,
            reading: self.reading,
            facts: OnceLock::new(),
        });
        Rested { part, has_files, has_parts, sealed }
    }
}

impl Rested {
    /// What cannot be seen of it.
    pub(super) fn gap(&self) -> Option<UnscannedRecord> {
        self.sealed.map(|reason| UnscannedRecord { reason, what: self.part.path.clone() })
    }
}

/// A part, and what was noticed while its octets came.
pub(super) struct Rested {
    pub(super) part: Arc<Part>,
    /// There may be files within its text.
    pub(super) has_files: bool,
    /// There may be parts of a multipart within it.
    pub(super) has_parts: bool,
    /// Why what is in it cannot be seen.
    pub(super) sealed: Option<Unscanned>,
}
