//! Decoding while content arrives: raw octets in, finished [`Part`]s out.
//!
//! The MIME decoder's events are turned into parts here: each leaf is spooled and hashed as it is decoded, and is a
//! [`Part`] once its octets rest. Containers among the leaves are opened on a thread that may block; their members
//! become further parts, opened in turn down to the limit. What could not be shown is noted as a gap, never
//! dropped silently. Nothing here judges.

mod collector;
mod containers;
mod effort;
mod inner;
mod leaf;
mod readings;
mod room;
mod sealed;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use smtpgw_mime::{Decoder, Dialect, Limits, Observed};
use tokio::sync::Semaphore;

use crate::content::{Reader, detect};
use crate::message::{Content, Message, Part};
use crate::record::UnscannedRecord;
use crate::settings::{Settings, Unscanned};
use crate::spool::{Spool, blocking};
use crate::world::{Instant, timeout};

pub(crate) use collector::limit_and_path;
use collector::{Collector, HeaderBudget};
use containers::Opening;
use effort::{BRIEF_OCTETS, Effort};
use leaf::Rested;
use readings::Rereading;
use room::Room;
use words::Texts;

/// Why decoding ended before its message did.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// Its time was over, which is told.
    Timeout,
    /// We made a mistake, and nothing it says can be relied on.
    Panic,
}

/// One message on its way through the decoder.
pub(crate) struct Decoding {
    decoder: Decoder,
    collector: Collector,
    unpacking: Unpacking,
    settings: Arc<Settings>,
    /// What all of it has cost.
    effort: Arc<Effort>,
    /// Why nothing more is decoded.
    ended: Option<Ended>,
    /// Those at which messages are unpacked.
    places: Arc<Semaphore>,
    /// Those at which files are looked at.
    looks: &'static Semaphore,
    /// How much longer it may wait for either.
    patience: Duration,
    /// Readings tried after the first.
    tried: usize,
}

/// What opens the containers of a message, if there are any.
enum Unpacking {
    /// Nothing came so far that needs it.
    NotBegun(Texts),
    /// Shared by all containers; taken along by the thread that opens them. Boxed: most messages do without.
    Begun(Box<Opening>),
    /// A thread works with it: who comes then has given that work up, and what it would have shown was shown to nobody.
    Away,
}

impl Decoding {
    /// `spool` takes the leaves.
    pub(crate) fn new(message: Arc<Message>, spool: Spool, settings: &Arc<Settings>) -> Self {
        let decode = &settings.decode;
        Self {
            decoder: Decoder::new(limits(settings), Dialect::default()),
            collector: Collector {
                message,
                spool,
                leaf: None,
                containers: 0,
                ended: Vec::new(),
                gaps: Vec::new(),
                parts: 0,
                headers: HeaderBudget::new(decode.header),
            },
            unpacking: Unpacking::NotBegun(Texts::new(settings)),
            settings: Arc::clone(settings),
            effort: Arc::new(Effort::new(decode.cpu_s)),
            ended: None,
            places: places(decode.archive.concurrency),
            looks: &LOOKS,
            patience: decode.archive.seconds,
            tried: 0,
        }
    }

    /// Decodes further content. Never blocks; [`Decoding::settle`] follows.
    pub(crate) fn push(&mut self, content: &[u8]) {
        self.step(content.len(), |decoder, collector| decoder.push(content, collector));
    }

    /// Content is complete. Never blocks; [`Decoding::settle`] follows.
    pub(crate) fn finish(&mut self) {
        self.step(0, |decoder, collector| decoder.finish(collector));
    }

    /// Goes on with so many octets, if nothing speaks against it.
    fn step(&mut self, octets: usize, step: impl FnOnce(&mut Decoder, &mut Collector)) {
        if self.ended.is_none() {
            let (decoder, collector) = (&mut self.decoder, &mut self.collector);
            let step = || step(decoder, collector);
            let done = if octets <= BRIEF_OCTETS { self.effort.brief_step(step) } else { self.effort.step(step) };
            if done.is_err() {
                self.ended = Some(Ended::Panic);
            } else if self.effort.is_over() {
                self.ended = Some(Ended::Timeout);
                self.collector.gaps.push(UnscannedRecord { reason: Unscanned::Timeout, what: "decoding".into() });
            }
        }
    }

    /// Brings decoded octets to rest and hands out the parts that are finished, members of containers behind the
    /// container.
    pub(crate) async fn settle(&mut self) -> io::Result<Vec<Arc<Part>>> {
        if self.ended == Some(Ended::Panic) {
            return Err(io::Error::other("what decodes messages failed"));
        }
        let contents = self.collector.spool.settle().await?;
        if contents.is_empty() {
            return Ok(Vec::new());
        }
        let leaves = self.collector.ended.drain(..contents.len());
        let parts: Vec<_> = leaves.zip(contents).map(|(leaf, content)| leaf.rest(content)).collect();
        self.open(parts).await
    }

    /// Reads the whole message again in the other ways that programs may read it, if there are any; what only those
    /// show becomes further parts. Content is complete and rests in `raw`; the parts of the first reading are all
    /// handed out.
    pub(crate) async fn reread(&mut self, raw: &Content) -> io::Result<Vec<Arc<Part>>> {
        let observed = self.decoder.observed();
        if !observed.is_ambiguous() || self.ended.is_some() {
            return Ok(Vec::new());
        }
        // Boxed, as is all that most messages do without: it is large.
        Box::pin(self.reread_otherwise(raw, observed)).await
    }

    async fn reread_otherwise(&mut self, raw: &Content, observed: Observed) -> io::Result<Vec<Arc<Part>>> {
        let mut opening = self.take_opening()?;
        let mut headers = std::mem::replace(&mut self.collector.headers, HeaderBudget::new(0));
        let raw = raw.clone();
        let first = self.collector.message.progress.read().parts.clone();
        let effort = Arc::clone(&self.effort);
        let before = Room::beside(&self.decoder, &opening.limits);
        let (opening, headers, further) = blocking(move || {
            let Opening { limits, readings, spool, reread_left: left, .. } = &mut *opening;
            let further = effort.step(|| {
                let (readings, raw, headers, effort) = (*readings, &raw, &mut headers, &*effort);
                let mut rereading = Rereading { limits, readings, left, room: before, effort, raw, spool, headers };
                rereading.read(&first, &observed)
            });
            (opening, headers, further)
        })
        .await?;
        self.unpacking = Unpacking::Begun(opening);
        self.collector.headers = headers;
        let further = further.flatten()?;
        further.room.settle(before, &mut self.decoder);
        self.tried = further.tried;
        self.collector.gaps.extend(further.gaps);
        self.open(further.parts).await
    }

    /// What could not be shown so far.
    pub(crate) fn take_gaps(&mut self) -> Vec<UnscannedRecord> {
        self.collector.gaps.append(&mut self.collector.headers.take_gaps());
        std::mem::take(&mut self.collector.gaps)
    }

    /// For a thread that works with it.
    fn take_opening(&mut self) -> io::Result<Box<Opening>> {
        match std::mem::replace(&mut self.unpacking, Unpacking::Away) {
            Unpacking::NotBegun(texts) => {
                let Collector { message, spool, .. } = &self.collector;
                Ok(Box::new(Opening::new(Arc::clone(message), spool.another(), texts, &self.effort, &self.settings)))
            }
            Unpacking::Begun(opening) => Ok(opening),
            Unpacking::Away => Err(io::Error::other("unpacking was given up")),
        }
    }

    /// Whether there is something to open among `parts`, or no time is left to look. Files are looked at without a
    /// place: a large part that holds nothing does not wait for those that do.
    async fn any_container(&mut self, parts: Vec<Rested>) -> io::Result<(Vec<Rested>, bool)> {
        let mut is_file = false;
        for rested in &parts {
            match is_container(rested) {
                Some(true) => return Ok((parts, true)),
                Some(false) => {}
                None => is_file = true,
            }
        }
        if is_file { Box::pin(self.any_container_in_file(parts)).await } else { Ok((parts, false)) }
    }

    async fn any_container_in_file(&mut self, parts: Vec<Rested>) -> io::Result<(Vec<Rested>, bool)> {
        let begun = Instant::now();
        let look = timeout(self.patience, self.looks.acquire()).await;
        self.patience = self.patience.saturating_sub(begun.elapsed());
        let Ok(Ok(look)) = look else { return Ok((parts, true)) };
        let effort = Arc::clone(&self.effort);
        blocking(move || {
            let _look = look;
            let any = effort.step(|| {
                for rested in &parts {
                    if !Reader::new(&rested.part.data).detect()?.is_empty()
                        || inner::message_at(&rested.part)?.is_some()
                    {
                        return Ok(true);
                    }
                }
                Ok(false)
            });
            any.flatten().map(|any| (parts, any))
        })
        .await?
    }

    /// Opens what is a container among `parts`.
    async fn open(&mut self, parts: Vec<Rested>) -> io::Result<Vec<Arc<Part>>> {
        self.collector.gaps.extend(parts.iter().filter_map(Rested::gap));
        let (parts, any) = self.any_container(parts).await?;
        if !any {
            let texts = match &mut self.unpacking {
                Unpacking::NotBegun(texts) => Some(texts),
                Unpacking::Begun(opening) => Some(&mut opening.texts),
                Unpacking::Away => None,
            };
            if let Some(texts) = texts {
                parts.iter().for_each(|rested| texts.note(&rested.part));
            }
            return Ok(parts.into_iter().map(|rested| rested.part).collect());
        }
        Box::pin(self.unpack(parts)).await
    }

    async fn unpack(&mut self, parts: Vec<Rested>) -> io::Result<Vec<Arc<Part>>> {
        let begun = Instant::now();
        let place = timeout(self.patience, Arc::clone(&self.places).acquire_owned()).await;
        self.patience = self.patience.saturating_sub(begun.elapsed());
        // It is never closed.
        let Ok(Ok(place)) = place else {
            let unopened = parts.iter().filter(|rested| is_container(rested) != Some(false));
            let unopened = unopened.map(|rested| rested.part.path.clone());
            self.collector.gaps.extend(unopened.map(|what| UnscannedRecord { reason: Unscanned::Timeout, what }));
            return Ok(parts.into_iter().map(|rested| rested.part).collect());
        };
        let mut opening = self.take_opening()?;
        let before = Room::beside(&self.decoder, &opening.limits);
        opening.room = before;
        let (mut opening, result) = blocking(move || {
            let _place = place;
            let effort = Arc::clone(&opening.effort);
            let result = effort.step(|| opening.open_all(parts)).flatten();
            (opening, result)
        })
        .await?;
        self.collector.gaps.append(&mut opening.gaps);
        opening.room.settle(before, &mut self.decoder);
        self.unpacking = Unpacking::Begun(opening);
        result
    }
}

/// Messages whose files are looked at, to see whether there is something to open, at the same time. A look has up to
/// [`smtpgw_archive::HEAD`] octets in memory for a moment.
static LOOKS: Semaphore = Semaphore::const_new(8);

/// The places at which messages are unpacked, so many in the whole process for all that ask for that many. One is kept
/// until the work is done, whether or not somebody still waits for it. A message waits as long as it may unpack, then
/// its containers stay closed, and that is told.
fn places(count: usize) -> Arc<Semaphore> {
    static PLACES: Mutex<BTreeMap<usize, Arc<Semaphore>>> = Mutex::new(BTreeMap::new());
    let count = count.clamp(1, Semaphore::MAX_PERMITS);
    Arc::clone(PLACES.lock().entry(count).or_insert_with(|| Arc::new(Semaphore::new(count))))
}

/// Whether there is something in it to open; `None` if that takes a look at a file.
fn is_container(rested: &Rested) -> Option<bool> {
    match &rested.part.data {
        Content::Memory(octets) => Some(
            rested.has_files
                || rested.has_parts
                || detect(octets).next().is_some()
                || !matches!(inner::message_at(&rested.part), Ok(None)),
        ),
        Content::File { .. } if rested.has_files || rested.has_parts => Some(true),
        Content::File { .. } => None,
    }
}

/// What decoding is bounded by.
fn limits(settings: &Settings) -> Limits {
    let decode = &settings.decode;
    let mut limits = Limits::DEFAULT;
    limits.depth = decode.depth;
    limits.parts = decode.parts;
    limits.header_octets = decode.header;
    limits.fields = decode.fields;
    limits.decoded_total = settings.limits.message_size.saturating_mul(decode.total_ratio);
    limits
}
