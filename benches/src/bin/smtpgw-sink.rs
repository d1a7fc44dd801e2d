#![forbid(unsafe_code)]
//! A mail server that takes everything, as fast as it comes, and counts it.
//!
//! Offers PIPELINING, SIZE, 8BITMIME, CHUNKING and ENHANCEDSTATUSCODES (its codes are Postfix's), and XCLIENT where
//! asked to; no STARTTLS. `--record` keeps each message in a file of its own, as it was before dot-stuffing. Says
//! `listening ADDRESS` when it does, and its totals as one line of JSON at the end.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memchr::{memchr, memmem};
use serde_json::json;
use smtpgw_bench::arguments::{Arguments, Usage};
use smtpgw_bench::serve;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const USAGE: Usage = Usage {
    help: "smtpgw-sink [--listen 127.0.0.1:0] [--record FOLDER] [--xclient] [--threads N]\n\
        Takes every message, counts it, and prints the totals on SIGTERM.",
    values: &["listen", "record", "threads"],
    flags: &["xclient"],
};

fn main() -> ExitCode {
    serve::main(&USAGE, run)
}

fn run(arguments: Arguments) -> Result<(), String> {
    let listen: String = arguments.or("listen", "127.0.0.1:0".into())?;
    let sink = Arc::new(Sink {
        record: arguments.optional("record")?,
        xclient: arguments.flag("xclient"),
        connections: AtomicU64::new(0),
        messages: AtomicU64::new(0),
        octets: AtomicU64::new(0),
        broken: AtomicU64::new(0),
    });
    if let Some(folder) = &sink.record {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let runtime = serve::runtime(arguments.or("threads", 1)?).map_err(|error| error.to_string())?;
    let shared = Arc::clone(&sink);
    let serve = serve::serve(&listen, move |stream| {
        let sink = Arc::clone(&shared);
        async move {
            sink.connections.fetch_add(1, Ordering::Relaxed);
            if sink.talk(stream).await.is_err() {
                sink.broken.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    runtime.block_on(serve).map_err(|error| format!("{listen}: {error}"))?;
    serve::say(json!({
        "connections": sink.connections.load(Ordering::Relaxed),
        "messages": sink.messages.load(Ordering::Relaxed),
        "octets": sink.octets.load(Ordering::Relaxed),
        "broken_connections": sink.broken.load(Ordering::Relaxed),
    }))
    .map_err(|error| error.to_string())
}

struct Sink {
    record: Option<PathBuf>,
    xclient: bool,
    connections: AtomicU64,
    /// Messages that came to their end.
    messages: AtomicU64,
    /// Octets of their content on the wire, the end not counted.
    octets: AtomicU64,
    /// Connections that ended otherwise than by QUIT between two messages.
    broken: AtomicU64,
}

impl Sink {
    async fn talk(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut input = Vec::with_capacity(BUFFER);
        let mut output = b"220 sink ESMTP\r\n".to_vec();
        // Of the message that comes in chunks: octets, and what is kept of it.
        let (mut chunked, mut kept) = (0, Vec::new());
        loop {
            let mut used = 0;
            let mut is_content = false;
            let mut chunk = None;
            let mut is_over = false;
            while let Some(length) = memchr(b'\n', input.get(used..).unwrap_or(&[])) {
                let line = &input[used..used + length];
                used += length + 1;
                let verb = line.get(..4).unwrap_or(line).to_ascii_uppercase();
                match verb.as_slice() {
                    b"EHLO" => {
                        output.extend_from_slice(
                            b"250-sink\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-ENHANCEDSTATUSCODES\r\n\
                                250-SIZE 1073741824\r\n",
                        );
                        if self.xclient {
                            output.extend_from_slice(
                                b"250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\r\n",
                            );
                        }
                        output.extend_from_slice(b"250 8BITMIME\r\n");
                    }
                    b"XCLI" if self.xclient => output.extend_from_slice(b"220 sink ESMTP\r\n"),
                    b"DATA" => {
                        output.extend_from_slice(b"354 go on\r\n");
                        is_content = true;
                        break;
                    }
                    b"BDAT" => {
                        chunk = Some(chunk_size(line)?);
                        break;
                    }
                    b"QUIT" => {
                        output.extend_from_slice(b"221 2.0.0 bye\r\n");
                        is_over = true;
                        break;
                    }
                    b"MAIL" => output.extend_from_slice(b"250 2.1.0 ok\r\n"),
                    b"RCPT" => output.extend_from_slice(b"250 2.1.5 ok\r\n"),
                    b"RSET" | b"NOOP" | b"HELO" => output.extend_from_slice(b"250 2.0.0 ok\r\n"),
                    _ => output.extend_from_slice(b"500 5.5.2 unknown\r\n"),
                }
            }
            input.drain(..used);
            if let Some((size, last)) = chunk {
                self.take_chunk(&mut stream, &mut input, size, &mut kept).await?;
                chunked += size as u64;
                if last {
                    self.count(std::mem::take(&mut chunked), std::mem::take(&mut kept)).await?;
                }
                output.extend_from_slice(b"250 2.0.0 taken\r\n");
                if !input.is_empty() {
                    continue;
                }
            }
            stream.write_all(&output).await?;
            output.clear();
            if is_over {
                return Ok(());
            }
            if is_content {
                self.take_content(&mut stream, &mut input).await?;
                output.extend_from_slice(b"250 2.0.0 taken\r\n");
                if !input.is_empty() {
                    continue;
                }
                stream.write_all(&output).await?;
                output.clear();
            }
            if stream.read_buf(&mut input).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads up to the end of data and leaves what is behind it in `input`. Keeps content only to record it.
    async fn take_content(&self, stream: &mut TcpStream, input: &mut Vec<u8>) -> io::Result<()> {
        // The CRLF before the first line is that of DATA.
        let mut window = b"\r\n".to_vec();
        window.append(input);
        let mut kept = Vec::new();
        let mut octets = 0;
        let end = memmem::Finder::new(b"\r\n.\r\n");
        loop {
            if let Some(at) = end.find(&window) {
                input.extend_from_slice(&window[at + 5..]);
                window.truncate(at + 2);
                octets += window.len() as u64;
                break self.keep(&mut kept, &window);
            }
            // An end may begin in the last four octets.
            let settled = window.len().saturating_sub(4);
            self.keep(&mut kept, &window[..settled]);
            octets += settled as u64;
            window.drain(..settled);
            window.reserve(BUFFER);
            if stream.read_buf(&mut window).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let kept = if self.record.is_some() { unstuffed(&kept) } else { kept };
        self.count(octets - 2, kept).await
    }

    /// Reads a chunk of `size` octets and leaves what is behind it in `input`.
    async fn take_chunk(
        &self,
        stream: &mut TcpStream,
        input: &mut Vec<u8>,
        size: usize,
        kept: &mut Vec<u8>,
    ) -> io::Result<()> {
        let mut left = size;
        loop {
            let here = left.min(input.len());
            self.keep(kept, &input[..here]);
            input.drain(..here);
            left -= here;
            if left == 0 {
                return Ok(());
            }
            if stream.read_buf(input).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// A message has come to its end.
    async fn count(&self, octets: u64, content: Vec<u8>) -> io::Result<()> {
        let number = self.messages.fetch_add(1, Ordering::Relaxed);
        self.octets.fetch_add(octets, Ordering::Relaxed);
        match &self.record {
            Some(folder) => tokio::fs::write(folder.join(format!("{number:06}.eml")), content).await,
            None => Ok(()),
        }
    }

    fn keep(&self, kept: &mut Vec<u8>, octets: &[u8]) {
        if self.record.is_some() {
            kept.extend_from_slice(octets);
        }
    }
}

/// The octets of a chunk, and whether it is the last.
fn chunk_size(line: &[u8]) -> io::Result<(usize, bool)> {
    let line = std::str::from_utf8(line).map_err(io::Error::other)?;
    let mut words = line.split_ascii_whitespace().skip(1);
    let size = words.next().unwrap_or_default().parse().map_err(io::Error::other)?;
    Ok((size, words.next().is_some()))
}

/// Content without the CRLF in front and without the dots that were stuffed.
fn unstuffed(wire: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(wire.len());
    let mut from = 0;
    for at in memmem::find_iter(wire, b"\r\n.") {
        content.extend_from_slice(&wire[from..at + 2]);
        from = at + 3;
    }
    content.extend_from_slice(&wire[from..]);
    content.drain(..2);
    content
}

const BUFFER: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::{chunk_size, unstuffed};

    #[test]
    fn chunks_say_how_long_they_are() {
        assert_eq!(chunk_size(b"BDAT 12\r").ok(), Some((12, false)));
        assert_eq!(chunk_size(b"bdat 0 LAST\r").ok(), Some((0, true)));
        assert!(chunk_size(b"BDAT x\r").is_err());
    }

    #[test]
    fn stuffed_dots_go() {
        assert_eq!(unstuffed(b"\r\n"), b"");
        assert_eq!(unstuffed(b"\r\n..\r\n...x\r\n.y\r\nz.\r\n"), b".\r\n..x\r\ny\r\nz.\r\n");
    }
}
