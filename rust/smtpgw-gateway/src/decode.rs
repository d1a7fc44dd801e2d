//! Decoding while content arrives: raw octets in, finished [`Part`]s out.
//!
//! The MIME decoder's events are turned into parts here: each leaf is spooled and hashed as it is decoded, and is a
//! [`Part`] once its octets rest. Containers among the leaves are opened on a thread that may block; their members
//! become further parts, opened in turn down to the limit. What could not be shown is noted as a gap, never
//! dropped silently. Nothing here judges.

mod collector;
mod containers;
mod leaf;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;

use smtpgw_archive as archive;
use smtpgw_mime::{Decoder, Dialect};

use crate::content::detect;
use crate::message::{Content, Message, Part};
use crate::record::UnscannedRecord;
use crate::settings::Settings;
use crate::spool::{Spool, blocking};
use crate::world::Instant;

use collector::{Collector, HEADERS};
use containers::Opening;

/// One message on its way through the decoder.
pub(crate) struct Decoding {
    decoder: Decoder,
    collector: Collector,
    /// What unpacking needs, shared by all containers of the message; taken along by the thread that opens them. The
    /// members have a spool of their own: that of the leaves may hold the beginning of one that is still arriving.
    unpacking: Option<(Spool, archive::Budget)>,
    archive_depth: usize,
}

impl Decoding {
    /// `spools`: one for the leaves, one for the members of containers.
    pub(crate) fn new(message: Arc<Message>, spools: [Spool; 2], settings: &Settings) -> Self {
        let [spool, members] = spools;
        let decode = &settings.decode;
        let mut limits = smtpgw_mime::Limits::DEFAULT;
        limits.depth = decode.depth;
        limits.parts = decode.parts;
        limits.header_octets = decode.header;
        limits.fields = decode.fields;
        limits.decoded_total = settings.limits.message_size.saturating_mul(decode.total_ratio);
        Self {
            decoder: Decoder::new(limits, Dialect::default()),
            collector: Collector {
                message,
                spool,
                leaf: None,
                containers: 0,
                ended: Vec::new(),
                gaps: Vec::new(),
                parts: 0,
                header_left: decode.header as u64 * HEADERS,
                header_lost: false,
            },
            unpacking: Some((members, archive_budget(settings))),
            archive_depth: decode.archive.depth,
        }
    }

    /// Decodes further content. Never blocks; [`Decoding::settle`] follows.
    pub(crate) fn push(&mut self, content: &[u8]) {
        self.decoder.push(content, &mut self.collector);
    }

    /// Content is complete. Never blocks; [`Decoding::settle`] follows.
    pub(crate) fn finish(&mut self) {
        self.decoder.finish(&mut self.collector);
    }

    /// Brings decoded octets to rest and hands out the parts that are finished, members of containers behind the
    /// container.
    pub(crate) async fn settle(&mut self) -> io::Result<Vec<Arc<Part>>> {
        let contents = self.collector.spool.settle().await?;
        if contents.is_empty() {
            return Ok(Vec::new());
        }
        let leaves = self.collector.ended.drain(..contents.len());
        let parts: Vec<_> = leaves.zip(contents).map(|(leaf, content)| leaf.rest(content)).collect();
        if parts.iter().any(|part| may_be_container(&part.data)) { self.open(parts).await } else { Ok(parts) }
    }

    /// What could not be shown so far.
    pub(crate) fn take_gaps(&mut self) -> Vec<UnscannedRecord> {
        std::mem::take(&mut self.collector.gaps)
    }

    async fn open(&mut self, parts: Vec<Arc<Part>>) -> io::Result<Vec<Arc<Part>>> {
        let Some((spool, budget)) = self.unpacking.take() else { return Ok(parts) };
        let mut opening = Opening { spool, budget, depth: self.archive_depth, gaps: Vec::new() };
        let (opening, result) = blocking(move || {
            let result = opening.open_all(parts);
            (opening, result)
        })
        .await?;
        self.unpacking = Some((opening.spool, opening.budget));
        self.collector.gaps.extend(opening.gaps);
        result
    }
}

/// Whether it is worth a trip to a thread that may block: what is in memory is looked at here.
fn may_be_container(content: &Content) -> bool {
    match content {
        Content::Memory(octets) => detect(octets).is_some(),
        Content::File { .. } => true,
    }
}

fn archive_budget(settings: &Settings) -> archive::Budget {
    let limits = &settings.decode.archive;
    let limits = archive::Limits {
        total: limits.total,
        member: limits.member,
        ratio: limits.ratio,
        members: limits.members,
        depth: limits.depth,
        duration: limits.seconds,
    };
    let begin = Instant::now();
    archive::Budget::new(limits, move || begin.elapsed())
}
