//! Many connections that do nothing, and the greetings that further ones get meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use smtpgw_bench::dialogue::Dialogue;
use smtpgw_bench::serve;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::plan::Plan;
use crate::sender::{Opened, open};
use crate::tally::Tally;

/// Opens `count` connections, measures the greetings of `plan.messages` others, and reports how many of the idle
/// ones were opened, and how many still answer at the end.
pub(crate) async fn run(plan: Plan, count: usize, hold: f64) -> Result<Value, String> {
    let plan = Arc::new(plan);
    let hold = Duration::try_from_secs_f64(hold).map_err(|error| error.to_string())?;
    let mut failures = Tally::default();
    let idle = open_idle(&plan, count, &mut failures).await;
    let opened = idle.len();
    // For whoever reads the target's memory now.
    serve::say(serde_json::json!({ "idle": opened })).map_err(|error| error.to_string())?;

    let begin = Instant::now();
    let mut tally = knock(&plan).await;
    let elapsed = begin.elapsed();
    tokio::time::sleep(hold).await;
    let alive = count_alive(&plan, idle).await;

    tally.failures.extend(failures.failures);
    let mut report = tally.summary(elapsed);
    if let Some(report) = report.as_object_mut() {
        report.insert("idle_opened".into(), opened.into());
        report.insert("idle_alive".into(), alive.into());
    }
    Ok(report)
}

/// A few at a time, so that no listen queue overflows.
async fn open_idle(plan: &Arc<Plan>, count: usize, failures: &mut Tally) -> Vec<Idle> {
    let mut tasks = JoinSet::new();
    let left = Arc::new(AtomicU64::new(count as u64));
    for _ in 0..OPENERS {
        let (plan, left) = (Arc::clone(plan), Arc::clone(&left));
        tasks.spawn(async move {
            let (mut opened, mut tally) = (Vec::new(), Tally::default());
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                let outcome = match plan.tls {
                    Some(_) => open(&plan, &mut tally).await.map(Idle::Ready),
                    None => greeted(&plan, &mut tally).await.map(Idle::Greeted),
                };
                match outcome {
                    Ok(idle) => opened.push(idle),
                    Err(failure) => tally.failure(failure),
                }
            }
            (opened, tally)
        });
    }
    let mut idle = Vec::with_capacity(count);
    while let Some(Ok((opened, tally))) = tasks.join_next().await {
        idle.extend(opened);
        tally.failures.into_iter().for_each(|(kind, count)| *failures.failures.entry(kind).or_default() += count);
    }
    idle
}

/// An idle connection.
enum Idle {
    /// It has been greeted and has said nothing.
    Greeted(Dialogue<TcpStream>),
    /// Its handshake is done, if there was to be one.
    Ready(Opened),
}

/// Connects and reads the greeting.
async fn greeted(plan: &Plan, tally: &mut Tally) -> Result<Dialogue<TcpStream>, &'static str> {
    let begin = Instant::now();
    let connect = timeout(plan.patience, TcpStream::connect(&plan.target)).await;
    let stream = connect.map_err(|_| "connect")?.map_err(|_| "connect")?;
    stream.set_nodelay(true).map_err(|_| "connect")?;
    let mut dialogue = Dialogue::new(stream);
    let code = timeout(plan.patience, dialogue.reply()).await.map_err(|_| "timeout")?.map_err(|_| "closed")?;
    tally.reply(code);
    if code != 220 {
        return Err("greeting");
    }
    tally.greeting.add(begin.elapsed());
    Ok(dialogue)
}

/// Greetings one after the other on each of the plan's connections.
async fn knock(plan: &Arc<Plan>) -> Tally {
    let mut tasks = JoinSet::new();
    let left = Arc::new(AtomicU64::new(plan.messages));
    for _ in 0..plan.connections {
        let (plan, left) = (Arc::clone(plan), Arc::clone(&left));
        tasks.spawn(async move {
            let mut tally = Tally::default();
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                tally.connections += 1;
                match greeted(&plan, &mut tally).await {
                    Ok(mut dialogue) => {
                        // Only the greeting counts; a target that is slow to say goodbye is its own affair.
                        let _ = dialogue.send(b"QUIT\r\n").await;
                    }
                    Err(failure) => tally.failure(failure),
                }
            }
            tally
        });
    }
    let mut total = Tally::default();
    while let Some(Ok(tally)) = tasks.join_next().await {
        total.merge(tally);
    }
    total
}

/// How many of the idle connections still answer.
async fn count_alive(plan: &Plan, idle: Vec<Idle>) -> u64 {
    let mut alive = 0;
    for connection in idle {
        let answered = match connection {
            Idle::Greeted(mut dialogue) | Idle::Ready(Opened::Clear(mut dialogue)) => {
                dialogue.send(b"NOOP\r\n").await.is_ok() && answers(plan, dialogue.reply()).await
            }
            Idle::Ready(Opened::Tls(mut dialogue)) => {
                dialogue.send(b"NOOP\r\n").await.is_ok() && answers(plan, dialogue.reply()).await
            }
        };
        alive += u64::from(answered);
    }
    alive
}

async fn answers(plan: &Plan, reply: impl Future<Output = std::io::Result<u16>>) -> bool {
    matches!(timeout(plan.patience, reply).await, Ok(Ok(250)))
}

/// How many idle connections are being opened at a time.
const OPENERS: usize = 32;
