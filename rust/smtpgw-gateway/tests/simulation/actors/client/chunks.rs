//! A client's message in chunks (RFC 3030): one after the other's reply, or all of them in one go.

use std::io;

use super::Caller;
use crate::scenario::MessagePlan;

impl Caller {
    /// Sends the content of a message whose recipients have been taken. After a refused chunk nothing can become of the
    /// message, and RSET is due.
    pub(super) async fn in_chunks(&mut self, nth: usize, message: &MessagePlan, size: usize) -> io::Result<()> {
        let sender = self.sender(nth);
        let mut chunks: Vec<&[u8]> = message.content.chunks(size).collect();
        if self.plan.empty_last {
            chunks.push(b"");
        }
        let last = chunks.len() - 1;
        for (at, chunk) in chunks.iter().enumerate() {
            let command = format!("BDAT {}{}\r\n", chunk.len(), if at == last { " LAST" } else { "" });
            let octets = [command.as_bytes(), chunk].concat();
            if at == last {
                let whole = self.plan.leaves.is_none_or(|(after, _)| self.written + octets.len() <= after);
                self.update(&sender, |sent| sent.ended = whole);
            }
            self.say(&octets).await?;
            if !self.plan.pipelined && !self.chunk_was_taken(&sender, at == last).await? {
                return Ok(());
            }
        }
        if self.plan.pipelined {
            let mut taken = true;
            for at in 0..=last {
                // What follows a refused chunk is answered as well.
                let this = self.hear(if at == last { "dot" } else { "BDAT" }).await?;
                taken &= this.starts_with('2');
                if at == last {
                    self.update(&sender, |sent| sent.reply = Some(this));
                }
            }
            if !taken {
                return self.reset().await;
            }
        }
        Ok(())
    }

    async fn chunk_was_taken(&mut self, sender: &str, last: bool) -> io::Result<bool> {
        let reply = self.hear(if last { "dot" } else { "BDAT" }).await?;
        let taken = reply.starts_with('2');
        if last || !taken {
            self.update(sender, |sent| sent.reply = Some(reply));
        }
        if !taken {
            self.reset().await?;
        }
        Ok(taken)
    }
}
