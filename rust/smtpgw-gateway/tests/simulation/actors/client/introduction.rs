//! What stands before a client's first message: for whom it comes, and who it is.

use std::io;
use std::net::SocketAddr;

use super::Caller;
use crate::scenario::Introduction;

impl Caller {
    /// The client's address and port as the gateway is to know them.
    pub(super) fn client(&self) -> io::Result<SocketAddr> {
        self.plan.spoken_for(self.number).map_or_else(|| self.stream.get_ref().local_addr(), Ok)
    }

    /// The PROXY header, in front of everything else.
    pub(super) async fn header(&mut self) -> io::Result<()> {
        let (Some(introduction), client) = (self.plan.introduction, self.client()?) else { return Ok(()) };
        let (SocketAddr::V4(client), port) = (client, client.port()) else { return Ok(()) };
        let header = match introduction {
            Introduction::Version1 => format!("PROXY TCP4 {} 198.51.100.2 {port} 25\r\n", client.ip()).into_bytes(),
            Introduction::Version2 => {
                let addresses = [&client.ip().octets()[..], &[198, 51, 100, 2], &port.to_be_bytes(), &[0, 25]].concat();
                [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", &addresses[..]].concat()
            }
            Introduction::Unnamed => b"PROXY UNKNOWN\r\n".to_vec(),
            Introduction::Xclient | Introduction::Missing => return Ok(()),
        };
        self.say(&header).await
    }

    /// XCLIENT, behind the greeting and under TLS if there is any; the session then begins anew.
    pub(super) async fn xclient(&mut self) -> io::Result<()> {
        if self.plan.introduction != Some(Introduction::Xclient) {
            return Ok(());
        }
        let client = self.client()?;
        self.say(format!("XCLIENT ADDR={} PORT={}\r\n", client.ip(), client.port()).as_bytes()).await?;
        self.hear("XCLIENT").await?;
        self.say(b"EHLO client.example\r\n").await?;
        self.hear("EHLO").await.map(drop)
    }

    /// AUTH, under TLS alone. Without it, it goes on as nobody.
    pub(super) async fn log_in(&mut self) -> io::Result<()> {
        if !self.plan.logs_in || !self.stream.get_ref().is_tls() {
            return Ok(());
        }
        let credentials = CREDENTIALS[self.number];
        self.say(format!("AUTH PLAIN {credentials}\r\n").as_bytes()).await?;
        if self.hear("AUTH").await?.starts_with("235 ") {
            self.login = Some(credentials);
        }
        Ok(())
    }
}

/// Of each client: its name and a password (RFC 4616), as they are sent.
const CREDENTIALS: [&str; 4] = ["AGMwAHg=", "AGMxAHg=", "AGMyAHg=", "AGMzAHg="];
