//! A client's message in chunks (RFC 3030): one after the other's reply, or all of them in one go; and by the wrong
//! count.

use std::io;

use tokio::time::timeout;

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
        let miscount = self.plan.miscount.filter(|_| nth == 0);
        for (at, chunk) in chunks.iter().enumerate() {
            let (count, said) = match miscount.filter(|_| at == last) {
                Some(miscount) => miscount.of(chunk),
                None => (chunk.len(), chunk.to_vec()),
            };
            let command = format!("BDAT {count}{}\r\n", if at == last { " LAST" } else { "" });
            if at == last {
                let due = command.len() + count;
                let whole =
                    count <= said.len() && self.plan.leaves.is_none_or(|(after, _)| self.written + due <= after);
                let content = [&chunks[..last].concat(), &said[..count.min(said.len())]].concat();
                self.update(&sender, |sent| (sent.ended, sent.content) = (whole, content));
            }
            self.say(&[command.as_bytes(), &said].concat()).await?;
            if !self.plan.pipelined
                && (at < last || miscount.is_none())
                && !self.chunk_was_taken(&sender, at == last).await?
            {
                return Ok(());
            }
        }
        if miscount.is_some() {
            return self.hear_out(&sender, if self.plan.pipelined { last } else { 0 }).await;
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

    /// After a wrong count it does not know what a reply is to, but for those to the `chunks` before and to the last
    /// one.
    async fn hear_out(&mut self, sender: &str, chunks: usize) -> io::Result<()> {
        self.listens = true;
        for at in 0..=chunks {
            let patience = self.plan.patience;
            let Ok(reply) = timeout(patience, self.hear(if at == chunks { "dot" } else { "BDAT" })).await else {
                break;
            };
            let reply = reply?;
            if at == chunks {
                self.update(sender, |sent| sent.reply = Some(reply));
            }
        }
        Err(io::Error::other("cannot count"))
    }
}
