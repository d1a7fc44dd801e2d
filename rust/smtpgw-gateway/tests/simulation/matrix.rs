//! The fault matrix, a test for each cell that the network and the peers can bring about. `C` is the client's side,
//! `B` the backend's; every test also passes the oracle.
//!
//! | fault \ moment | connect, greeting | MAIL, RCPT | content | dot → reply |
//! |---|---|---|---|---|
//! | C closes, half-closes | `client_leaves_anywhere` | the same | the same, `half_close_in_content` | the same, `what_was_ended_is_delivered_to_whoever_has_gone` |
//! | C silent | `silent_client_is_told_421` | the same | `silence_in_content_ends_it` | – |
//! | B refuses, greets wrongly | `greeting_and_ehlo_need_no_backend` | `backend_that_is_not_there_is_421_or_451` | – | – |
//! | B answers 4yz, 5yz | – | `refusals_are_the_backends_own` | `refused_data_resets_the_leg` | `refusals_are_the_backends_own` |
//! | B drops, closes | – | `backend_drops_is_451` | the same, `backend_that_gives_up_in_content_is_4yz` | the same |
//! | B hangs, drips, late | `greeting_and_ehlo_need_no_backend` | `backend_hangs_is_451` | the same | the same, `late_reply_is_still_the_backends` |
//! | B says a reply twice | – | `replies_said_twice_forge_nothing` | the same | the same |
//! | inspector hangs, raises, dies | – | – | – | `inspector_in_trouble_defers` |
//! | inspector rejects; shadow | – | – | – | `rejected_is_not_delivered`, `shadow_is_never_acted_on` |
//! | SIGTERM | `drain_has_a_last_word_to_the_silent` | the same | the same, `drain_finishes_what_is_under_way` | the latter |
//! | SIGKILL, backend's host dies | `death_at_every_instant` | the same | the same | the same |
//! | reload | `reload_at_every_instant_is_for_those_who_come_later` | the same | the same | the same |

use crate::oracle::judge;
use crate::play::{Played, play};
use crate::scenario::{Act, BackendPlan, Event, Leave, Scenario, Step, Temper};

/// Plays a calm scenario with a change; the oracle has nothing against it.
fn changed(what: &str, change: impl FnOnce(&mut Scenario)) -> Played {
    let mut scenario = Scenario::calm(3);
    change(&mut scenario);
    let played = play(&scenario);
    if let Err(wrong) = judge(&scenario, &played) {
        panic!("{what}: {wrong}\n{}", played.witnessed.transcript.join("\n"));
    }
    played
}

/// The backend does `act` at `step` on every connection but the gateway's probe.
fn backend(step: Step, act: Act) -> BackendPlan {
    let connections = [vec![]].into_iter().chain(std::iter::repeat_n(vec![(step, act)], 9)).collect();
    BackendPlan { connections, ..BackendPlan::default() }
}

fn heard<'a>(played: &'a Played, command: &str) -> Vec<&'a str> {
    let replies = played.witnessed.heard.iter().filter(|(_, to, _)| to.starts_with(command));
    replies.map(|(_, _, reply)| reply.as_str()).collect()
}

fn all_begin(replies: &[&str], with: &[&str]) -> bool {
    !replies.is_empty() && replies.iter().all(|reply| with.iter().any(|begin| reply.starts_with(begin)))
}

#[test]
fn client_leaves_anywhere() {
    let octets: usize = 900;
    for how in [Leave::Close, Leave::HalfClose] {
        for after in (0..octets).step_by(7) {
            changed(&format!("{how:?} after {after}"), |it| it.clients[0].leaves = Some((after, how)));
        }
    }
}

#[test]
fn half_close_in_content() {
    let played = changed("half-close", |it| it.clients[0].leaves = Some((170, Leave::HalfClose)));
    assert!(heard(&played, "DATA").iter().any(|reply| reply.starts_with("354")), "it was in content");
    assert!(played.witnessed.taken.is_empty());
}

/// The first of the numbers of octets after which a client may leave and has ended its message.
fn end_of_message(scenario: &Scenario) -> usize {
    let ends = |after| {
        let mut scenario = scenario.clone();
        scenario.clients[0].leaves = Some((after, Leave::Close));
        play(&scenario).witnessed.sent.iter().any(|sent| sent.ended)
    };
    let octets: Vec<usize> = (0..900).collect();
    octets.partition_point(|after| !ends(*after))
}

#[test]
fn what_was_ended_is_delivered_to_whoever_has_gone() {
    let calm = Scenario::calm(3);
    for (what, mut scenario) in [
        ("stored", calm.clone()),
        ("in one chunk", calm.clone().taking_one_chunk()),
        ("streamed in chunks", calm.clone().streaming(true, 20)),
        ("streamed by DATA", calm.streaming(false, 20)),
    ] {
        scenario.clients[0].messages.truncate(1);
        let end = end_of_message(&scenario);
        for how in [Leave::Close, Leave::HalfClose] {
            for (temper, act) in [(Temper::Fine(40), Act::Late(1)), (Temper::Fine(1), Act::Late(150))] {
                let mut scenario = scenario.clone();
                scenario.clients[0].leaves = Some((end, how));
                scenario.tempers = vec![temper];
                scenario.backend.connections = backend(Step::Dot, act).connections;
                let played = play(&scenario);
                judge(&scenario, &played).unwrap();
                let transcript = played.witnessed.transcript.join("\n");
                assert_eq!(played.witnessed.taken.len(), 1, "{what}, {how:?}, {act:?}\n{transcript}");
                if how == Leave::HalfClose {
                    let (_, _, last) = played.witnessed.heard.last().unwrap();
                    assert_eq!(last, "250 2.0.0 queued as 0\r\n", "{what}, {act:?}\n{transcript}");
                }
            }
        }
    }
}

#[test]
fn silent_client_is_told_421() {
    for after in [0, 5, 30, 60] {
        let played = changed("silent", |it| it.clients[0].leaves = Some((after, Leave::FallSilent)));
        assert!(all_begin(&heard(&played, "(nothing)")[..], &["421", "250"]), "{:?}", played.witnessed.heard);
        let last = played.witnessed.heard.last().unwrap();
        assert!(last.2.starts_with("421 4.4.2"), "{last:?}");
    }
}

#[test]
fn silence_in_content_ends_it() {
    let played = changed("silent", |it| it.clients[0].leaves = Some((170, Leave::FallSilent)));
    assert!(played.witnessed.heard.last().unwrap().2.starts_with("421 4.4.2"));
    assert!(played.witnessed.taken.is_empty());
}

#[test]
fn greeting_and_ehlo_need_no_backend() {
    let acts = [Act::Drop, Act::Hang, Act::Permanent, Act::Closing, Act::Drip(100)];
    for (step, act) in acts.iter().flat_map(|act| [(Step::Greeting, *act), (Step::Ehlo, *act)]) {
        let what = format!("{act:?} at {step:?}");
        let played = changed(&what, |it| it.backend = backend(step, act));
        assert!(all_begin(&heard(&played, "connect"), &["220"]), "{what}");
        assert!(all_begin(&heard(&played, "EHLO"), &["250"]), "{what}");
        assert!(all_begin(&heard(&played, "MAIL"), &["421 ", "451 4.4."]), "{what}: {:?}", heard(&played, "MAIL"));
    }
}

#[test]
fn backend_that_is_not_there_is_421_or_451() {
    let played = changed("nobody listens", |it| it.backend.opens_at = 5_000);
    assert!(all_begin(&heard(&played, "EHLO"), &["250"]));
    assert!(all_begin(&heard(&played, "MAIL"), &["421 ", "451 4.4.1"]), "{:?}", heard(&played, "MAIL"));
}

#[test]
fn refusals_are_the_backends_own() {
    let acts = [(Act::Temporary, "451 4.3.0 not now\r\n"), (Act::Permanent, "550 5.7.1 never\r\n")];
    for (act, reply) in acts {
        for (step, command) in [(Step::Mail, "MAIL"), (Step::Recipient, "RCPT"), (Step::Dot, "dot")] {
            let played = changed("refuses", |it| it.backend = backend(step, act));
            assert!(heard(&played, command).contains(&reply), "{act:?} at {step:?}: {:?}", heard(&played, command));
            assert!(played.witnessed.taken.is_empty());
        }
    }
}

#[test]
fn refused_data_resets_the_leg() {
    let played = changed("DATA is refused", |it| it.backend = backend(Step::Data, Act::Temporary));
    assert_eq!(heard(&played, "dot"), ["451 4.3.0 not now\r\n"; 2], "the second MAIL was no nested one");
    let resets = played.witnessed.transcript.iter().filter(|line| line.ends_with("b1 <: RSET\\r\\n"));
    assert_eq!(resets.count(), 2, "{}", played.witnessed.transcript.join("\n"));
}

#[test]
fn backend_drops_is_451() {
    for step in [Step::Mail, Step::Recipient, Step::Data, Step::Content, Step::Dot] {
        let played = changed("drops", |it| it.backend = backend(step, Act::Drop));
        let commands = if step == Step::Mail {
            "MAIL"
        } else if step == Step::Recipient {
            "RCPT"
        } else {
            "dot"
        };
        let replies = heard(&played, commands);
        assert!(all_begin(&replies, &["451", "421", "503"]), "{step:?}: {replies:?}");
        assert!(replies.iter().any(|reply| reply.starts_with("451")), "{step:?}: {replies:?}");
    }
}

#[test]
fn backend_that_gives_up_in_content_is_4yz() {
    let played = changed("gives up", |it| it.backend = backend(Step::Content, Act::Temporary));
    assert!(all_begin(&heard(&played, "dot"), &["451", "452"]), "{:?}", heard(&played, "dot"));
    assert!(played.witnessed.taken.is_empty());
}

#[test]
fn backend_hangs_is_451() {
    for step in [Step::Mail, Step::Recipient, Step::Data, Step::Content, Step::Dot] {
        for act in [Act::Hang, Act::Drip(90)] {
            let played = changed("hangs", |it| it.backend = backend(step, act));
            let commands = if step == Step::Mail {
                "MAIL"
            } else if step == Step::Recipient {
                "RCPT"
            } else {
                "dot"
            };
            let replies = heard(&played, commands);
            if (step, act) != (Step::Content, Act::Drip(90)) {
                assert!(replies.iter().any(|reply| reply.starts_with("451")), "{step:?} {act:?}: {replies:?}");
            }
        }
    }
}

#[test]
fn late_reply_is_still_the_backends() {
    let played = changed("late", |it| it.backend = backend(Step::Dot, Act::Late(250)));
    assert_eq!(heard(&played, "dot"), ["250 2.0.0 queued as 0\r\n", "250 2.0.0 queued as 1\r\n"]);
}

#[test]
fn replies_said_twice_forge_nothing() {
    for step in Step::ALL {
        for act in [Act::Twice, Act::TwiceLate(1), Act::TwiceLate(4), Act::TwiceLate(9), Act::TwiceLate(30)] {
            changed(&format!("{act:?} at {step:?}"), |it| it.backend = backend(step, act));
        }
    }
}

#[test]
fn inspector_in_trouble_defers() {
    for temper in [Temper::Never, Temper::Raises, Temper::Dies] {
        let played = changed("inspector", |it| it.tempers = vec![temper]);
        assert!(all_begin(&heard(&played, "dot"), &["451 4.7.1"]), "{temper:?}: {:?}", heard(&played, "dot"));
        assert!(played.witnessed.taken.is_empty());
    }
}

#[test]
fn rejected_is_not_delivered() {
    let played = changed("rejects", |it| it.tempers = vec![Temper::Rejects]);
    assert!(all_begin(&heard(&played, "dot"), &["554 5.7.1"]));
    assert!(played.witnessed.taken.is_empty());
}

#[test]
fn shadow_is_never_acted_on() {
    // It rejects and raises by turns in every scenario, with `on_error = "reject"`; here it is looked at.
    let played = changed("calm", |_| {});
    assert_eq!(played.witnessed.taken.len(), 2);
    let told = |word: &str| played.records.iter().any(|it| it.contains(r#""shadow""#) && it.contains(word));
    assert!(told("told to") || told("raised"), "{:?}", played.records);
}

#[test]
fn drain_finishes_what_is_under_way() {
    for at in 20..90 {
        changed(&format!("drain at {at}"), |it| it.events.push((at, Event::Drain)));
    }
    let played = changed("drain in content", |it| {
        it.tempers = vec![Temper::Fine(40)];
        it.events.push((60, Event::Drain));
    });
    assert_eq!(heard(&played, "dot"), ["250 2.0.0 queued as 0\r\n"], "{}", played.witnessed.transcript.join("\n"));
    assert!(played.witnessed.heard.iter().any(|(_, _, reply)| reply.starts_with("421 4.3.2")));
}

/// Whoever has no content under way at once, the others when their time is up.
#[test]
fn drain_has_a_last_word_to_the_silent() {
    let mut seen = [0; 3];
    for after in (0..200).step_by(3) {
        let played = changed(&format!("drain, silent after {after}"), |it| {
            it.clients[0].leaves = Some((after, Leave::FallSilent));
            it.events.push((200, Event::Drain));
        });
        let (_, _, last) = played.witnessed.heard.last().unwrap();
        assert!(last.starts_with("421 4.3.2"), "{after}: {last}\n{}", played.witnessed.transcript.join("\n"));
        // The greeting, EHLO, MAIL, RCPT, and the last word.
        let in_content = played.witnessed.heard.iter().any(|(_, _, reply)| reply.starts_with("354"));
        seen[if in_content { 2 } else { usize::from(played.witnessed.heard.len() >= 5) }] += 1;
    }
    assert!(seen.iter().all(|&times| times > 0), "before the envelope, within it, in content: {seen:?}");
}

#[test]
fn death_at_every_instant() {
    for at in 20..100 {
        changed(&format!("kill at {at}"), |it| it.events.push((at, Event::Kill)));
        changed(&format!("backend dies at {at}"), |it| {
            it.events.extend([(at, Event::BackendDies), (at + 5, Event::BackendReturns)]);
        });
    }
}

#[test]
fn reload_at_every_instant_is_for_those_who_come_later() {
    let mut scenario = Scenario::calm(3);
    let mut later = scenario.clients[0].clone();
    later.at = 500;
    scenario.clients.push(later);
    let mut reloaded = scenario.settings.clone();
    reloaded.listener[0].recipient_domains = vec!["elsewhere.example".into()];
    reloaded.limits.message_size = 10;
    scenario.reloaded = Some(reloaded);
    for at in scenario.clients[0].at + 5..100 {
        scenario.events = vec![(at, Event::Reload)];
        let played = play(&scenario);
        let transcript = played.witnessed.transcript.join("\n");
        let of = |client| played.witnessed.heard.iter().filter(move |(number, ..)| *number == client);
        assert!(of(0).all(|(.., reply)| reply.starts_with(['2', '3'])), "reload at {at}\n{transcript}");
        assert_eq!(played.witnessed.taken.len(), 2, "reload at {at}\n{transcript}");
        let mut refused = of(1).filter(|(_, to, _)| to.starts_with("RCPT"));
        assert!(refused.all(|(.., reply)| reply.starts_with("550 ")), "reload at {at}\n{transcript}");
    }
}
