//! The clients and the backend of a scenario. Each writes down what it did and saw, and nothing else it
//! could not know.

mod chunks;
mod writing;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::time::sleep;
use turmoil::net::{TcpListener, TcpStream};

use self::chunks::Envelope;
use self::writing::put;
use crate::scenario::{Act, BackendPlan, ClientPlan, Leave, MessagePlan, Step};

/// What was done and seen in a run.
#[derive(Debug, Default)]
pub struct Witnessed {
    pub sent: Vec<Sent>,
    pub taken: Vec<Taken>,
    /// What each client heard: its number, what it had said, the reply.
    pub heard: Vec<(usize, String, String)>,
    /// Connections to the backend that have not ended.
    pub backend_open: usize,
    pub clients_open: usize,
    /// The gateway holds no connection, or has ended.
    pub gateway_at_rest: bool,
    /// Everything with its time, for people.
    pub transcript: Vec<String>,
}

/// A message a client tried to send.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its client's address and port.
    pub from: String,
    pub content: Vec<u8>,
    pub sender: String,
    /// Recipients for which the client heard 2yz.
    pub recipients: Vec<String>,
    /// Its dot may have gone out whole.
    pub ended: bool,
    pub reply: Option<String>,
}

/// A message the backend took.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Which backend.
    pub by: &'static str,
    /// The client's address and port as the backend was told.
    pub identity: Option<String>,
    pub content: Vec<u8>,
    pub sender: String,
    pub recipients: Vec<String>,
    /// What it answered, once it began to.
    pub reply: Option<String>,
}

pub type Log = Arc<Mutex<Witnessed>>;

fn note(log: &Log, who: &str, what: &str) {
    let at = turmoil::sim_elapsed().unwrap_or_default().as_millis();
    log.lock().unwrap().transcript.push(format!("{at:>6} {who}: {}", what.escape_debug()));
}

struct Caller {
    number: usize,
    plan: ClientPlan,
    log: Log,
    stream: BufReader<TcpStream>,
    written: usize,
}

/// One client's whole connection. An error is a client that was cut off or left: the log says how far it came.
pub async fn client(number: usize, plan: ClientPlan, log: Log) -> io::Result<()> {
    sleep(Duration::from_millis(plan.at)).await;
    // A host that is down answers nothing at all.
    let connect = tokio::time::timeout(Duration::from_millis(500), TcpStream::connect("gateway:25"));
    let stream = BufReader::new(connect.await.map_err(|_| io::ErrorKind::TimedOut)??);
    let mut caller = Caller { number, plan, log, stream, written: 0 };
    let result = caller.converse().await;
    if result.is_err() && caller.plan.leaves.is_some_and(|(_, how)| how != Leave::Close) {
        // It still listens, until the gateway has had enough of it.
        let until = caller.plan.patience;
        let _ = tokio::time::timeout(until, async { while caller.hear("(nothing)").await.is_ok() {} }).await;
    }
    note(&caller.log, &format!("c{number}"), "(ends)");
    result
}

impl Caller {
    async fn converse(&mut self) -> io::Result<()> {
        self.hear("connect").await?;
        self.say(b"EHLO client.example\r\n").await?;
        self.hear("EHLO").await?;
        let messages = self.plan.messages.clone();
        let mut ahead = false;
        for (nth, message) in messages.iter().enumerate() {
            if !self.envelope(nth, message, ahead).await? {
                ahead = false;
                if self.plan.resets {
                    self.say(b"RSET\r\n").await?;
                    self.hear("RSET").await?;
                }
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

    /// MAIL to DATA; whether content may follow.
    async fn envelope(&mut self, nth: usize, message: &MessagePlan, ahead: bool) -> io::Result<bool> {
        let group = self.group(nth, message);
        let lines: Vec<&[u8]> = group.split_inclusive(|octet| *octet == b'\n').collect();
        let sent = Sent {
            from: self.stream.get_ref().local_addr()?.to_string(),
            content: message.content.clone(),
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
        Ok(last.starts_with("354"))
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
        group += if message.reset { "RSET\r\n" } else { "DATA\r\n" };
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
                note(&self.log, &format!("c{}", self.number), &format!("{how:?}"));
                if how == Leave::HalfClose {
                    self.stream.get_mut().shutdown().await?;
                }
                return Err(io::Error::other("leaves"));
            }
            if !self.plan.rest.is_zero() {
                sleep(self.plan.rest).await;
            }
        }
        Ok(())
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

async fn read_reply(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
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

fn stuffed(content: &[u8]) -> Vec<u8> {
    let lines = content.split_inclusive(|octet| *octet == b'\n');
    lines.flat_map(|line| [if line.starts_with(b".") { &b"."[..] } else { b"" }, line].concat()).collect()
}

/// A backend that is strict, and does to each connection what its plan says.
pub async fn backend(name: &'static str, plan: BackendPlan, log: Log, count: Arc<AtomicUsize>) -> io::Result<()> {
    if turmoil::sim_elapsed().unwrap_or_default() < Duration::from_millis(plan.opens_at) {
        sleep(Duration::from_millis(plan.opens_at)).await;
    }
    let listener = TcpListener::bind("0.0.0.0:25").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let nth = count.fetch_add(1, Ordering::Relaxed);
        let faults = match plan.connections.len() {
            0 => Vec::new(),
            connections => plan.connections[nth % connections].clone(),
        };
        let (chunking, log, stream) = (plan.chunking, Arc::clone(&log), BufReader::new(stream));
        let served = Served { name, nth, faults, chunking, log, stream, identity: None };
        tokio::spawn(async move { served.run().await });
    }
}

/// Counts a connection as open; a host that dies ends it as well.
struct Open(Log);

impl Drop for Open {
    fn drop(&mut self) {
        let mut log = self.0.lock().unwrap();
        log.backend_open = log.backend_open.saturating_sub(1);
    }
}

struct Served {
    name: &'static str,
    nth: usize,
    faults: Vec<(Step, Act)>,
    chunking: bool,
    log: Log,
    stream: BufReader<TcpStream>,
    /// Who the client is, by XCLIENT.
    identity: Option<String>,
}

impl Served {
    async fn run(mut self) {
        self.log.lock().unwrap().backend_open += 1;
        let open = Open(Arc::clone(&self.log));
        let result = self.serve().await;
        note(&self.log, &format!("{}{}", self.name, self.nth), &format!("(ends: {result:?})"));
        drop(open);
    }

    async fn serve(&mut self) -> io::Result<()> {
        self.answer(Step::Greeting, "220 backend.example ESMTP").await?;
        let (mut envelope, mut greeted) = (Envelope::default(), false);
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            note(&self.log, &format!("{}{} <", self.name, self.nth), &line);
            let path = line.trim_end().split_once(':').map_or("", |(_, path)| path);
            let path = path.split(' ').next().unwrap_or_default().to_owned();
            match line.split([' ', ':', '\r']).next().unwrap_or_default() {
                "EHLO" => {
                    envelope = Envelope::default();
                    let chunking = if self.chunking { "250-CHUNKING\r\n" } else { "" };
                    let reply = format!(
                        "250-backend.example\r\n250-PIPELINING\r\n{chunking}250-SIZE 1000000\r\n250-8BITMIME\r\n\
                         250 XCLIENT NAME ADDR PORT PROTO HELO"
                    );
                    greeted |= self.answer(Step::Ehlo, &reply).await?;
                }
                "XCLIENT" if envelope.sender.is_some() => self.say("503 5.5.1 in a transaction").await?,
                "XCLIENT" => {
                    // What is not said again stays as it was, and then the session begins anew.
                    let said = |name: &str| {
                        let words = line.split_whitespace();
                        words.filter_map(|word| word.strip_prefix(name)).next().map(str::to_owned)
                    };
                    if let (Some(address), Some(port)) = (said("ADDR="), said("PORT=")) {
                        self.identity = Some(format!("{address}:{port}"));
                    }
                    greeted = false;
                    self.say("220 backend.example ESMTP").await?;
                }
                "MAIL" if !greeted => self.say("503 5.5.1 EHLO first").await?,
                "MAIL" if envelope.sender.is_some() => self.say("503 5.5.1 nested MAIL").await?,
                "MAIL" => {
                    if self.answer(Step::Mail, &format!("250 2.1.0 {path} ok")).await? {
                        envelope.sender = Some(path);
                    }
                }
                "RCPT" | "DATA" if envelope.is_chunked() => self.say("503 5.5.1 in chunks").await?,
                "RCPT" => {
                    if self.answer(Step::Recipient, &format!("250 2.1.5 {path} ok")).await? {
                        envelope.recipients.push(path);
                    }
                }
                "DATA" => {
                    if self.answer(Step::Data, "354 go").await? {
                        let Envelope { sender, recipients, .. } = std::mem::take(&mut envelope);
                        let taken = self.content(sender, recipients).await?;
                        self.taken(taken).await?;
                    }
                }
                "BDAT" if self.chunking => self.chunk(&line, &mut envelope).await?,
                "RSET" => {
                    envelope = Envelope::default();
                    self.answer(Step::Reset, "250 2.0.0 forgotten").await?;
                }
                "NOOP" => self.say("250 2.0.0 ok").await?,
                "QUIT" => return self.say("221 2.0.0 bye").await,
                _ => self.say("500 5.5.1 what?").await?,
            }
        }
    }

    async fn content(&mut self, sender: Option<String>, recipients: Vec<String>) -> io::Result<Taken> {
        let mut raw = b"\r\n".to_vec();
        let fault = self.fault(Step::Content);
        while !raw.ends_with(b"\r\n.\r\n") {
            let octet = self.stream.read_u8().await?;
            raw.push(octet);
            match fault {
                Some(Act::Drop | Act::Closing) if raw.len() > 40 => return Err(io::ErrorKind::BrokenPipe.into()),
                Some(Act::Hang) if raw.len() > 40 => return self.hang().await,
                Some(Act::Temporary | Act::Permanent) if raw.len() > 40 => return self.give_up().await,
                _ => {}
            }
        }
        let lines = raw[2..raw.len() - 3].split_inclusive(|octet| *octet == b'\n');
        let content = lines.flat_map(|line| line.strip_prefix(b".").unwrap_or(line)).copied().collect();
        let (by, identity) = (self.name, self.identity.clone());
        Ok(Taken { by, identity, content, sender: sender.unwrap_or_default(), recipients, reply: None })
    }

    async fn taken(&mut self, taken: Taken) -> io::Result<()> {
        note(&self.log, &format!("{}{} <", self.name, self.nth), &String::from_utf8_lossy(&taken.content));
        let refuses = matches!(self.fault(Step::Dot), Some(Act::Temporary | Act::Permanent | Act::Closing));
        let mut reply = String::new();
        if !refuses {
            let mut log = self.log.lock().unwrap();
            reply = format!("250 2.0.0 queued as {}", log.taken.len());
            log.taken.push(Taken { reply: Some(format!("{reply}\r\n")), ..taken });
        }
        self.answer(Step::Dot, &reply).await.map(drop)
    }

    fn fault(&self, step: Step) -> Option<Act> {
        self.faults.iter().find(|(at, _)| *at == step).map(|(_, act)| *act)
    }

    /// Answers as the plan says; whether it was the right reply.
    async fn answer(&mut self, step: Step, right: &str) -> io::Result<bool> {
        match self.fault(step) {
            None => self.say(right).await?,
            Some(Act::Temporary) => return self.say("451 4.3.0 not now").await.map(|()| false),
            Some(Act::Permanent) => return self.say("550 5.7.1 never").await.map(|()| false),
            Some(Act::Closing) => {
                self.say("421 4.3.2 closing").await?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Some(Act::Drop) => return Err(io::ErrorKind::ConnectionAborted.into()),
            Some(Act::Hang) => return self.hang().await,
            Some(Act::Drip(milliseconds)) => {
                note(&self.log, &format!("{}{} > (drips)", self.name, self.nth), right);
                for octet in format!("{right}\r\n").bytes() {
                    put(self.stream.get_mut(), &[octet], &self.log).await?;
                    sleep(Duration::from_millis(milliseconds)).await;
                }
            }
            Some(Act::Late(milliseconds)) => {
                sleep(Duration::from_millis(milliseconds)).await;
                self.say(right).await?;
            }
            Some(Act::Twice) => self.say(&format!("{right}\r\n{right}")).await?,
            Some(Act::TwiceLate(milliseconds)) => {
                self.say(right).await?;
                sleep(Duration::from_millis(milliseconds)).await;
                self.say(right).await?;
            }
        }
        Ok(true)
    }

    async fn say(&mut self, reply: &str) -> io::Result<()> {
        note(&self.log, &format!("{}{} >", self.name, self.nth), reply);
        put(self.stream.get_mut(), format!("{reply}\r\n").as_bytes(), &self.log).await
    }

    /// Says in mid-content that it has had enough, and closes.
    async fn give_up<T>(&mut self) -> io::Result<T> {
        self.say("452 4.3.1 full").await?;
        Err(io::ErrorKind::StorageFull.into())
    }

    /// Reads on, says nothing, until the other end has gone.
    async fn hang<T>(&mut self) -> io::Result<T> {
        note(&self.log, &format!("b{}", self.nth), "(hangs)");
        while self.stream.read_u8().await.is_ok() {}
        Err(io::ErrorKind::TimedOut.into())
    }
}
