//! The two ends of the simulated world: a client and a backend that each write down what they saw, and nothing else
//! they could not know.

use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use turmoil::net::{TcpListener, TcpStream};

/// What the client and the backend saw in one run.
#[derive(Debug, Default)]
pub struct Seen {
    /// The client's replies, in order: what it said, what it heard.
    pub replies: Vec<(String, String)>,
    /// Messages whose end the client sent, by number.
    pub ended: Vec<usize>,
    /// Messages for which the client heard 2yz at their end.
    pub acknowledged: Vec<usize>,
    /// Contents that the backend took, stuffing undone, in order.
    pub taken: Vec<Vec<u8>>,
    /// The same with the gateway's `Received` field on top.
    pub raw: Vec<Vec<u8>>,
    /// How many of them it answered with 2yz (all that it could still write).
    pub accepted: usize,
}

pub type Log = Arc<Mutex<Seen>>;

/// What the client sends, message by message.
pub fn contents() -> Vec<Vec<u8>> {
    let small = b"Subject: one\r\n\r\n.dot at first\r\n..two\r\nbody\r\n".to_vec();
    let mut large = b"Subject: two\r\nContent-Type: text/plain\r\n\r\n".to_vec();
    for line in 0..400 {
        large.extend_from_slice(
            format!("line {line} of a longer message, so that it takes several reads\r\n").as_bytes(),
        );
    }
    vec![small, large]
}

/// Sends two messages and leaves. Any error ends it: the log says how far it came.
pub async fn client(log: Log, pipelined: bool) -> io::Result<()> {
    let mut stream = BufReader::new(TcpStream::connect("gateway:25").await?);
    hear(&mut stream, &log, "connect").await?;
    say(&mut stream, &log, "EHLO client.example").await?;
    for (number, content) in contents().iter().enumerate() {
        if pipelined && number == 1 {
            chunked(&mut stream, &log, number, content).await?;
            continue;
        }
        if pipelined {
            let all = "MAIL FROM:<a@client.example>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n";
            stream.get_mut().write_all(all.as_bytes()).await?;
            for command in ["MAIL", "RCPT", "DATA"] {
                hear(&mut stream, &log, command).await?;
            }
        } else {
            say(&mut stream, &log, "MAIL FROM:<a@client.example>").await?;
            say(&mut stream, &log, "RCPT TO:<b@example.org>").await?;
            say(&mut stream, &log, "DATA").await?;
        }
        if !last(&log).starts_with("354") {
            continue;
        }
        let mut stuffed = Vec::new();
        for line in content.split_inclusive(|octet| *octet == b'\n') {
            if line.starts_with(b".") {
                stuffed.push(b'.');
            }
            stuffed.extend_from_slice(line);
        }
        for piece in stuffed.chunks(5_000) {
            stream.get_mut().write_all(piece).await?;
        }
        log.lock().unwrap().ended.push(number);
        stream.get_mut().write_all(b".\r\n").await?;
        hear(&mut stream, &log, "end of data").await?;
        if last(&log).starts_with('2') {
            log.lock().unwrap().acknowledged.push(number);
        }
    }
    say(&mut stream, &log, "QUIT").await
}

/// A message in chunks (RFC 3030), which is told to be whole by the last of them.
async fn chunked(stream: &mut BufReader<TcpStream>, log: &Log, number: usize, content: &[u8]) -> io::Result<()> {
    say(stream, log, "MAIL FROM:<a@client.example>").await?;
    say(stream, log, "RCPT TO:<b@example.org>").await?;
    if !last(log).starts_with('2') {
        return Ok(());
    }
    for chunk in content.chunks(5_001) {
        let command = format!("BDAT {}\r\n", chunk.len());
        stream.get_mut().write_all(&[command.as_bytes(), chunk].concat()).await?;
        hear(stream, log, "BDAT").await?;
        if !last(log).starts_with('2') {
            return Ok(());
        }
    }
    log.lock().unwrap().ended.push(number);
    stream.get_mut().write_all(b"BDAT 0 LAST\r\n").await?;
    hear(stream, log, "end of data").await?;
    if last(log).starts_with('2') {
        log.lock().unwrap().acknowledged.push(number);
    }
    Ok(())
}

fn last(log: &Log) -> String {
    log.lock().unwrap().replies.last().map_or_else(String::new, |(_, reply)| reply.clone())
}

async fn say(stream: &mut BufReader<TcpStream>, log: &Log, command: &str) -> io::Result<()> {
    stream.get_mut().write_all(format!("{command}\r\n").as_bytes()).await?;
    hear(stream, log, command).await
}

async fn hear(stream: &mut BufReader<TcpStream>, log: &Log, command: &str) -> io::Result<()> {
    let mut reply = String::new();
    loop {
        let begin = reply.len();
        stream.read_line(&mut reply).await?;
        if !reply.ends_with("\r\n") || reply.len() == begin {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if reply.as_bytes().get(begin + 3) != Some(&b'-') {
            log.lock().unwrap().replies.push((command.to_owned(), reply));
            return Ok(());
        }
    }
}

/// A backend that takes everything and is strict about it.
pub async fn backend(log: Log) -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:25").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let log = Arc::clone(&log);
        tokio::spawn(async move { serve(BufReader::new(stream), log).await });
    }
}

async fn serve(mut stream: BufReader<TcpStream>, log: Log) -> io::Result<()> {
    stream.get_mut().write_all(b"220 backend.example ESMTP\r\n").await?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let reply = match line.split([' ', ':', '\r']).next().unwrap_or_default() {
            "EHLO" => "250-backend.example\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250 8BITMIME\r\n",
            "MAIL" => "250 2.1.0 backend sender\r\n",
            "RCPT" => "250 2.1.5 backend recipient\r\n",
            "RSET" | "NOOP" => "250 2.0.0 backend ok\r\n",
            "QUIT" => {
                stream.get_mut().write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            "DATA" => {
                stream.get_mut().write_all(b"354 backend go\r\n").await?;
                let content = content(&mut stream).await?;
                let sent = without_received(&content).ok_or(io::ErrorKind::InvalidData)?.to_vec();
                log.lock().unwrap().raw.push(content);
                log.lock().unwrap().taken.push(sent);
                stream.get_mut().write_all(b"250 2.0.0 backend queued\r\n").await?;
                log.lock().unwrap().accepted += 1;
                continue;
            }
            _ => "500 5.5.1 what?\r\n",
        };
        stream.get_mut().write_all(reply.as_bytes()).await?;
    }
}

/// Content up to its end, stuffing undone. An end of stream before it is an error: nothing was taken.
async fn content(stream: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut raw = Vec::new();
    while !raw.ends_with(b"\r\n.\r\n") && raw != b".\r\n" {
        let octet = stream.read_u8().await?;
        raw.push(octet);
    }
    raw.truncate(raw.len() - 3);
    let lines = raw.split_inclusive(|octet| *octet == b'\n');
    Ok(lines.flat_map(|line| line.strip_prefix(b".").unwrap_or(line)).copied().collect())
}

/// Content as the client sent it, below the one `Received` field that the gateway puts on top.
fn without_received(content: &[u8]) -> Option<&[u8]> {
    let mut rest = content.strip_prefix(b"Received: from ".as_slice())?;
    loop {
        let end = rest.iter().position(|octet| *octet == b'\n')?;
        rest = rest.get(end + 1..)?;
        if rest.first() != Some(&b' ') {
            return Some(rest);
        }
    }
}
