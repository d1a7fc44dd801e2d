//! Waiting for the client: commands within a deadline, content at its pace, replies written before every wait.

use smtpgw_smtp::{Reply, replies};

use super::{Connection, End};
use crate::house::Drain;
use crate::pace::Pace;
use crate::transaction::WATCH;
use crate::world::{Instant, World, timeout, timeout_at};

impl<W: World> Connection<W> {
    /// Writes the replies that are due, then waits for octets: a command within its deadline, content at its pace.
    pub(super) async fn read_more(&mut self) -> Result<(), End> {
        if let Some(pace) = self.correspondence.take_pace() {
            return Box::pin(self.content_stage(pace)).await;
        }
        let stalled = !self.server.wants_input();
        self.flush().await?;
        if stalled && self.server.wants_input() && !self.wire.input.is_empty() {
            // Reading had stopped because replies waited to be written; what is buffered comes first (rule B3).
            return Ok(());
        }
        // Where a backend waits, this wait is cut in pieces, so that it hears from us.
        let until = if self.correspondence.keeps_waiting() { Instant::now() + WATCH } else { self.deadline };
        let until = until.min(self.deadline);
        let Self { wire, drain, server, .. } = self;
        // Between two chunks the message is under way, though no pace is set for it.
        let last_moment = if server.has_begun_content() { Drain::is_over } else { Drain::has_begun };
        let drained = async {
            // An error means that the gateway is gone, and so are we in a moment.
            let _ = drain.wait_for(last_moment).await;
        };
        let read = tokio::select! {
            read = timeout_at(until, wire.read()) => Some(read),
            () = drained => None,
        };
        match read {
            Some(Ok(Ok(0))) => Err(End::of("client-closed")),
            Some(Ok(Ok(_))) => Ok(()),
            Some(Ok(Err(error))) => Err(End::because("client-failed", error)),
            Some(Err(_)) if until < self.deadline => {
                // Boxed: an idle connection is past it.
                Box::pin(self.correspondence.look_after()).await;
                Ok(())
            }
            Some(Err(_)) => self.hang_up(&replies::TIMEOUT, "timeout").await,
            None => self.hang_up(&replies::SHUTTING_DOWN, "drain").await,
        }
    }

    async fn content_stage(&mut self, mut pace: Pace) -> Result<(), End> {
        self.correspondence.settle().await;
        let stalled = !self.server.wants_input();
        self.flush().await?;
        // As between commands: the replies to many small chunks may have stopped reading (rule B3).
        let buffered = stalled && self.server.wants_input() && !self.wire.input.is_empty();
        let read = if buffered { Ok(()) } else { self.read_content(&mut pace).await };
        self.correspondence.put_pace(pace);
        read
    }

    /// One read of content: the backend is kept awake and hung inspectors are noticed while the client dribbles.
    async fn read_content(&mut self, pace: &mut Pace) -> Result<(), End> {
        loop {
            // First, for it may wait for the backend, and that is not the client's time.
            let look = self.correspondence.look_after().await;
            let begun = Instant::now();
            let deadline = pace.deadline(begun);
            let look = look.unwrap_or(deadline);
            let Self { wire, drain, .. } = self;
            let read = tokio::select! {
                biased;
                read = timeout_at(deadline.min(look).min(begun + WATCH), wire.read()) => Some(read),
                _ = drain.wait_for(Drain::is_over) => None,
            };
            let Some(read) = read else { return self.hang_up(&replies::SHUTTING_DOWN, "drain").await };
            pace.waited(begun.elapsed());
            match read {
                Ok(Ok(0)) => return Err(End::of("client-closed")),
                Ok(Ok(octets)) => {
                    pace.received(octets);
                    return Ok(());
                }
                Ok(Err(error)) => return Err(End::because("client-failed", error)),
                Err(_) if Instant::now() >= deadline => {
                    return self.hang_up(&replies::TIMEOUT, "too-slow").await;
                }
                Err(_) => {}
            }
        }
    }

    /// Says a last word (a 421) and ends.
    pub(super) async fn hang_up(&mut self, reply: &Reply, how: &'static str) -> Result<(), End> {
        self.server.close_with(reply);
        self.flush().await?;
        Err(End::of(how))
    }

    pub(super) async fn flush(&mut self) -> Result<(), End> {
        if self.server.output().is_empty() {
            return Ok(());
        }
        let patience = self.setup.desk.settings.limits.command_s;
        match timeout(patience, self.wire.write(self.server.output())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(End::because("client-failed", error)),
            Err(_) => Err(End::of("client-does-not-read")),
        }
    }
}
