//! Opens containers among the leaves, on a thread that may block: their members become further parts, opened in turn
//! down to the limit.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use smtpgw_archive as archive;

use super::leaf::Leaf;
use crate::content::Reader;
use crate::message::{Content, Part};
use crate::record::UnscannedRecord;
use crate::settings::Unscanned;
use crate::spool::Spool;

/// Opens containers, on a thread that may block.
pub(super) struct Opening {
    pub(super) spool: Spool,
    pub(super) budget: archive::Budget,
    pub(super) depth: usize,
    pub(super) gaps: Vec<UnscannedRecord>,
}

impl Opening {
    pub(super) fn open_all(&mut self, parts: Vec<Arc<Part>>) -> io::Result<Vec<Arc<Part>>> {
        let mut finished = Vec::with_capacity(parts.len());
        // A work list rather than recursion: depth is the sender's choice.
        let mut waiting: VecDeque<(Arc<Part>, usize)> = parts.into_iter().map(|part| (part, 0)).collect();
        while let Some((part, depth)) = waiting.pop_front() {
            finished.push(Arc::clone(&part));
            let Some(format) = Reader::new(&part.data).detect()? else { continue };
            if depth >= self.depth {
                self.gap(Unscanned::Nested, part.path.clone());
                continue;
            }
            let members = self.open(&part, format)?;
            // Members come right behind their container, before its siblings.
            members.into_iter().rev().for_each(|member| waiting.push_front((member, depth + 1)));
        }
        Ok(finished)
    }

    fn open(&mut self, part: &Part, format: archive::Format) -> io::Result<Vec<Arc<Part>>> {
        let mut members = Members {
            spool: &mut self.spool,
            container: part,
            format,
            leaf: None,
            ended: Vec::new(),
            rested: Vec::new(),
            gaps: Vec::new(),
            error: None,
        };
        let outcome = archive::unpack(format, Reader::new(&part.data), &mut self.budget, &mut members);
        let Members { ended, mut rested, gaps, error, .. } = members;
        self.gaps.extend(gaps);
        if matches!(outcome, Err(archive::Unscanned::Unreadable)) {
            // Our own trouble, not the sender's: the message is deferred.
            return Err(io::Error::other("a container could not be read back"));
        }
        if let Err(reason) = outcome {
            self.gap(reason_of_archive(&reason), part.path.clone());
        }
        if let Some(error) = error {
            return Err(error);
        }
        rested.extend(self.spool.settle_blocking()?);
        Ok(ended.into_iter().zip(rested).map(|(leaf, content)| leaf.rest(content)).collect())
    }

    fn gap(&mut self, reason: Unscanned, what: String) {
        self.gaps.push(UnscannedRecord { reason, what });
    }
}

/// Takes the members of one container.
struct Members<'a> {
    spool: &'a mut Spool,
    container: &'a Part,
    format: archive::Format,
    leaf: Option<Leaf>,
    ended: Vec<Leaf>,
    rested: Vec<Content>,
    gaps: Vec<UnscannedRecord>,
    error: Option<io::Error>,
}

impl archive::Members for Members<'_> {
    fn begin(&mut self, member: archive::Member<'_>) {
        let name = member.path.into_owned();
        self.leaf = Some(Leaf {
            path: format!("{}/{name}", self.container.path),
            media_type: "application/octet-stream".into(),
            names: vec![name.clone()],
            filename: Some(name),
            charset: None,
            transfer_encoding: "binary".into(),
            header: Arc::default(),
            hash: Sha256::new(),
            defects: Vec::new(),
            container: Some(self.format.name()),
            reading: self.container.reading.clone(),
        });
    }

    fn data(&mut self, octets: &[u8]) {
        if let (Some(leaf), None) = (&mut self.leaf, &self.error) {
            leaf.hash.update(octets);
            self.spool.append(octets);
            match self.spool.settle_blocking() {
                Ok(contents) => self.rested.extend(contents),
                Err(error) => self.error = Some(error),
            }
        }
    }

    fn end(&mut self, outcome: Result<(), archive::Unscanned>) {
        let Some(leaf) = self.leaf.take() else { return };
        if let Err(reason) = outcome {
            self.gaps.push(UnscannedRecord { reason: reason_of_archive(&reason), what: leaf.path.clone() });
        }
        self.spool.cut();
        self.ended.push(leaf);
    }
}

const fn reason_of_archive(reason: &archive::Unscanned) -> Unscanned {
    match reason {
        archive::Unscanned::Encrypted => Unscanned::Encrypted,
        archive::Unscanned::Corrupted => Unscanned::Corrupted,
        archive::Unscanned::PartiallyCorrupted => Unscanned::PartiallyCorrupted,
        archive::Unscanned::Multipart => Unscanned::Multipart,
        archive::Unscanned::Nested => Unscanned::Nested,
        archive::Unscanned::Mailbomb => Unscanned::Mailbomb,
        archive::Unscanned::FilesLimit => Unscanned::FilesLimit,
        archive::Unscanned::Timeout => Unscanned::Timeout,
        archive::Unscanned::DisabledFormat => Unscanned::DisabledFormat,
        _ => Unscanned::Unhandled,
    }
}
