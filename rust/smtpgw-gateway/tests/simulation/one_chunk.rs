//! The fault matrix of a backend that takes a whole message in one chunk (RFC 3030) and says by enhanced status codes
//! what it answers; every test also passes the oracle. What happens before content is the same as in [`crate::matrix`].
//!
//! | fault \ moment | content | chunk → reply |
//! |---|---|---|
//! | C closes, half-closes | `client_leaves_anywhere` | the same |
//! | B answers 4yz, 5yz | `refusals_are_the_backends_own` | the same |
//! | B drops, closes, hangs, drips | `backend_in_trouble_is_451` | the same |
//! | B does not know BDAT | – | `a_backend_that_does_not_know_chunks_gets_data_after_one_451` |
//! | B says a reply twice | `replies_said_twice_forge_nothing` | the same |
//! | inspector rejects, raises, never answers | `what_is_not_accepted_never_goes` | – |
//! | SIGTERM, SIGKILL, backend's host dies | `death_at_every_instant` | the same |

use crate::oracle::judge;
use crate::play::{Played, play};
use crate::scenario::{Act, Event, Leave, Scenario, Step, Temper};
use crate::streaming::{at_the_dot, faulty, said};

const TAKEN: [&str; 2] = ["250 2.0.0 queued as 0\r\n", "250 2.0.0 queued as 1\r\n"];

/// Plays a calm scenario with a change, stored and with `relay = "stream"`; the oracle has nothing against it.
fn changed(what: &str, change: impl Fn(&mut Scenario)) -> [Played; 2] {
    [Scenario::calm(3), Scenario::calm(3).streaming(true, 65_536)].map(|scenario| {
        let mut scenario = scenario.taking_one_chunk();
        change(&mut scenario);
        let played = play(&scenario);
        if let Err(wrong) = judge(&scenario, &played) {
            panic!("{what}: {wrong}\n{}", played.witnessed.transcript.join("\n"));
        }
        played
    })
}

#[test]
fn a_message_is_one_chunk_and_nothing_is_asked_behind_it() {
    for played in changed("calm", |_| {}) {
        assert_eq!(at_the_dot(&played), TAKEN);
        assert_eq!((said(&played, "<: BDAT"), said(&played, " LAST"), said(&played, "<: DATA")), (2, 2, 0));
        // The probe's, and that of the one connection.
        assert_eq!((said(&played, "<: EHLO"), said(&played, "b2 ")), (2, 0));
    }
}

#[test]
fn a_backend_without_codes_gets_data() {
    for played in changed("no codes", |it| it.backend.codes = false) {
        assert_eq!(at_the_dot(&played), TAKEN);
        assert_eq!((said(&played, "<: BDAT"), said(&played, "<: DATA")), (0, 2));
    }
}

#[test]
fn refusals_are_the_backends_own() {
    for (act, reply) in [(Act::Temporary, "451 4.3.0 not now\r\n"), (Act::Permanent, "550 5.7.1 never\r\n")] {
        for played in changed("refuses", |it| faulty(it, Step::Dot, act)) {
            assert_eq!(at_the_dot(&played), [reply; 2], "the second MAIL was no nested one");
            assert!(played.witnessed.taken.is_empty());
            assert_eq!(said(&played, "b1 <: RSET"), 2, "RFC 3030 leaves open whether the envelope is still there");
        }
    }
}

#[test]
fn backend_in_trouble_is_451() {
    for step in [Step::Content, Step::Dot] {
        let refusal = (step == Step::Content).then_some(Act::Temporary);
        for act in [Act::Drop, Act::Closing, Act::Hang, Act::Drip(90)].into_iter().chain(refusal) {
            for played in changed(&format!("{act:?} at {step:?}"), |it| faulty(it, step, act)) {
                let replies = at_the_dot(&played);
                let gone = |reply: &&str| ["451", "452", "421"].iter().any(|begin| reply.starts_with(begin));
                let meant = (step, act) != (Step::Content, Act::Drip(90));
                assert!(
                    !meant || (!replies.is_empty() && replies.iter().all(gone)),
                    "{act:?} at {step:?}: {replies:?}"
                );
            }
        }
    }
}

#[test]
fn a_backend_that_does_not_know_chunks_gets_data_after_one_451() {
    for played in changed("BDAT is unknown", |it| faulty(it, Step::Dot, Act::Unknown)) {
        let replies = at_the_dot(&played);
        assert!(replies.len() == 2 && replies[0].starts_with("451 4.4.2 "), "{replies:?}");
        assert_eq!(replies[1], "502 5.5.1 what?\r\n", "to DATA that is its own word");
        assert_eq!((said(&played, "<: BDAT"), said(&played, "<: DATA")), (1, 1));
        assert!(played.records.iter().any(|record| record.starts_with("chunks-given-up ")));
    }
}

#[test]
fn replies_said_twice_forge_nothing() {
    for step in Step::ALL {
        for act in [Act::Twice, Act::TwiceLate(1), Act::TwiceLate(4), Act::TwiceLate(9), Act::TwiceLate(30)] {
            changed(&format!("{act:?} at {step:?}"), |it| faulty(it, step, act));
        }
    }
}

/// The second reply to RCPT comes when the chunk is under way, so it is taken for the chunk's, and known by its code.
#[test]
fn a_reply_of_rcpt_is_not_the_messages() {
    let mut caught = 0;
    for milliseconds in 1..40 {
        for played in changed("RCPT twice", |it| {
            it.clients[0].messages.truncate(1);
            it.clients[0].messages[0].recipients = 1;
            faulty(it, Step::Recipient, Act::TwiceLate(milliseconds));
        }) {
            let given_up = said(&played, "<: BDAT") > 0 && at_the_dot(&played)[0].starts_with("451 ");
            let told = played.records.iter().any(|record| record.starts_with("chunks-given-up "));
            assert_eq!(given_up, told, "{milliseconds}: {:?}", played.records);
            caught += usize::from(told);
        }
    }
    assert!(caught > 0, "no second reply came in time");
}

#[test]
fn what_is_not_accepted_never_goes() {
    for temper in [Temper::Rejects, Temper::Never, Temper::Raises, Temper::Dies] {
        for played in changed("judged", |it| it.tempers = vec![temper]) {
            assert_eq!(at_the_dot(&played).len(), 2);
            assert!(played.witnessed.taken.is_empty() && said(&played, "<: BDAT") == 0);
        }
    }
}

#[test]
fn client_leaves_anywhere() {
    for how in [Leave::Close, Leave::HalfClose] {
        for after in (0..900).step_by(13) {
            changed(&format!("{how:?} after {after}"), |it| it.clients[0].leaves = Some((after, how)));
        }
    }
}

#[test]
fn death_at_every_instant() {
    for at in 20..100 {
        for event in [Event::Kill, Event::Drain] {
            changed(&format!("{event:?} at {at}"), |it| it.events.push((at, event)));
        }
        changed(&format!("backend dies at {at}"), |it| {
            it.events.extend([(at, Event::BackendDies), (at + 5, Event::BackendReturns)]);
        });
    }
}
