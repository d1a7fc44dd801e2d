//! A backend of a scenario: strict, and on each connection with the faults that its plan has for it.

mod chunks;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::time::sleep;
use turmoil::net::TcpListener;

use self::chunks::Envelope;
use super::wire::Wire;
use super::writing::put;
use super::{Log, Taken, note};
use crate::certificates::{self, Server};
use crate::scenario::{Act, BackendPlan, Step};

/// A backend that is strict, and does to each connection what its plan says.
pub async fn backend(name: &'static str, plan: BackendPlan, log: Log, count: Arc<AtomicUsize>) -> io::Result<()> {
    if turmoil::sim_elapsed().unwrap_or_default() < Duration::from_millis(plan.opens_at) {
        sleep(Duration::from_millis(plan.opens_at)).await;
    }
    let listener = TcpListener::bind("0.0.0.0:25").await?;
    let tls = plan.tls.then(certificates::server);
    loop {
        let (stream, _) = listener.accept().await?;
        let nth = count.fetch_add(1, Ordering::Relaxed);
        let faults = match plan.connections.len() {
            0 => Vec::new(),
            connections => plan.connections[nth % connections].clone(),
        };
        let served = Served {
            name,
            nth,
            faults,
            chunking: plan.chunking,
            codes: plan.codes,
            tls: tls.clone(),
            log: Arc::clone(&log),
            stream: BufReader::new(Wire::clear(stream)),
            logins: plan.logins,
            identity: None,
            login: None,
            chunked: false,
        };
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
    codes: bool,
    /// STARTTLS is offered.
    tls: Option<Server>,
    /// AUTH is offered under TLS.
    logins: bool,
    log: Log,
    stream: BufReader<Wire>,
    /// Who the client is, by XCLIENT.
    identity: Option<String>,
    /// And by AUTH.
    login: Option<String>,
    /// A last chunk has come, and no MAIL since.
    chunked: bool,
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
                    let codes = if self.codes { "250-ENHANCEDSTATUSCODES\r\n" } else { "" };
                    let starttls = if self.offers_tls() { "250-STARTTLS\r\n" } else { "" };
                    let auth = if self.offers_logins() { "250-AUTH PLAIN\r\n" } else { "" };
                    let reply = format!(
                        "250-backend.example\r\n250-PIPELINING\r\n{chunking}{codes}{starttls}{auth}250-SIZE 1000000\r\n\
                         250-8BITMIME\r\n250 XCLIENT NAME ADDR PORT PROTO HELO"
                    );
                    let step = if self.chunked { Step::Confirmation } else { Step::Ehlo };
                    greeted |= self.answer(step, &reply).await?;
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
                    (greeted, self.login) = (false, None);
                    self.say("220 backend.example ESMTP").await?;
                }
                "STARTTLS" if self.offers_tls() => {
                    if self.answer(Step::Starttls, "220 2.0.0 go").await? {
                        self.handshake().await?;
                        (envelope, greeted) = (Envelope::default(), false);
                    }
                }
                "AUTH" if !self.offers_logins() || !greeted || self.login.is_some() || envelope.sender.is_some() => {
                    self.say("503 5.5.1 no AUTH now").await?;
                }
                "AUTH" => {
                    if self.answer(Step::Login, "235 2.7.0 known").await? {
                        self.login = line.trim_end().rsplit(' ').next().map(str::to_owned);
                    }
                }
                "MAIL" if !greeted => self.say("503 5.5.1 EHLO first").await?,
                "MAIL" if envelope.sender.is_some() => self.say("503 5.5.1 nested MAIL").await?,
                "MAIL" => {
                    self.chunked = false;
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
                "QUIT" if self.chunked => {
                    return self.answer(Step::Confirmation, "221 2.0.0 bye").await.map(drop);
                }
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
        Ok(self.message(content, sender, recipients))
    }

    /// A message as it is taken, from whom and under what.
    fn message(&self, content: Vec<u8>, sender: Option<String>, recipients: Vec<String>) -> Taken {
        let (identity, login) = (self.identity.clone(), self.login.clone());
        let (tls, sender) = (self.stream.get_ref().is_tls(), sender.unwrap_or_default());
        Taken { by: self.name, identity, login, tls, content, sender, recipients, reply: None }
    }

    async fn taken(&mut self, taken: Taken) -> io::Result<()> {
        note(&self.log, &format!("{}{} <", self.name, self.nth), &String::from_utf8_lossy(&taken.content));
        let refuses =
            matches!(self.fault(Step::Dot), Some(Act::Temporary | Act::Permanent | Act::Unknown | Act::Closing));
        let mut reply = String::new();
        if !refuses {
            let mut log = self.log.lock().unwrap();
            reply = format!("250 2.0.0 queued as {}", log.taken.len());
            log.taken.push(Taken { reply: Some(format!("{reply}\r\n")), ..taken });
        }
        self.answer(Step::Dot, &reply).await.map(drop)
    }

    fn offers_tls(&self) -> bool {
        self.tls.is_some() && !self.stream.get_ref().is_tls()
    }

    fn offers_logins(&self) -> bool {
        self.logins && self.stream.get_ref().is_tls()
    }

    /// The handshake, or what the plan has in its place.
    async fn handshake(&mut self) -> io::Result<()> {
        match self.fault(Step::Handshake) {
            None => {}
            Some(Act::Hang) => return self.hang().await,
            Some(Act::Drop | Act::Closing) => return Err(io::ErrorKind::ConnectionAborted.into()),
            Some(_) => {
                self.say("454 4.7.0 not this time").await?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
        }
        let tls = self.tls.clone().ok_or(io::ErrorKind::Unsupported)?;
        if !self.stream.buffer().is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it did not wait for the 220"));
        }
        let clear = std::mem::replace(self.stream.get_mut(), Wire::Gone);
        *self.stream.get_mut() = clear.accept(tls).await?;
        note(&self.log, &format!("{}{}", self.name, self.nth), "(TLS)");
        Ok(())
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
            Some(Act::Unknown) => return self.say("502 5.5.1 what?").await.map(|()| false),
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
