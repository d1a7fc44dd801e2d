//! The fault matrix of a backend to which content goes while it arrives, by chunks and by DATA; every test also passes
//! the oracle. What happens before content is the same as in [`crate::matrix`].
//!
//! | fault \ moment | content | content → verdict | dot → reply |
//! |---|---|---|---|
//! | C closes, half-closes, falls silent | `client_leaves_anywhere`, `silence_in_content_takes_it_back` | – | `client_leaves_anywhere` |
//! | B answers 4yz, 5yz | `refusals_on_the_way_are_the_backends_own` | – | the same |
//! | B drops, closes | `backend_in_trouble_is_451` | the same | the same |
//! | B hangs, drips, late | `backend_in_trouble_is_451` | `slow_replies_are_waited_for` | the same |
//! | B says a reply twice | `replies_said_twice_forge_nothing` | the same | the same |
//! | inspector hangs, raises, dies, rejects | – | `what_is_not_accepted_is_taken_back` | – |
//! | SIGTERM, SIGKILL, backend's host dies | `death_at_every_instant` | the same | the same |

use crate::oracle::judge;
use crate::play::{Played, play};
use crate::scenario::{Act, BackendPlan, Event, Leave, Scenario, Step, Temper};

/// Plays a calm scenario with a change; the oracle has nothing against it.
fn changed(what: &str, chunking: bool, change: impl FnOnce(&mut Scenario)) -> Played {
    let mut scenario = Scenario::calm(3).streaming(chunking, 20);
    change(&mut scenario);
    let played = play(&scenario);
    if let Err(wrong) = judge(&scenario, &played) {
        panic!("{what}, chunking {chunking}: {wrong}\n{}", played.witnessed.transcript.join("\n"));
    }
    played
}

/// The backend does `act` at `step` on every connection but the gateway's probe.
pub fn faulty(scenario: &mut Scenario, step: Step, act: Act) {
    let connections = [vec![]].into_iter().chain(std::iter::repeat_n(vec![(step, act)], 9)).collect();
    scenario.backend = BackendPlan { connections, ..scenario.backend.clone() };
}

/// A client that takes its time over content, so that much of it goes on before its end has come.
fn slowly(scenario: &mut Scenario) {
    scenario.clients[0].pipelined = false;
    scenario.clients[0].piece = 40;
    scenario.clients[0].rest = std::time::Duration::from_millis(5);
}

pub fn at_the_dot(played: &Played) -> Vec<&str> {
    let replies = played.witnessed.heard.iter().filter(|(_, to, _)| to == "dot");
    replies.map(|(_, _, reply)| reply.as_str()).collect()
}

pub fn said(played: &Played, what: &str) -> usize {
    played.witnessed.transcript.iter().filter(|line| line.contains(what)).count()
}

#[test]
fn content_is_with_the_backend_before_its_end() {
    for chunking in [true, false] {
        let played = changed("calm", chunking, |it| {
            slowly(it);
            it.tempers = vec![Temper::Fine(40)];
        });
        assert_eq!(at_the_dot(&played), ["250 2.0.0 queued as 0\r\n", "250 2.0.0 queued as 1\r\n"]);
        let first = |what: &str| played.witnessed.transcript.iter().position(|line| line.contains(what));
        let begins = first(if chunking { "b1 <: BDAT" } else { "b1 <: DATA" }).expect("it never began");
        assert!(begins < first("c0 >: .\\r\\n").unwrap(), "{}", played.witnessed.transcript.join("\n"));
        assert!(played.records.iter().any(|record| record.contains(r#""streamed":true"#)), "{:?}", played.records);
        // The second message went over the same connection: a message that is taken costs none.
        assert_eq!(said(&played, "b2 "), 0, "{}", played.witnessed.transcript.join("\n"));
    }
}

#[test]
fn a_small_message_goes_as_a_whole() {
    for chunking in [true, false] {
        let played = changed("small", chunking, |it| *it = it.clone().streaming(chunking, 65_536));
        assert_eq!(at_the_dot(&played).len(), 2);
        assert_eq!((said(&played, "<: BDAT"), said(&played, "<: DATA")), (0, 2));
        assert!(!played.records.iter().any(|record| record.contains("streamed")));
    }
}

#[test]
fn what_is_not_accepted_is_taken_back() {
    for temper in [Temper::Rejects, Temper::Never, Temper::Raises, Temper::Dies] {
        let reply = if temper == Temper::Rejects { "554 5.7.1" } else { "451 4.7.1" };
        for chunking in [true, false] {
            let played = changed("judged", chunking, |it| it.tempers = vec![temper]);
            let replies = at_the_dot(&played);
            assert!(replies.len() == 2 && replies.iter().all(|it| it.starts_with(reply)), "{temper:?}: {replies:?}");
            assert!(played.witnessed.taken.is_empty());
            // By RSET on one connection, or by closing one for each message.
            let (chunks, resets) = (said(&played, "<: BDAT"), said(&played, "b1 <: RSET"));
            assert_eq!(
                (chunks > 0, resets, said(&played, "b2 <: MAIL")),
                (chunking, 2 * usize::from(chunking), usize::from(!chunking))
            );
            assert_eq!(said(&played, "LAST"), 0);
        }
    }
}

#[test]
fn refusals_on_the_way_are_the_backends_own() {
    for (act, reply) in [(Act::Temporary, "451 4.3.0 not now\r\n"), (Act::Permanent, "550 5.7.1 never\r\n")] {
        for (step, chunking) in [(Step::Chunk, true), (Step::Dot, true), (Step::Dot, false), (Step::Data, false)] {
            for slow in [true, false] {
                let played = changed("refuses", chunking, |it| {
                    faulty(it, step, act);
                    if slow {
                        slowly(it);
                    }
                });
                assert_eq!(at_the_dot(&played), [reply; 2], "{act:?} at {step:?}, slow: {slow}");
                assert!(played.witnessed.taken.is_empty());
            }
        }
    }
    // What the verdict says of a message comes first.
    let played = changed("refused and rejected", true, |it| {
        faulty(it, Step::Chunk, Act::Temporary);
        it.tempers = vec![Temper::Rejects];
    });
    assert!(at_the_dot(&played).iter().all(|reply| reply.starts_with("554 5.7.1")));
}

#[test]
fn backend_in_trouble_is_451() {
    for step in [Step::Data, Step::Content, Step::Chunk, Step::Dot] {
        let refusal = (step == Step::Content).then_some(Act::Temporary);
        for act in [Act::Drop, Act::Closing, Act::Hang, Act::Drip(90)].into_iter().chain(refusal) {
            for (chunking, slow) in [(true, true), (true, false), (false, true), (false, false)] {
                let played = changed("in trouble", chunking, |it| {
                    faulty(it, step, act);
                    if slow {
                        slowly(it);
                    }
                });
                let meant = if chunking { step != Step::Data } else { step != Step::Chunk };
                if !meant || (step, act) == (Step::Content, Act::Drip(90)) {
                    continue;
                }
                let replies = at_the_dot(&played);
                let gone = |reply: &&str| ["451", "452", "421"].iter().any(|begin| reply.starts_with(begin));
                assert!(
                    !replies.is_empty() && replies.iter().all(gone),
                    "{act:?} at {step:?}, {chunking}: {replies:?}"
                );
            }
        }
    }
}

#[test]
fn slow_replies_are_waited_for() {
    for (step, act) in [(Step::Chunk, Act::Late(100)), (Step::Chunk, Act::Drip(3)), (Step::Dot, Act::Late(250))] {
        let played = changed("late", true, |it| faulty(it, step, act));
        assert_eq!(at_the_dot(&played), ["250 2.0.0 queued as 0\r\n", "250 2.0.0 queued as 1\r\n"], "{step:?} {act:?}");
    }
}

#[test]
fn replies_said_twice_forge_nothing() {
    for step in Step::ALL {
        for act in [Act::Twice, Act::TwiceLate(1), Act::TwiceLate(4), Act::TwiceLate(9), Act::TwiceLate(30)] {
            for (chunking, chunk) in [(true, 20), (true, 150), (false, 20)] {
                changed(&format!("{act:?} at {step:?}"), chunking, |it| {
                    *it = it.clone().streaming(chunking, chunk);
                    faulty(it, step, act);
                });
            }
        }
    }
}

#[test]
fn client_leaves_anywhere() {
    for chunking in [true, false] {
        for how in [Leave::Close, Leave::HalfClose] {
            for after in (0..900).step_by(13) {
                changed(&format!("{how:?} after {after}"), chunking, |it| {
                    it.clients[0].leaves = Some((after, how));
                    it.clients[0].piece = 30;
                });
            }
        }
    }
}

#[test]
fn chunks_that_are_never_confirmed_are_given_up_after_one_451() {
    let at_confirmation = [Act::Drop, Act::Closing, Act::Permanent, Act::Hang].map(|act| (Step::Confirmation, act, 1));
    for (step, act, ends) in at_confirmation.into_iter().chain([(Step::Chunk, Act::Unknown, 0)]) {
        let played = changed(&format!("{act:?} at {step:?}"), true, |it| {
            slowly(it);
            faulty(it, step, act);
            // The same message from a client that comes again, and one more.
            let mut again = it.clients[0].clone();
            again.at = 8_000;
            again.messages.truncate(1);
            it.clients.push(again);
        });
        let replies = at_the_dot(&played);
        assert!(replies.len() == 3 && replies[0].starts_with("451 4.4.2 "), "{act:?}: {replies:?}");
        assert!(replies[1..].iter().all(|reply| reply.starts_with("250 2.0.0 queued")), "{act:?}: {replies:?}");
        assert_eq!((said(&played, "LAST"), said(&played, "<: DATA")), (ends, 2), "{act:?}");
        let told: Vec<_> = played.records.iter().filter(|record| record.starts_with("chunks-given-up ")).collect();
        assert!(told.len() == 1 && told[0].contains(r#""level":"warning""#), "{told:?}");
        assert!(told[0].contains(r#""backend":"backend","address":"192.168."#), "{told:?}");
        assert!(told[0].contains(r#""for_s":86400"#) && told[0].contains("by DATA"), "{told:?}");
    }
}

#[test]
fn silence_in_content_takes_it_back() {
    for chunking in [true, false] {
        let played = changed("silent", chunking, |it| it.clients[0].leaves = Some((190, Leave::FallSilent)));
        assert!(played.witnessed.heard.last().unwrap().2.starts_with("421 4.4.2"));
        assert!(said(&played, if chunking { "<: BDAT" } else { "<: DATA" }) > 0);
        assert!(played.witnessed.taken.is_empty());
    }
}

#[test]
fn death_at_every_instant() {
    for chunking in [true, false] {
        for at in 20..130 {
            for event in [Event::Kill, Event::Drain] {
                changed(&format!("{event:?} at {at}"), chunking, |it| {
                    slowly(it);
                    it.events.push((at, event));
                });
            }
            changed(&format!("backend dies at {at}"), chunking, |it| {
                slowly(it);
                it.events.extend([(at, Event::BackendDies), (at + 5, Event::BackendReturns)]);
            });
        }
    }
}

#[test]
fn points_that_nobody_expected_are_told() {
    let played = changed("scores", true, |it| it.tempers = vec![Temper::Scores]);
    assert_eq!(played.witnessed.taken.len(), 2);
    let told = |record: &&String| record.contains(r#""unwritten":["X-Spam-Status","X-Spam-Score"]"#);
    assert_eq!(played.records.iter().filter(told).count(), 2, "{}", played.records.join("\n"));
}
