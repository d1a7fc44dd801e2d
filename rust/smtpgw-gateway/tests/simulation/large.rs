//! Content that goes to files: what the seeds draw by chance ([`Scenario::draw_large`]), one by one. Every test also
//! passes the oracle, which holds that each octet of memory and of disk is given back.

use crate::oracle::judge;
use crate::play::{Played, play};
use crate::scenario::{ClientPlan, Leave, Scenario};

/// Octets of the large message: two trips to the file, and a rest.
const OCTETS: usize = 150_000;

/// A large message and a small one, with a change.
fn changed(what: &str, change: impl FnOnce(&mut Scenario)) -> Played {
    let mut scenario = Scenario::calm(3).with_large(OCTETS);
    change(&mut scenario);
    let played = play(&scenario);
    if let Err(wrong) = judge(&scenario, &played) {
        panic!("{what}: {wrong}\n{}\n{}", played.witnessed.transcript.join("\n"), played.records.join("\n"));
    }
    played
}

fn at_the_dot(played: &Played) -> Vec<&str> {
    let replies = played.witnessed.heard.iter().filter(|(_, to, _)| to == "dot");
    replies.map(|(_, _, reply)| reply.as_str()).collect()
}

fn went_to_a_file(played: &Played) -> bool {
    played.witnessed.transcript.iter().any(|line| line.ends_with(" octets in a file)"))
}

#[test]
fn content_in_a_file_arrives_whole() {
    for chunks in [None, Some(40_000)] {
        let played = changed("calm", |it| it.clients[0].chunks = chunks);
        assert_eq!(played.witnessed.taken.len(), 2);
        assert!(went_to_a_file(&played), "{}", played.witnessed.transcript.join("\n"));
    }
    for chunking in [false, true] {
        let played = changed("streaming", |it| *it = it.clone().streaming(chunking, 20_000));
        assert_eq!(played.witnessed.taken.len(), 2);
    }
}

#[test]
fn a_spool_without_room_defers() {
    for total in [0, 1, 65_536, 100_000, 149_999] {
        let played = changed("no room", |it| it.settings.spool.total = total);
        assert!(!at_the_dot(&played).is_empty() || played.witnessed.heard.iter().any(|it| it.2.starts_with("452")));
        let large = played.witnessed.sent.first().unwrap();
        assert!(large.reply.as_ref().is_none_or(|reply| reply.starts_with('4')), "{total}: {:?}", large.reply);
    }
}

#[test]
fn a_spool_that_vanishes_defers() {
    let mut deferred = 0;
    for at in (25..80).step_by(5) {
        let played = changed("vanished", |it| {
            it.spool_vanishes = Some(at);
            it.clients[0].rest = std::time::Duration::from_millis(1);
        });
        deferred += usize::from(at_the_dot(&played).first().is_some_and(|reply| reply.starts_with("45")));
    }
    assert!(deferred > 1);
}

#[test]
fn a_client_may_leave_anywhere_in_it() {
    for how in [Leave::Close, Leave::HalfClose] {
        for after in (0..OCTETS + 2_000).step_by(9_000) {
            changed("left", |it| it.clients[0].leaves = Some((after, how)));
        }
    }
}

#[test]
fn memory_that_is_used_up_sends_content_to_files() {
    let played = changed("crowded", |it| {
        it.settings.limits.memory = 40_000;
        it.settings.spool.memory = 1 << 20;
        let other = ClientPlan::calm(it.clients[0].messages.drain(1..).collect());
        it.clients.push(other);
    });
    assert!(went_to_a_file(&played) || played.witnessed.heard.iter().any(|(.., reply)| reply.starts_with("452")));
}
