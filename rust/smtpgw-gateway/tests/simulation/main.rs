//! The whole gateway in a simulated network: client, gateway, backend, and a fault at every place where the gateway
//! waits for the network, or at every instant.
//!
//! The oracle knows only what client and backend saw (the invariants of the fault matrix): no 2yz for content
//! without the backend's; nothing delivered whose end the client did not send; what is delivered is identical; no
//! message twice on one connection; and afterwards every connection has ended and every octet of the memory budget
//! has been given back.
//!
//! A failing run prints its seed and fault: `run(seed, fault, ...)` replays it.

#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub, missing_docs)] // a failed step is a failed test

mod actors;
mod auth;
mod backend_faults;
mod bites;
mod certificates;
mod clock;
mod dribble;
mod encrypted;
mod entry;
mod extensions;
mod inspector;
mod kept_legs;
mod large;
mod lies;
mod looks;
mod matrix;
mod moody;
mod one_chunk;
mod oracle;
mod peers;
mod play;
mod proxied;
mod roll;
mod scenario;
mod seeds;
mod several;
mod shortage;
mod spoken_for;
mod stage;
mod strangers;
mod streaming;
mod tunnels;
mod world;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use smtpgw_gateway::service::Service;
use smtpgw_gateway::settings::{Backend, Listener, ListenerTls, Settings};
use smtpgw_gateway::verdict::{Action, Verdict};
use smtpgw_gateway::{Record, RecordSink};

use crate::inspector::Scripted;
use crate::peers::{Log, Seen};
use crate::world::{Fault, How, SimWorld};

/// What a run leaves to look at.
struct Run {
    seen: Seen,
    operations: u64,
    /// Connections and octets of memory that the gateway still held when everything was over.
    left: Option<(usize, u64)>,
    steps: u64,
    /// What the gateway wrote down; for people who look into a failed run.
    records: Vec<String>,
}

struct Records(Arc<Mutex<Vec<String>>>);

impl RecordSink for Records {
    fn write(&mut self, record: &Record) {
        self.0.lock().unwrap().push(record.json.clone());
    }
}

/// A host that is taken down in the middle.
#[derive(Clone, Copy, Debug)]
enum Crash {
    Client,
    Backend,
    Gateway,
}

fn settings() -> Settings {
    let mut settings = Settings { hostname: "gateway.example".into(), ..Settings::default() };
    settings.listener.push(Listener {
        tls: ListenerTls::None,
        recipient_domains: vec!["example.org".into()],
        ..Listener::at("0.0.0.0:25", "backend")
    });
    settings.backend.insert("backend".into(), Backend::at("backend:25"));
    settings
}

/// One run: two messages from the client through the gateway to the backend.
fn run(seed: u64, fault: Option<Fault>, crash: Option<(Crash, u64)>, pipelined: bool) -> Run {
    run_with(Arc::new(Scripted::accepting(Duration::from_millis(4))), seed, fault, crash, pipelined)
}

fn run_with(
    inspector: Arc<Scripted>,
    seed: u64,
    fault: Option<Fault>,
    crash: Option<(Crash, u64)>,
    pipelined: bool,
) -> Run {
    let mut builder = turmoil::Builder::new();
    builder.rng_seed(seed).tick_duration(Duration::from_millis(1)).simulation_duration(Duration::from_secs(900));
    builder.min_message_latency(Duration::from_millis(1)).max_message_latency(Duration::from_millis(3));
    let mut sim = builder.build();
    let log: Log = Arc::default();
    let world = SimWorld::new(seed, fault);
    let left = Arc::new(Mutex::new(None));
    let over = Arc::new(AtomicUsize::new(0));

    let backend_log = Arc::clone(&log);
    sim.host("backend", move || {
        let log = Arc::clone(&backend_log);
        async move { Ok(peers::backend(log).await?) }
    });
    let records: Arc<Mutex<Vec<String>>> = Arc::default();
    let gateway_records = Arc::clone(&records);
    let (gateway_world, gateway_left, gateway_over) = (world.clone(), Arc::clone(&left), Arc::clone(&over));
    sim.host("gateway", move || {
        let (world, left, over) = (gateway_world.clone(), Arc::clone(&gateway_left), Arc::clone(&gateway_over));
        let (records, inspect) = (Arc::clone(&gateway_records), Arc::clone(&inspector));
        async move {
            let service = Service::open(world, settings(), Some(inspect), vec![Box::new(Records(records))]).await?;
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
                if over.load(Ordering::Relaxed) > 0 {
                    *left.lock().unwrap() = Some((service.connections(), service.memory()));
                }
            }
        }
    });
    let (client_log, client_over) = (Arc::clone(&log), Arc::clone(&over));
    let crashes_client = matches!(crash, Some((Crash::Client, _)));
    let client = move || {
        let (log, over) = (Arc::clone(&client_log), Arc::clone(&client_over));
        async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            // How far it came is in the log; an error is a client that was cut off.
            let _ = peers::client(log, pipelined).await;
            over.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<()>().await;
            Ok(())
        }
    };
    sim.host("client", client);

    let mut steps = 0;
    let mut quiet = 0;
    // The gateway may wait for timeouts of its own (300 s for a command); the run goes on until it is clean.
    while quiet < 400_000 {
        if let Some((whom, at)) = crash
            && at == steps
        {
            match whom {
                Crash::Client => sim.crash("client"),
                Crash::Backend => sim.crash("backend"),
                Crash::Gateway => sim.crash("gateway"),
            }
            if crashes_client || matches!(whom, Crash::Gateway) {
                over.fetch_add(1, Ordering::Relaxed);
            }
        }
        sim.step().unwrap();
        steps += 1;
        if over.load(Ordering::Relaxed) > 0 {
            quiet += 1;
            let gateway_is_gone = matches!(crash, Some((Crash::Gateway, at)) if at < steps);
            if quiet > 50 && (gateway_is_gone || *left.lock().unwrap() == Some((0, 0))) {
                break;
            }
        }
    }
    drop(sim);
    let left = *left.lock().unwrap();
    let seen = std::mem::take(&mut *log.lock().unwrap());
    let records = std::mem::take(&mut *records.lock().unwrap());
    Run { seen, operations: world.operations.load(Ordering::Relaxed), left, steps, records }
}

/// Checks a run against what must hold whatever happened.
fn check(run: &Run, what: &str) {
    let Seen { acknowledged, ended, taken, accepted, replies, raw: _ } = &run.seen;
    let contents = peers::contents();
    assert!(acknowledged.len() <= *accepted, "{what}: 2yz at the client without the backend's: {replies:?}");
    for content in taken {
        let number = contents.iter().position(|sent| sent == content);
        let number = number.unwrap_or_else(|| panic!("{what}: the backend took what was never sent"));
        assert!(ended.contains(&number), "{what}: message {number} delivered before the client ended it");
    }
    for number in acknowledged {
        assert!(taken.contains(&contents[*number]), "{what}: message {number} acknowledged and not delivered");
    }
    for content in &contents {
        assert!(taken.iter().filter(|other| *other == content).count() <= 1, "{what}: delivered twice");
    }
    for (command, reply) in replies {
        assert!(reply.len() >= 5 && reply.ends_with("\r\n"), "{what}: {command} was answered {reply:?}");
    }
}

#[test]
fn an_undisturbed_run_delivers_both_messages() {
    for pipelined in [false, true] {
        let run = run(1, None, None, pipelined);
        check(&run, "undisturbed");
        assert_eq!(run.seen.acknowledged, [0, 1], "{:?}\n{:#?}", run.seen.replies, run.records);
        assert_eq!(run.seen.taken, peers::contents());
        assert_eq!(run.left, Some((0, 0)));
        let at_the_dot: Vec<_> = run.seen.replies.iter().filter(|(command, _)| command == "end of data").collect();
        // Rule R1: the backend's own words.
        assert!(at_the_dot.iter().all(|(_, reply)| reply == "250 2.0.0 backend queued\r\n"), "{at_the_dot:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let fault = Some(Fault { at: 17, how: How::Reset });
    let (one, two) = (run(7, fault, None, true), run(7, fault, None, true));
    assert_eq!((one.operations, one.steps, one.seen.replies), (two.operations, two.steps, two.seen.replies));
}

#[test]
fn a_stream_may_break_at_every_operation() {
    for pipelined in [false, true] {
        let operations = run(1, None, None, pipelined).operations;
        assert!(operations > 40, "only {operations} operations: the run is not what it should be");
        for how in How::ALL {
            for at in 0..operations {
                let fault = Fault { at, how };
                let run = run(at, Some(fault), None, pipelined);
                let what = format!("{fault:?}, pipelined: {pipelined}");
                check(&run, &what);
                assert_eq!(run.left, Some((0, 0)), "{what}: something was not given back");
            }
        }
    }
}

#[test]
fn a_host_may_vanish_at_every_instant() {
    let steps = run(1, None, None, false).steps;
    for whom in [Crash::Client, Crash::Backend, Crash::Gateway] {
        for at in (20..steps.min(400)).step_by(3) {
            let run = run(at, None, Some((whom, at)), false);
            let what = format!("{whom:?} crashes at {at} ms");
            check(&run, &what);
            if !matches!(whom, Crash::Gateway) {
                assert_eq!(run.left, Some((0, 0)), "{what}: something was not given back");
            }
        }
    }
}

#[test]
fn a_hung_inspector_defers_and_the_backend_has_nothing() {
    let inspector = Arc::new(Scripted::hung());
    let run = run_with(Arc::clone(&inspector), 1, None, None, false);
    check(&run, "hung inspector");
    let at_the_dot: Vec<_> = run.seen.replies.iter().filter(|(command, _)| command == "end of data").collect();
    assert_eq!(at_the_dot.len(), 2, "{:?}", run.seen.replies);
    assert!(at_the_dot.iter().all(|(_, reply)| reply.starts_with("451 4.7.1 ")), "{at_the_dot:?}");
    assert!(run.seen.taken.is_empty());
    // A part and the message of each: the worker of each was reported and replaced.
    assert_eq!(inspector.overruns(), 4);
    assert_eq!(run.left, Some((0, 0)));
}

#[test]
fn a_rejected_message_never_reaches_the_backend() {
    let verdict = Verdict { reply: Some("not this one".into()), ..Verdict::new(Action::Reject, "scripted") };
    let run = run_with(Arc::new(Scripted::saying(verdict, Duration::from_millis(1))), 1, None, None, true);
    check(&run, "rejected");
    let at_the_dot: Vec<_> = run.seen.replies.iter().filter(|(command, _)| command == "end of data").collect();
    assert!(at_the_dot.iter().all(|(_, reply)| reply == "554 5.7.1 not this one\r\n"), "{at_the_dot:?}");
    assert_eq!(at_the_dot.len(), 2);
    assert!(run.seen.taken.is_empty());
    assert!(run.records.iter().any(|record| record.contains(r#""by":"scripted","reason":"scripted""#)));
}
