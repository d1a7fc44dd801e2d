//! How a client begins: the greeting, EHLO, and TLS in front of the one or behind the other, if its plan has it.

use std::io;

use super::{Caller, note, put};
use crate::actors::wire::Wire;
use crate::certificates::Client;
use crate::scenario::{ClientTls, Trouble};

impl Caller {
    /// Up to the reply to EHLO, the last of them if there is TLS.
    pub(super) async fn begin(&mut self, tls: Option<Client>) -> io::Result<()> {
        let Some((plan, tls)) = self.plan.tls.zip(tls) else { return self.greet().await };
        if plan.implicit {
            self.handshake(plan, tls).await?;
            return self.greet().await;
        }
        self.greet().await?;
        if plan.trouble == Some(Trouble::Injects) {
            // Whoever takes what stands behind STARTTLS for said under TLS has a message of nobody.
            let injected = b"STARTTLS\r\nEHLO x\r\nMAIL FROM:<injected@client.example>\r\nRCPT TO:<x@example.org>\r\n";
            return self.trouble(injected).await;
        }
        self.say(b"STARTTLS\r\n").await?;
        if !self.hear("STARTTLS").await?.starts_with("220") {
            // As senders do that can do without.
            return Ok(());
        }
        self.handshake(plan, tls).await?;
        self.say(b"EHLO client.example\r\n").await?;
        self.hear("EHLO").await.map(drop)
    }

    async fn greet(&mut self) -> io::Result<()> {
        self.hear("connect").await?;
        self.say(b"EHLO client.example\r\n").await?;
        self.hear("EHLO").await.map(drop)
    }

    async fn handshake(&mut self, plan: ClientTls, tls: Client) -> io::Result<()> {
        if matches!(plan.trouble, Some(Trouble::Garbage | Trouble::Injects)) {
            return self.trouble(b"EHLO plain.example\r\nMAIL FROM:<injected@client.example>\r\n").await;
        }
        let stops = match plan.trouble {
            Some(Trouble::Leaves(after, how)) => Some((after, how)),
            _ => None,
        };
        let clear = std::mem::replace(self.stream.get_mut(), Wire::Gone);
        let (wire, done) = clear.connect(tls, plan.piece, stops.map(|(after, _)| after)).await;
        *self.stream.get_mut() = wire;
        match (&done, stops) {
            (Ok(()), _) => note(&self.log, &format!("c{}", self.number), "(TLS)"),
            (Err(error), Some((_, how))) if error.kind() == io::ErrorKind::Other => {
                self.hears_records = true;
                return self.leave(how).await;
            }
            (Err(error), _) => note(&self.log, &format!("c{}", self.number), &format!("(no TLS: {error})")),
        }
        done
    }

    /// Says what has no place, and listens.
    async fn trouble(&mut self, octets: &[u8]) -> io::Result<()> {
        note(&self.log, &format!("c{} >", self.number), &String::from_utf8_lossy(octets));
        put(self.stream.get_mut(), octets, &self.log).await?;
        self.listens = true;
        Err(io::Error::other("out of place"))
    }
}
