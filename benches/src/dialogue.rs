//! The client's side of an SMTP dialogue, just enough of it to send mail and to read replies.

use std::io;

use memchr::memchr;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// A connection on which commands go out and replies come in.
#[derive(Debug)]
pub struct Dialogue<S> {
    stream: S,
    buffer: Vec<u8>,
    /// Octets of `buffer` that are used up.
    used: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Dialogue<S> {
    /// A dialogue on `stream`.
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::with_capacity(1024), used: 0 }
    }

    /// Sends octets as they are.
    ///
    /// # Errors
    /// The stream's.
    pub async fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.write_all(octets).await?;
        self.stream.flush().await
    }

    /// The code of the next reply; the further lines of one that has several are skipped.
    ///
    /// # Errors
    /// The stream's; `InvalidData` for what is no reply; `UnexpectedEof` where the other side has gone.
    pub async fn reply(&mut self) -> io::Result<u16> {
        loop {
            while let Some(length) = memchr(b'\n', &self.buffer[self.used..]) {
                let line = &self.buffer[self.used..self.used + length];
                self.used += length + 1;
                let code = line.get(..3).and_then(|code| str::from_utf8(code).ok()).and_then(|code| code.parse().ok());
                let code = code.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no reply code"))?;
                if line.get(3) != Some(&b'-') {
                    return Ok(code);
                }
            }
            self.buffer.drain(..self.used);
            self.used = 0;
            if self.buffer.len() > LONGEST_LINE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a reply without end"));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The stream again, for TLS.
    ///
    /// # Errors
    /// `InvalidData` if there are octets behind the last reply.
    pub fn into_stream(self) -> io::Result<S> {
        if self.used < self.buffer.len() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "octets in clear before TLS"));
        }
        Ok(self.stream)
    }
}

const LONGEST_LINE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests say so by failing

    use super::*;

    async fn dialogue(replies: &[u8]) -> Dialogue<tokio::io::DuplexStream> {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        theirs.write_all(replies).await.unwrap();
        Dialogue::new(ours)
    }

    #[tokio::test]
    async fn replies_one_by_one() {
        let mut dialogue = dialogue(b"220 mx ESMTP\r\n250-mx\r\n250-SIZE 1\r\n250 HELP\r\n550 5.1.1 no\r\n").await;
        assert_eq!(dialogue.reply().await.unwrap(), 220);
        assert_eq!(dialogue.reply().await.unwrap(), 250);
        assert_eq!(dialogue.reply().await.unwrap(), 550);
        assert_eq!(dialogue.reply().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn what_is_no_reply() {
        assert_eq!(dialogue(b"hello\r\n").await.reply().await.unwrap_err().kind(), io::ErrorKind::InvalidData);
        let mut dialogue = dialogue(b"220 go\r\n250 injected\r\n").await;
        assert_eq!(dialogue.reply().await.unwrap(), 220);
        assert!(dialogue.into_stream().is_err());
    }
}
