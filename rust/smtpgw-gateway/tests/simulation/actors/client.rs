//! A client of a scenario: it does what its plan says, and hears every reply to it.

mod chunks;
mod introduction;
mod starttls;

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::sleep;
use turmoil::net::TcpStream;

use super::wire::Wire;
use super::writing::put;
use super::{Log, Sent, note};
use crate::certificates::Client;
use crate::scenario::{ClientPlan, Introduction, Leave, MessagePlan};

struct Caller {
    number: usize,
    plan: ClientPlan,
    log: Log,
    stream: BufReader<Wire>,
    written: usize,
    /// The credentials that the backend knows it by.
    login: Option<&'static str>,
    /// It has stopped, and still listens.
    listens: bool,
    /// It has stopped within its handshake: what it hears are records, and no line in them is a reply.
    hears_records: bool,
}

/// One client's whole connection. An error is a client that was cut off or left: the log says how far it came.
pub async fn client(number: usize, plan: ClientPlan, tls: Option<Client>, log: Log) -> io::Result<()> {
    sleep(Duration::from_millis(plan.at)).await;
    // A host that is down answers nothing at all.
    let connect = tokio::time::timeout(Duration::from_millis(500), TcpStream::connect(plan.door()));
    let stream = BufReader::new(Wire::clear(connect.await.map_err(|_| io::ErrorKind::TimedOut)??));
    let (login, listens, hears_records) = (None, false, false);
    let mut caller = Caller { number, plan, log, stream, written: 0, login, listens, hears_records };
    let result = caller.converse(tls).await;
    if result.is_err() && caller.listens {
        // It still listens, until the gateway has had enough of it.
        let until = caller.plan.patience;
        let _ = tokio::time::timeout(until, caller.listen()).await;
    }
    note(&caller.log, &format!("c{number}"), "(ends)");
    result
}

impl Caller {
    async fn converse(&mut self, tls: Option<Client>) -> io::Result<()> {
        self.header().await?;
        self.begin(tls).await?;
        self.xclient().await?;
        self.log_in().await?;
        let messages = self.plan.messages.clone();
        let mut ahead = false;
        for (nth, message) in messages.iter().enumerate() {
            if !self.envelope(nth, message, ahead).await? {
                ahead = false;
                // Without DATA the transaction has not ended.
                if self.plan.resets || self.plan.chunks.is_some() {
                    self.reset().await?;
                }
                continue;
            }
            if let Some(size) = self.plan.chunks {
                ahead = false;
                self.in_chunks(nth, message, size).await?;
                continue;
            }
            let sender = self.sender(nth);
            self.say(&stuffed(&message.content)).await?;
            let whole = self.plan.leaves.is_none_or(|(after, _)| self.written + 3 <= after);
            self.update(&sender, |sent| sent.ended = whole);
            self.say(b".\r\n").await?;
            let next = messages.get(nth + 1).filter(|next| self.plan.pipelined && !next.reset);
            ahead = next.is_some();
            if let Some(next) = next {
                self.say(&self.group(nth + 1, next)).await?;
            }
            let reply = self.hear("dot").await?;
            self.update(&sender, |sent| sent.reply = Some(reply));
        }
        self.say(b"QUIT\r\n").await?;
        self.hear("QUIT").await?;
        Ok(())
    }

    async fn reset(&mut self) -> io::Result<()> {
        self.say(b"RSET\r\n").await?;
        self.hear("RSET").await.map(drop)
    }

    /// MAIL to DATA; whether content may follow.
    async fn envelope(&mut self, nth: usize, message: &MessagePlan, ahead: bool) -> io::Result<bool> {
        let group = self.group(nth, message);
        let lines: Vec<&[u8]> = group.split_inclusive(|octet| *octet == b'\n').collect();
        let sent = Sent {
            client: self.number,
            from: self.client()?,
            login: self.login,
            content: message.content.clone(),
            tls: self.stream.get_ref().is_tls() && self.plan.introduction != Some(Introduction::Xclient),
            sender: self.sender(nth),
            recipients: Vec::new(),
            ended: false,
            reply: None,
        };
        self.log.lock().unwrap().sent.push(sent);
        if self.plan.pipelined && !ahead {
            self.say(&group).await?;
        }
        let mut last = String::new();
        for line in lines {
            if !self.plan.pipelined {
                self.say(line).await?;
            }
            let command = String::from_utf8_lossy(line).trim_end().to_owned();
            last = self.hear(&command).await?;
            if let Some(recipient) = command.strip_prefix("RCPT TO:")
                && last.starts_with('2')
            {
                self.update(&self.sender(nth), |sent| sent.recipients.push(recipient.to_owned()));
            }
        }
        if self.plan.chunks.is_none() || message.reset {
            return Ok(last.starts_with("354"));
        }
        let log = self.log.lock().unwrap();
        Ok(log.sent.iter().any(|sent| sent.sender == self.sender(nth) && !sent.recipients.is_empty()))
    }

    fn update(&self, sender: &str, change: impl FnOnce(&mut Sent)) {
        let mut log = self.log.lock().unwrap();
        change(log.sent.iter_mut().find(|sent| sent.sender == sender).unwrap());
    }

    fn sender(&self, nth: usize) -> String {
        format!("<c{}m{nth}@client.example>", self.number)
    }

    fn group(&self, nth: usize, message: &MessagePlan) -> Vec<u8> {
        let size = message.size.map_or_else(String::new, |size| format!(" SIZE={size}"));
        let mut group = format!("MAIL FROM:{}{size}\r\n", self.sender(nth));
        for recipient in 0..message.recipients {
            let domain = message.domains[recipient % message.domains.len()];
            group += &format!("RCPT TO:<c{}m{nth}r{recipient}@{domain}>\r\n", self.number);
        }
        group += match self.plan.chunks {
            _ if message.reset => "RSET\r\n",
            None => "DATA\r\n",
            Some(_) => "",
        };
        group.into_bytes()
    }

    async fn say(&mut self, octets: &[u8]) -> io::Result<()> {
        note(&self.log, &format!("c{} >", self.number), &String::from_utf8_lossy(octets));
        for piece in octets.chunks(self.plan.piece) {
            let most = self.plan.leaves.map_or(usize::MAX, |(after, _)| after - self.written);
            let piece = &piece[..piece.len().min(most)];
            put(self.stream.get_mut(), piece, &self.log).await?;
            self.written += piece.len();
            if let Some((after, how)) = self.plan.leaves
                && self.written == after
            {
                return self.leave(how).await;
            }
            if !self.plan.rest.is_zero() {
                sleep(self.plan.rest).await;
            }
        }
        Ok(())
    }

    async fn listen(&mut self) -> io::Result<()> {
        if self.hears_records {
            tokio::io::copy(&mut self.stream, &mut tokio::io::sink()).await?;
            return Ok(());
        }
        loop {
            self.hear("(nothing)").await?;
        }
    }

    async fn leave(&mut self, how: Leave) -> io::Result<()> {
        note(&self.log, &format!("c{}", self.number), &format!("{how:?}"));
        self.listens = how != Leave::Close;
        if how == Leave::HalfClose {
            let truncates = self.plan.tls.is_some_and(|tls| tls.truncates);
            self.stream.get_mut().half_close(truncates).await?;
        }
        Err(io::Error::other("leaves"))
    }

    async fn hear(&mut self, to: &str) -> io::Result<String> {
        let reply = read_reply(&mut self.stream).await;
        let shown = reply.as_ref().map_or_else(ToString::to_string, Clone::clone);
        note(&self.log, &format!("c{} <", self.number), &shown);
        let reply = reply?;
        self.log.lock().unwrap().heard.push((self.number, to.to_owned(), reply.clone()));
        Ok(reply)
    }
}

async fn read_reply(stream: &mut BufReader<Wire>) -> io::Result<String> {
    let mut reply = String::new();
    loop {
        let begin = reply.len();
        if stream.read_line(&mut reply).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if reply.as_bytes().get(begin + 3) != Some(&b'-') {
            return Ok(reply);
        }
    }
}

/// RFC 5321 §4.5.2: a line begins behind CRLF and behind nothing else.
fn stuffed(content: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(content.len());
    for octet in content {
        if *octet == b'.' && (octets.is_empty() || octets.ends_with(b"\r\n")) {
            octets.push(b'.');
        }
        octets.push(*octet);
    }
    octets
}
