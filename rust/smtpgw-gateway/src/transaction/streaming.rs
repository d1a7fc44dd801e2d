//! A message that goes to the backend while it arrives (`relay = "stream"`), up to its end, which waits for the
//! verdict.
//!
//! What goes ahead of the verdict is what was known before it: our `Received:`, and content without forged copies of
//! our fields. Content gathers here up to `stream_chunk` and goes on from there, so a message that is no larger goes as
//! a whole, once it is accepted. The end is given by [`Streaming::release`] alone, which the completion calls for an
//! accepted message; everything else that can become of one leads to [`LegKeeper::reset`], which takes it back or
//! closes the connection before its end (rule R2).
//!
//! Back-pressure: [`pass_on`] waits for the backend, within its `data_s`, before the client is read again. A backend
//! that refuses or fails on the way is not sent any more, and the client hears of it at the end.

use std::sync::Arc;
use std::time::Duration;

use smtpgw_smtp::Reply;

use super::leg_keeper::LegKeeper;
use crate::error::BackendError;
use crate::outgoing::Passing;
use crate::spool::{Budget, Charge};
use crate::world::{Instant, World};

/// Content on its way.
pub(super) struct Streaming {
    passing: Passing,
    /// What is not with the backend yet.
    gathered: Vec<u8>,
    charge: Charge,
    /// Octets that gather before they go.
    chunk: u64,
    /// Since when the backend has heard nothing further; `None` while it has nothing of the content.
    sent: Option<Instant>,
    /// The backend's word on the message, if it came early.
    refused: Option<Reply>,
}

impl Streaming {
    pub(super) fn new(passing: Passing, chunk: u64, budget: Arc<Budget>) -> Box<Self> {
        let charge = Charge::new(budget);
        Box::new(Self { passing, gathered: Vec::new(), charge, chunk, sent: None, refused: None })
    }

    /// Takes further content. Never blocks; [`pass_on`] follows before the next read.
    pub(super) fn push(&mut self, octets: &[u8]) {
        if self.refused.is_none() {
            self.passing.push(octets, &mut self.gathered);
            self.charge.set(self.gathered.len() as u64);
        }
    }

    /// The content is complete. What has begun to go goes on to its last octet; only the end waits.
    pub(super) fn complete(&mut self) {
        self.passing.finish(&mut self.gathered);
        if self.sent.is_some() {
            self.chunk = 0;
        }
    }

    /// The message is accepted: the end goes out. The backend's word on it.
    pub(super) async fn release<W: World>(self: Box<Self>, leg: &mut LegKeeper<W>) -> Result<Reply, BackendError> {
        match self.refused {
            Some(refusal) => Ok(refusal),
            None => leg.finish(&self.gathered).await,
        }
    }

    /// Whether what has gathered is to go now: because it is enough, or because the backend would lose patience.
    fn is_due(&self) -> bool {
        let silent = self.sent.is_some_and(|sent| sent.elapsed() >= SILENCE);
        self.refused.is_none() && !self.gathered.is_empty() && (self.gathered.len() as u64 >= self.chunk || silent)
    }

    async fn send<W: World>(&mut self, leg: &mut LegKeeper<W>) -> Result<(), BackendError> {
        self.refused = leg.stream(&self.gathered).await?;
        self.sent = Some(Instant::now());
        self.gathered.clear();
        if self.refused.is_some() {
            self.gathered = Vec::new();
        }
        self.charge.set(0);
        Ok(())
    }
}

/// Sends on what is due, and says whether something was; if the backend cannot take it, that is noted in `broken`, and
/// no more is sent.
pub(super) async fn pass_on<W: World>(
    streaming: &mut Option<Box<Streaming>>,
    leg: &mut LegKeeper<W>,
    broken: &mut Option<BackendError>,
) -> bool {
    if broken.is_some() {
        *streaming = None;
    }
    let Some(under_way) = streaming.as_mut().filter(|streaming| streaming.is_due()) else { return false };
    // Boxed, as are others on these paths: what is rare and large would be in the way of every message.
    if let Err(error) = Box::pin(under_way.send(leg)).await {
        *broken = Some(error);
        *streaming = None;
    }
    true
}

/// Silence in content after which the backend gets what there is, however little: servers wait some five minutes
/// (RFC 5321 §4.5.3.2.5 says three at least).
const SILENCE: Duration = Duration::from_secs(100);
