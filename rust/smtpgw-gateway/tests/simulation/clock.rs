//! A wall clock that jumps by years, both ways, at each look: every deadline is one of the monotonic clock, so nobody
//! notices. What each client hears, and when, is the same to the millisecond.

use crate::oracle::judge;
use crate::play::{Played, play};
use crate::scenario::{Act, BackendPlan, Event, Leave, Scenario, Step, Temper};

/// What a client saw, with its times.
fn seen(played: &Played) -> Vec<&String> {
    played
        .witnessed
        .transcript
        .iter()
        .filter(|line| line.get(6..).is_some_and(|line| line.starts_with(" c0")))
        .collect()
}

/// Plays it with a clock that is right and with one that jumps.
fn both_ways(what: &str, change: impl Fn(&mut Scenario)) {
    let mut scenario = Scenario::calm(3);
    change(&mut scenario);
    let right = play(&scenario);
    let wrong = play(&Scenario { clock_jumps: true, ..scenario.clone() });
    judge(&scenario, &wrong).unwrap();
    assert!(seen(&right).len() > 3, "{what}");
    assert_eq!(seen(&right), seen(&wrong), "{what}");
}

fn backend(step: Step, act: Act) -> BackendPlan {
    let connections = [vec![]].into_iter().chain(std::iter::repeat_n(vec![(step, act)], 9)).collect();
    BackendPlan { connections, ..BackendPlan::default() }
}

#[test]
fn silence_lasts_as_long_as_ever() {
    for after in [0, 5, 30, 60, 170] {
        both_ways("silence", |it| it.clients[0].leaves = Some((after, Leave::FallSilent)));
    }
}

#[test]
fn a_hung_backend_and_a_hung_inspector_have_their_time() {
    for step in [Step::Greeting, Step::Mail, Step::Recipient, Step::Data, Step::Content, Step::Dot] {
        both_ways("a hung backend", |it| it.backend = backend(step, Act::Hang));
    }
    both_ways("a hung inspector", |it| it.tempers = vec![Temper::Never]);
}

#[test]
fn nothing_else_is_noticed() {
    both_ways("nothing", |_| {});
    both_ways("late", |it| it.backend = backend(Step::Dot, Act::Late(250)));
    both_ways("drain", |it| it.events.push((60, Event::Drain)));
    both_ways("reload", |it| it.events.push((60, Event::Reload)));
}
