//! Connections that send messages until all are sent or the time is over.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use serde_json::Value;
use smtpgw_bench::dialogue::Dialogue;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::plan::Plan;
use crate::tally::Tally;

/// Sends everything the plan says.
pub(crate) async fn run(plan: Plan) -> Value {
    let plan = Arc::new(plan);
    if plan.warm_up > 0 {
        send(&plan, plan.warm_up, None).await;
    }
    let begin = Instant::now();
    let tally = send(&plan, plan.messages, plan.rate).await;
    tally.summary(begin.elapsed())
}

async fn send(plan: &Arc<Plan>, messages: u64, rate: Option<f64>) -> Tally {
    let work = Arc::new(Work { left: AtomicU64::new(messages), end: Instant::now() + plan.time });
    let mut tasks = JoinSet::new();
    match rate {
        None => {
            for _ in 0..plan.connections {
                let (plan, work) = (Arc::clone(plan), Arc::clone(&work));
                tasks.spawn(async move {
                    let mut tally = Tally::default();
                    while work.is_left() {
                        connection(&plan, &work, &mut tally).await;
                    }
                    tally
                });
            }
        }
        Some(rate) => {
            let places = Arc::new(Semaphore::new(plan.connections));
            let mut interval = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
            interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
            for _ in 0..messages.div_ceil(plan.per_connection) {
                interval.tick().await;
                if !work.is_left() {
                    break;
                }
                let (plan, work, places) = (Arc::clone(plan), Arc::clone(&work), Arc::clone(&places));
                tasks.spawn(async move {
                    let mut tally = Tally::default();
                    match places.try_acquire() {
                        Ok(_place) => connection(&plan, &work, &mut tally).await,
                        Err(_) => tally.failure("no_place"),
                    }
                    tally
                });
            }
        }
    }
    let mut total = Tally::default();
    while let Some(finished) = tasks.join_next().await {
        match finished {
            Ok(tally) => total.merge(tally),
            Err(_) => total.failure("task"),
        }
    }
    total
}

/// What is still to be sent.
struct Work {
    left: AtomicU64,
    end: Instant,
}

impl Work {
    fn is_left(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0 && Instant::now() < self.end
    }

    /// The number of a message to send, if there is one left.
    fn take(&self) -> Option<u64> {
        if Instant::now() >= self.end {
            return None;
        }
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).ok()
    }
}

/// One connection, from connect to QUIT.
async fn connection(plan: &Plan, work: &Work, tally: &mut Tally) {
    tally.connections += 1;
    match open(plan, tally).await {
        Ok(Opened::Clear(mut dialogue)) => messages(plan, work, &mut dialogue, tally).await,
        Ok(Opened::Tls(mut dialogue)) => messages(plan, work, &mut dialogue, tally).await,
        Err(failure) => {
            tally.failure(failure);
            // A target that refuses must not be knocked at in a busy loop.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A connection that is ready for MAIL.
pub(crate) enum Opened {
    Clear(Dialogue<TcpStream>),
    Tls(Box<Dialogue<TlsStream<TcpStream>>>),
}

/// Connects, reads the greeting, says EHLO, and does the handshake if there is to be one.
pub(crate) async fn open(plan: &Plan, tally: &mut Tally) -> Result<Opened, &'static str> {
    let begin = Instant::now();
    let connect = timeout(plan.patience, TcpStream::connect(&plan.target)).await;
    let stream = connect.map_err(|_| "connect")?.map_err(|_| "connect")?;
    stream.set_nodelay(true).map_err(|_| "connect")?;
    let mut dialogue = Dialogue::new(stream);
    expect(plan, &mut dialogue, tally, 220, "greeting").await?;
    tally.greeting.add(begin.elapsed());
    command(plan, &mut dialogue, tally, EHLO, 250, "ehlo").await?;
    let Some(tls) = &plan.tls else { return Ok(Opened::Clear(dialogue)) };
    command(plan, &mut dialogue, tally, b"STARTTLS\r\n", 220, "starttls").await?;
    let stream = dialogue.into_stream().map_err(|_| "starttls")?;
    let name = ServerName::try_from("load.example.net").map_err(|_| "tls")?;
    let begin = Instant::now();
    let stream = timeout(plan.patience, tls.connect(name, stream)).await.map_err(|_| "timeout")?.map_err(|_| "tls")?;
    tally.handshake.add(begin.elapsed());
    let mut dialogue = Box::new(Dialogue::new(stream));
    command(plan, &mut dialogue, tally, EHLO, 250, "ehlo").await?;
    Ok(Opened::Tls(dialogue))
}

/// Sends this connection's messages and QUIT.
async fn messages<S: AsyncRead + AsyncWrite + Unpin>(
    plan: &Plan,
    work: &Work,
    dialogue: &mut Dialogue<S>,
    tally: &mut Tally,
) {
    for _ in 0..plan.per_connection {
        let Some(number) = work.take() else { break };
        if let Err(failure) = message(plan, number, dialogue, tally).await {
            // What comes after a failure cannot be told from what belongs to it: a new connection is clean.
            return tally.failure(failure);
        }
    }
    if let Err(failure) = command(plan, dialogue, tally, b"QUIT\r\n", 221, "quit").await {
        tally.failure(failure);
    }
}

async fn message<S: AsyncRead + AsyncWrite + Unpin>(
    plan: &Plan,
    number: u64,
    dialogue: &mut Dialogue<S>,
    tally: &mut Tally,
) -> Result<(), &'static str> {
    if plan.pipelining {
        // RFC 2920 §3.1: DATA may be the last of a group.
        let group = [plan.mail.as_slice(), &plan.recipient, b"DATA\r\n"].concat();
        dialogue.send(&group).await.map_err(kind)?;
        expect(plan, dialogue, tally, 250, "mail").await?;
        expect(plan, dialogue, tally, 250, "rcpt").await?;
    } else {
        command(plan, dialogue, tally, &plan.mail, 250, "mail").await?;
        command(plan, dialogue, tally, &plan.recipient, 250, "rcpt").await?;
        dialogue.send(b"DATA\r\n").await.map_err(kind)?;
    }
    expect(plan, dialogue, tally, 354, "data").await?;
    let content = plan.content(number);
    timeout(plan.patience, dialogue.send(content)).await.map_err(|_| "timeout")?.map_err(kind)?;
    let begin = Instant::now();
    let reply = timeout(plan.patience, dialogue.reply()).await.map_err(|_| "timeout")?.map_err(kind)?;
    tally.reply(reply);
    tally.end_of_data.add(begin.elapsed());
    match reply {
        250 => {
            tally.messages += 1;
            tally.octets += content.len() as u64;
            Ok(())
        }
        421 => Err("shut_down"),
        // A message that is refused is one that was answered; the next one may be taken.
        _ => {
            tally.failure("refused");
            Ok(())
        }
    }
}

async fn command<S: AsyncRead + AsyncWrite + Unpin>(
    plan: &Plan,
    dialogue: &mut Dialogue<S>,
    tally: &mut Tally,
    octets: &[u8],
    code: u16,
    stage: &'static str,
) -> Result<(), &'static str> {
    dialogue.send(octets).await.map_err(kind)?;
    expect(plan, dialogue, tally, code, stage).await
}

/// Reads one reply; any other code than the expected one is a failure of this stage.
async fn expect<S: AsyncRead + AsyncWrite + Unpin>(
    plan: &Plan,
    dialogue: &mut Dialogue<S>,
    tally: &mut Tally,
    code: u16,
    stage: &'static str,
) -> Result<(), &'static str> {
    let reply = timeout(plan.patience, dialogue.reply()).await.map_err(|_| "timeout")?.map_err(kind)?;
    tally.reply(reply);
    if reply == code { Ok(()) } else { Err(stage) }
}

fn kind(error: io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::InvalidData => "garbage",
        _ => "closed",
    }
}

const EHLO: &[u8] = b"EHLO load.example.net\r\n";
