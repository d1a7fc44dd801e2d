//! Scenarios by the thousand, each from a seed.
//!
//! `SMTPGW_SEEDS=5000` plays so many, `SMTPGW_SEEDS=5000..6000` those. A seed that fails is printed with its
//! transcript; once mended it is kept in [`KEPT`].

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::oracle::judge;
use crate::play::play;
use crate::scenario::Scenario;

/// Seeds that failed once, and why.
const KEPT: &[(u64, &str)] = &[
    (100_436, "354 to a client that fell silent just after DATA: the oracle's mistake"),
    (100_987, "a reply that came too late was taken for the next command's, and so on to the message's"),
    (102_208, "the same"),
    (131_160, "the same, after a RSET whose reply dripped"),
    (3_100_168, "a look given up while its connection was being made: the simulated network left the other end open"),
];

/// How many are played where nothing else is said.
const SEEDS: u64 = 2_000;

/// How many failures are shown before the rest is left.
const SHOWN: usize = 3;

fn range() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("SMTPGW_SEEDS") else { return 0..SEEDS };
    let number = |text: &str| text.trim().parse().expect("SMTPGW_SEEDS: a number, or begin..end");
    match text.split_once("..") {
        Some((begin, end)) => number(begin)..number(end),
        None => 0..number(&text),
    }
}

/// Plays one seed; what is wrong with it, with all that happened.
fn failure(scenario: &Scenario) -> (usize, Option<String>) {
    let seed = scenario.seed;
    let played = play(scenario);
    let arrived = played.witnessed.sent.iter().filter(|sent| sent.reply.as_ref().is_some_and(|it| it.starts_with('2')));
    let arrived = arrived.count();
    let failure = judge(scenario, &played).err().map(|wrong| {
        let (transcript, records) = (played.witnessed.transcript.join("\n"), played.records.join("\n"));
        format!("seed {seed}: {wrong}\n{scenario:#?}\n{transcript}\n{records}")
    });
    (arrived, failure)
}

#[test]
fn seeds_that_failed_once() {
    for (seed, why) in KEPT {
        let (_, failure) = failure(&Scenario::from_seed(*seed));
        assert!(failure.is_none(), "{why}: {}", failure.unwrap_or_default());
    }
}

#[test]
fn a_seed_plays_the_same_again() {
    for seed in 0..20 {
        for scenario in
            [Scenario::from_seed, Scenario::streaming_from_seed, Scenario::chunked_from_seed].map(|it| it(seed))
        {
            let (one, two) = (play(&scenario).witnessed, play(&scenario).witnessed);
            assert_eq!(one.transcript, two.transcript, "seed {seed}");
        }
    }
}

#[test]
fn many_seeds() {
    play_many(Scenario::from_seed);
}

#[test]
fn many_seeds_in_chunks() {
    play_many(Scenario::chunked_from_seed);
}

#[test]
fn many_seeds_streaming() {
    play_many(Scenario::streaming_from_seed);
}

fn play_many(scenario: fn(u64) -> Scenario) {
    let range = range();
    let (next, arrived) = (AtomicU64::new(range.start), AtomicUsize::new(0));
    let failures = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= range.end || failures.lock().unwrap().len() >= SHOWN {
                        break;
                    }
                    let (acknowledged, failure) = failure(&scenario(seed));
                    arrived.fetch_add(acknowledged, Ordering::Relaxed);
                    failures.lock().unwrap().extend(failure);
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    // A world in which nothing ever arrives would hold every promise.
    let played = usize::try_from(range.end - range.start).unwrap();
    let arrived = arrived.into_inner();
    assert!(arrived >= played / 2, "only {arrived} messages arrived in {played} runs");
}
