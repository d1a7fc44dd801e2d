//! Scenarios by the thousand, each from a seed.
//!
//! `SMTPGW_SEEDS=5000` plays so many, `SMTPGW_SEEDS=5000..6000` those; `many_seeds_of_everything` is the one for a long
//! run. A seed that fails is printed with its transcript; once mended it is kept in [`KEPT`].

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::actors::{Sent, Witnessed};
use crate::oracle::judge;
use crate::play::play;
use crate::scenario::{Scenario, has_bare_newline};

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

/// A run waits for its gateway's log thread at its end, and another one can use the processor.
const AT_A_TIME: usize = 6;

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

/// What runs were about: a world in which nothing ever arrives would hold every promise.
#[derive(Debug, Default)]
struct Tally {
    arrived: AtomicUsize,
    /// Messages that came to the gateway, and went to a backend, under TLS.
    under_tls: AtomicUsize,
    on_under_tls: AtomicUsize,
    /// Runs in which content went to files.
    in_files: AtomicUsize,
    /// Messages with bare newlines that were made line ends of, and those that were refused.
    normalized: AtomicUsize,
    refused: AtomicUsize,
    /// Messages that arrived from clients for whom a proxy spoke, that had logged in, and that could not count.
    spoken_for: AtomicUsize,
    logged_in: AtomicUsize,
    miscounted: AtomicUsize,
}

impl Tally {
    fn count(&self, scenario: &Scenario, witnessed: &Witnessed) {
        let add = |to: &AtomicUsize, count| to.fetch_add(count, Ordering::Relaxed);
        let arrived = |reply: &Option<String>| reply.as_ref().is_some_and(|it| it.starts_with('2'));
        add(&self.arrived, witnessed.sent.iter().filter(|sent| arrived(&sent.reply)).count());
        add(&self.under_tls, witnessed.sent.iter().filter(|sent| sent.tls && arrived(&sent.reply)).count());
        add(&self.on_under_tls, witnessed.taken.iter().filter(|taken| taken.tls).count());
        let bare = || witnessed.sent.iter().filter(|sent| has_bare_newline(&sent.content));
        add(&self.normalized, bare().filter(|sent| arrived(&sent.reply)).count());
        let is_refused = |reply: &Option<String>| reply.as_ref().is_some_and(|it| it.starts_with("550 5.5.2 "));
        add(&self.refused, bare().filter(|sent| is_refused(&sent.reply)).count());
        let those = |which: &dyn Fn(usize, &Sent) -> bool| {
            let taken = witnessed.sent.iter().filter(|sent| arrived(&sent.reply));
            taken.filter(|sent| which(sent.client, sent)).count()
        };
        add(&self.spoken_for, those(&|client, _| scenario.clients[client].spoken_for(client).is_some()));
        add(&self.logged_in, those(&|_, sent| sent.login.is_some()));
        add(&self.miscounted, those(&|client, _| scenario.clients[client].miscount.is_some()));
        add(&self.in_files, usize::from(witnessed.transcript.iter().any(|line| line.ends_with(" octets in a file)"))));
    }
}

/// Plays one seed; what is wrong with it, with all that happened.
fn failure(scenario: &Scenario, tally: &Tally) -> Option<String> {
    let seed = scenario.seed;
    let played = play(scenario);
    tally.count(scenario, &played.witnessed);
    judge(scenario, &played).err().map(|wrong| {
        let (transcript, records) = (played.witnessed.transcript.join("\n"), played.records.join("\n"));
        format!("seed {seed}: {wrong}\n{scenario:#?}\n{transcript}\n{records}")
    })
}

#[test]
fn seeds_that_failed_once() {
    for (seed, why) in KEPT {
        let failure = failure(&Scenario::from_seed(*seed), &Tally::default());
        assert!(failure.is_none(), "{why}: {}", failure.unwrap_or_default());
    }
}

#[test]
fn a_seed_plays_the_same_again() {
    for seed in 0..40 {
        for scenario in [
            Scenario::from_seed,
            Scenario::streaming_from_seed,
            Scenario::chunked_from_seed,
            Scenario::everything_from_seed,
        ]
        .map(|it| it(seed))
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

#[test]
fn many_seeds_of_everything() {
    let (tally, played) = play_many(Scenario::everything_from_seed);
    let Tally { under_tls, on_under_tls, in_files, normalized, refused, .. } = &tally;
    for kind in [&tally.spoken_for, &tally.logged_in, &tally.miscounted] {
        assert!(kind.load(Ordering::Relaxed) >= played / 100, "{tally:?}");
    }
    assert!(under_tls.load(Ordering::Relaxed) >= played / 5, "{tally:?}");
    assert!(on_under_tls.load(Ordering::Relaxed) >= played / 5, "{tally:?}");
    assert!(in_files.load(Ordering::Relaxed) >= played / 400, "{tally:?}");
    assert!(normalized.load(Ordering::Relaxed) >= played / 100, "{tally:?}");
    assert!(refused.load(Ordering::Relaxed) >= played / 100, "{tally:?}");
}

fn play_many(scenario: fn(u64) -> Scenario) -> (Tally, usize) {
    let range = range();
    let (next, tally) = (AtomicU64::new(range.start), Tally::default());
    let failures = Mutex::new(Vec::new());
    let workers = AT_A_TIME * std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= range.end || failures.lock().unwrap().len() >= SHOWN {
                        break;
                    }
                    let failure = failure(&scenario(seed), &tally);
                    failures.lock().unwrap().extend(failure);
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    let played = usize::try_from(range.end - range.start).unwrap();
    assert!(tally.arrived.load(Ordering::Relaxed) >= played / 2, "{tally:?} in {played} runs");
    (tally, played)
}
