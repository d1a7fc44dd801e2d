//! Where content waits for its verdict: memory first, then an unlinked temporary file.
//!
//! A [`Spool`] belongs to one message and takes stretches one after the other: the raw content is one stretch; all
//! decoded parts share another spool, a stretch each, so that a message costs two descriptors at most. Appending
//! and cutting never block and never fail: they fill a buffer and note positions. [`Spool::settle`] decides where
//! the buffer goes (stays in memory, or is written to the file on a thread that may block), and hands out the
//! stretches that have ended. It is called after every read, so memory is bounded by the threshold plus what one
//! read can decode to.
//!
//! Memory is also counted against the budget of all messages together ([`Budget`]); when that is used up, content
//! goes to the disk at once. Files have no name from the start: a crash leaves nothing behind.

mod budget;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

pub(crate) use self::budget::{Budget, Charge};
use crate::message::Content;

/// Content of one message on its way in.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: Arc<PathBuf>,
    /// Octets that may stay in memory.
    threshold: u64,
    charge: Charge,
    /// Octets of disk charged to the budget.
    disk: u64,
    /// What is neither in the file nor handed out.
    buffer: BytesMut,
    /// Where stretches end in `buffer`.
    cuts: Vec<usize>,
    /// Octets handed out that stayed in memory.
    resting: u64,
    file: Option<Arc<File>>,
    /// Octets in the file.
    written: u64,
    /// Where the stretch that `buffer` begins with begins in the file, if part of it is there already.
    begun: Option<u64>,
}

impl Spool {
    pub(crate) fn new(folder: Arc<PathBuf>, threshold: u64, budget: Arc<Budget>) -> Self {
        Self {
            folder,
            threshold,
            charge: Charge::new(budget),
            disk: 0,
            buffer: BytesMut::new(),
            cuts: Vec::new(),
            resting: 0,
            file: None,
            written: 0,
            begun: None,
        }
    }

    /// A further one of the same message.
    pub(crate) fn another(&self) -> Self {
        Self::new(Arc::clone(&self.folder), self.threshold, Arc::clone(self.charge.budget()))
    }

    /// Appends to the current stretch.
    pub(crate) fn append(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
        self.charge();
    }

    /// Octets that were appended so far.
    pub(crate) fn len(&self) -> u64 {
        self.written + self.resting + self.buffer.len() as u64
    }

    /// Ends the current stretch and begins the next; [`Spool::settle`] hands it out.
    pub(crate) fn cut(&mut self) {
        self.cuts.push(self.buffer.len());
    }

    /// Puts what was appended in its place, and hands out the stretches that were cut, in order. An error means
    /// that this message cannot be kept.
    pub(crate) async fn settle(&mut self) -> io::Result<Vec<Content>> {
        if !self.must_write() {
            return Ok(self.rest());
        }
        // Boxed: most messages never come here.
        Box::pin(self.write()).await
    }

    async fn write(&mut self) -> io::Result<Vec<Content>> {
        self.take_disk()?;
        let octets = std::mem::take(&mut self.buffer);
        let (file, folder, at) = (self.file.clone(), Arc::clone(&self.folder), self.written);
        let (file, octets, result) = blocking(move || {
            let (file, result) = write_at(file, &folder, &octets, at);
            (file, octets, result)
        })
        .await?;
        self.wrote(file, octets, result)
    }

    /// Like [`Spool::settle`], on a thread that may block.
    pub(crate) fn settle_blocking(&mut self) -> io::Result<Vec<Content>> {
        if !self.must_write() {
            return Ok(self.rest());
        }
        self.take_disk()?;
        let octets = std::mem::take(&mut self.buffer);
        let (file, result) = write_at(self.file.clone(), &self.folder, &octets, self.written);
        self.wrote(file, octets, result)
    }

    /// Whether the buffer has to go to the file now: because it is too much for memory, or because it ends
    /// stretches that began there.
    fn must_write(&self) -> bool {
        let ends_in_file = self.begun.is_some() && !self.cuts.is_empty();
        let crowded = self.resting + self.buffer.len() as u64 > self.threshold || self.charge.budget().is_exhausted();
        ends_in_file || ((crowded || self.begun.is_some()) && self.buffer.len() >= WRITE_AT_LEAST)
    }

    /// Hands out the ended stretches from memory.
    fn rest(&mut self) -> Vec<Content> {
        let mut from = 0;
        let cuts = std::mem::take(&mut self.cuts);
        let stretches = cuts.into_iter().map(|end| {
            let octets: Bytes = self.buffer.split_to(end - from).freeze();
            from = end;
            self.resting += octets.len() as u64;
            Content::Memory(octets)
        });
        stretches.collect()
    }

    /// Hands out the ended stretches from the file, now that the whole buffer is there.
    fn wrote(
        &mut self,
        file: Option<Arc<File>>,
        mut octets: BytesMut,
        result: io::Result<()>,
    ) -> io::Result<Vec<Content>> {
        self.file = file;
        result?;
        let Some(file) = &self.file else { return Ok(Vec::new()) };
        let mut begin = self.begun.unwrap_or(self.written);
        let mut stretches = Vec::with_capacity(self.cuts.len());
        for cut in self.cuts.drain(..) {
            let end = self.written + cut as u64;
            stretches.push(Content::File { file: Arc::clone(file), offset: begin, len: end - begin });
            begin = end;
        }
        self.written += octets.len() as u64;
        self.begun = (begin < self.written).then_some(begin);
        octets.clear();
        // It may have grown to the threshold; what comes from now on is written in small pieces, of a thousand
        // messages at a time.
        self.buffer = if octets.capacity() > KEPT { BytesMut::with_capacity(KEPT) } else { octets };
        self.charge();
        Ok(stretches)
    }

    /// Charges the buffer, which is about to be written, to the disk's share.
    fn take_disk(&mut self) -> io::Result<()> {
        let octets = self.buffer.len() as u64;
        self.charge.budget().take_disk(octets)?;
        self.disk += octets;
        Ok(())
    }

    /// Brings the charge to the budget up to date.
    fn charge(&mut self) {
        self.charge.set(self.resting + self.buffer.len() as u64);
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.charge.budget().give_disk_back(self.disk);
    }
}

/// Reads a piece of content at rest: at most [`READ_PIECE`] octets from `at`; empty at its end.
pub(crate) async fn read_piece(content: &Content, at: u64) -> io::Result<Bytes> {
    match content {
        Content::Memory(octets) => {
            let begin = usize::try_from(at).unwrap_or(usize::MAX).min(octets.len());
            Ok(octets.slice(begin..octets.len().min(begin + READ_PIECE)))
        }
        Content::File { file, offset, len } => {
            let want = usize::try_from(len.saturating_sub(at)).unwrap_or(READ_PIECE).min(READ_PIECE);
            let (file, from) = (Arc::clone(file), offset + at);
            blocking(move || {
                let mut piece = vec![0; want];
                file.read_exact_at(&mut piece, from)?;
                Ok(Bytes::from(piece))
            })
            .await?
        }
    }
}

/// Runs `work` on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
}

fn write_at(file: Option<Arc<File>>, folder: &PathBuf, octets: &[u8], at: u64) -> (Option<Arc<File>>, io::Result<()>) {
    let file = match file {
        Some(file) => file,
        None => match tempfile::tempfile_in(folder) {
            Ok(file) => Arc::new(file),
            Err(error) => return (None, Err(error)),
        },
    };
    let result = file.write_all_at(octets, at);
    (Some(file), result)
}

/// Octets of a message in a file that are read back at a time.
const READ_PIECE: usize = 256 << 10;

/// Octets of content that are worth a trip to a thread that may block, which writes them.
const WRITE_AT_LEAST: usize = 64 << 10;

/// Octets that a buffer keeps for what is on its way to the file: so many and what one read brings.
const KEPT: usize = WRITE_AT_LEAST + (16 << 10);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use super::*;

    fn spool(threshold: u64, budget: &Arc<Budget>) -> Spool {
        Spool::new(Arc::new(std::env::temp_dir()), threshold, Arc::clone(budget))
    }

    async fn read_all(content: &Content) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let piece = read_piece(content, all.len() as u64).await.unwrap();
            if piece.is_empty() {
                return all;
            }
            all.extend_from_slice(&piece);
        }
    }

    #[tokio::test]
    async fn small_content_never_touches_the_disk() {
        let budget = Budget::new(1 << 20);
        let mut spool = spool(1000, &budget);
        spool.append(&[b'x'; 1000]);
        assert!(spool.settle().await.unwrap().is_empty());
        assert_eq!(budget.used(), 1000);
        spool.cut();
        let content = spool.settle().await.unwrap().remove(0);
        assert!(matches!(content, Content::Memory(_)));
        assert!(spool.file.is_none());
        drop(spool);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test]
    async fn a_large_buffer_is_given_back_once_there_is_a_file() {
        let mut spool = spool(256 << 10, &Budget::new(1 << 30));
        for _ in 0..40 {
            spool.append(&[b'x'; 16 << 10]);
            spool.settle().await.unwrap();
            assert!(spool.file.is_none() || spool.buffer.capacity() <= KEPT);
        }
        assert!(spool.file.is_some());
    }

    #[tokio::test]
    async fn large_content_goes_to_the_file_whole_and_in_order() {
        let budget = Budget::new(1 << 30);
        let mut spool = spool(1000, &budget);
        let octets: Vec<u8> = (0..700_000_u32).map(|i| (i % 251) as u8).collect();
        for piece in octets.chunks(7_001) {
            spool.append(piece);
            assert!(spool.settle().await.unwrap().is_empty());
            assert!(budget.used() <= 1000 + 7_001 + WRITE_AT_LEAST as u64);
        }
        spool.cut();
        let content = spool.settle().await.unwrap().remove(0);
        assert!(matches!(content, Content::File { .. }));
        assert_eq!(read_all(&content).await, octets);
    }

    #[tokio::test]
    async fn stretches_stay_apart_wherever_they_rest() {
        // Sizes around every threshold, settled after each append or only after several.
        for every in 1..4 {
            let budget = Budget::new(1 << 30);
            let mut spool = spool(150_000, &budget);
            let sizes = [0, 1, 70_000, 60_000, 0, 90_000, 3, 200_000, 0, 10, 65_536, 1];
            let (mut cut, mut stretches) = (0, Vec::new());
            for (at, size) in sizes.iter().enumerate() {
                for half in [size / 2, size - size / 2] {
                    spool.append(&vec![at as u8; half]);
                    if at % every == 0 {
                        stretches.extend(spool.settle().await.unwrap());
                    }
                }
                spool.cut();
                cut += 1;
            }
            stretches.extend(spool.settle_blocking().unwrap());
            assert_eq!(stretches.len(), cut);
            for (at, size) in sizes.iter().enumerate() {
                assert_eq!(read_all(&stretches[at]).await, vec![at as u8; *size], "stretch {at} settled every {every}");
            }
            assert!(stretches.iter().any(|content| matches!(content, Content::File { .. })));
            drop(spool);
            assert_eq!(budget.used(), 0);
        }
    }

    #[tokio::test]
    async fn an_exhausted_budget_sends_content_to_the_disk() {
        let budget = Budget::new(10);
        let mut spool = spool(1 << 20, &budget);
        spool.append(&vec![0; WRITE_AT_LEAST]);
        spool.cut();
        assert!(matches!(spool.settle().await.unwrap()[..], [Content::File { .. }]));
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test]
    async fn the_share_of_the_disk_is_kept_and_given_back() {
        let piece = vec![0; WRITE_AT_LEAST];
        let budget = Budget::with_disk(u64::MAX, 3 * WRITE_AT_LEAST as u64 - 1);
        let mut first = spool(0, &budget);
        let mut second = spool(0, &budget);
        first.append(&piece);
        second.append(&piece);
        first.settle().await.unwrap();
        second.settle_blocking().unwrap();
        assert!(!budget.is_full());
        assert!(budget.has_no_room_for(WRITE_AT_LEAST as u64, 0));
        assert!(!budget.has_no_room_for(WRITE_AT_LEAST as u64, WRITE_AT_LEAST as u64));
        assert!(!budget.has_no_room_for(WRITE_AT_LEAST as u64 - 1, 0));
        second.append(&piece);
        assert_eq!(second.settle().await.unwrap_err().kind(), io::ErrorKind::StorageFull);
        drop(first);
        second.settle().await.unwrap();
        drop(second);
        assert_eq!(budget.disk_used(), 0);
        assert!(Budget::with_disk(1, 0).is_full());
    }

    #[tokio::test]
    async fn a_missing_folder_is_an_error_not_a_panic() {
        let mut spool = Spool::new(Arc::new("/nonexistent/folder".into()), 0, Budget::new(0));
        spool.append(&vec![0; WRITE_AT_LEAST]);
        assert!(spool.settle().await.is_err());
    }
}
