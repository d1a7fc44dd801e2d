//! The backend's BDAT (RFC 3030), as strict as the rest of it: octets are counted, what has no place is swallowed and
//! answered 503, and a chunk that was refused spoils its message until RSET.

use std::io;

use tokio::io::AsyncReadExt as _;

use super::{Served, note};
use crate::scenario::{Act, Step};

/// The transaction under way.
#[derive(Default)]
pub(super) struct Envelope {
    pub(super) sender: Option<String>,
    pub(super) recipients: Vec<String>,
    /// What came in chunks.
    chunks: Option<Vec<u8>>,
    spoilt: bool,
}

impl Envelope {
    /// Whether a chunk has come: then only chunks may follow, or RSET.
    pub(super) const fn is_chunked(&self) -> bool {
        self.chunks.is_some()
    }
}

impl Served {
    pub(super) async fn chunk(&mut self, line: &str, envelope: &mut Envelope) -> io::Result<()> {
        let mut words = line.trim_end().split(' ').skip(1);
        let size: usize = words.next().and_then(|size| size.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        let last = words.next() == Some("LAST");
        let fault = self.fault(Step::Content);
        let mut octets = Vec::new();
        let before = envelope.chunks.as_ref().map_or(0, Vec::len);
        while octets.len() < size {
            octets.push(self.stream.read_u8().await?);
            match fault {
                Some(Act::Drop | Act::Closing) if before + octets.len() > 40 => {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
                Some(Act::Hang) if before + octets.len() > 40 => return self.hang().await,
                Some(Act::Temporary | Act::Permanent) if before + octets.len() > 40 => return self.give_up().await,
                _ => {}
            }
        }
        note(&self.log, &format!("{}{} <", self.name, self.nth), &String::from_utf8_lossy(&octets));
        if envelope.recipients.is_empty() || envelope.spoilt {
            return self.say("503 5.5.1 no chunk now").await;
        }
        envelope.chunks.get_or_insert_default().append(&mut octets);
        if !last {
            envelope.spoilt = !self.answer(Step::Chunk, &format!("250 2.0.0 {size} octets")).await?;
            return Ok(());
        }
        self.chunked = true;
        let Envelope { sender, recipients, chunks, .. } = std::mem::take(envelope);
        let taken = self.message(chunks.unwrap_or_default(), sender, recipients);
        self.taken(taken).await
    }
}
