//! The simulated world under TLS, on both legs: what the seeds draw by chance ([`Scenario::draw_tls`]), one by one.
//! Every test also passes the oracle.

use smtpgw_gateway::settings::BackendTls;

use crate::oracle::judge;
use crate::play::{Played, play};
use crate::scenario::{Act, BackendPlan, ClientTls, Leave, Scenario, Step, Trouble};

/// Plays a calm scenario under TLS with a change; the oracle has nothing against it.
fn changed(what: &str, change: impl FnOnce(&mut Scenario)) -> Played {
    let mut scenario = Scenario::calm(3).with_tls();
    scenario.clients[0].tls = Some(ClientTls::STARTTLS);
    change(&mut scenario);
    let played = play(&scenario);
    if let Err(wrong) = judge(&scenario, &played) {
        panic!("{what}: {wrong}\n{}\n{}", played.witnessed.transcript.join("\n"), played.records.join("\n"));
    }
    played
}

fn with_backend(scenario: &mut Scenario, tls: BackendTls, offers: bool, fault: Option<(Step, Act)>) {
    *scenario = scenario.clone().with_backend_tls(tls);
    let connections = fault.map(|fault| vec![vec![], vec![fault]]).unwrap_or_default();
    scenario.backend = BackendPlan { tls: offers, connections, ..BackendPlan::default() };
}

fn at_the_dot(played: &Played) -> Vec<&str> {
    let replies = played.witnessed.heard.iter().filter(|(_, to, _)| to == "dot");
    replies.map(|(_, _, reply)| reply.as_str()).collect()
}

#[test]
fn everything_arrives_under_tls() {
    for implicit in [false, true] {
        for only_12 in [false, true] {
            for piece in [usize::MAX, 100] {
                let tls = ClientTls { implicit, only_12, piece, ..ClientTls::STARTTLS };
                let played = changed(&format!("{tls:?}"), |it| it.clients[0].tls = Some(tls));
                assert_eq!(played.witnessed.taken.len(), 2);
                assert!(played.witnessed.sent.iter().all(|sent| sent.tls));
            }
        }
    }
}

#[test]
fn the_backend_has_it_under_tls_where_it_can() {
    for tls in [BackendTls::Opportunistic, BackendTls::Required, BackendTls::Verified] {
        let played = changed(&format!("{tls:?}"), |it| with_backend(it, tls, true, None));
        assert!(played.witnessed.taken.len() == 2 && played.witnessed.taken.iter().all(|taken| taken.tls), "{tls:?}");
    }
    let played = changed("none", |it| with_backend(it, BackendTls::None, true, None));
    assert!(played.witnessed.taken.iter().all(|taken| !taken.tls));
    let played = changed("opportunistic", |it| with_backend(it, BackendTls::Opportunistic, false, None));
    assert_eq!(played.witnessed.taken.len(), 2);
}

#[test]
fn nothing_goes_in_clear_where_tls_is_required() {
    for tls in [BackendTls::Required, BackendTls::Verified] {
        let played = changed("not offered", |it| with_backend(it, tls, false, None));
        assert!(played.witnessed.taken.is_empty());
        for step in [Step::Starttls, Step::Handshake] {
            for act in [Act::Temporary, Act::Permanent, Act::Closing, Act::Drop, Act::Hang, Act::Drip(3), Act::Late(20)]
            {
                changed(&format!("{step:?} {act:?}"), |it| with_backend(it, tls, true, Some((step, act))));
            }
        }
    }
}

#[test]
fn where_it_is_opportunistic_mail_goes_round_a_failed_handshake() {
    for (step, acts) in [
        (Step::Starttls, &[Act::Temporary, Act::Permanent, Act::Closing, Act::Drop, Act::Hang][..]),
        (Step::Handshake, &[Act::Drop, Act::Hang]),
    ] {
        for act in acts {
            let what = format!("{step:?} {act:?}");
            let played = changed(&what, |it| {
                with_backend(it, BackendTls::Opportunistic, true, None);
                it.backend.connections = vec![vec![(step, *act)]];
            });
            let taken = &played.witnessed.taken;
            assert!(taken.len() == 2 && taken.iter().all(|taken| !taken.tls), "{what}: {:?}", at_the_dot(&played));
            let told = played.records.iter().filter(|record| record.contains("backend-in-clear")).count();
            assert_eq!(told, 1, "{what}");
        }
    }
}

#[test]
fn what_stands_behind_the_backends_220_is_not_believed() {
    for (tls, act) in [
        (BackendTls::Required, Act::Twice),
        (BackendTls::Required, Act::TwiceLate(1)),
        (BackendTls::Opportunistic, Act::Twice),
    ] {
        let played = changed("injected", |it| {
            with_backend(it, tls, true, None);
            it.backend.connections = vec![vec![(Step::Starttls, act)]];
        });
        assert!(played.witnessed.taken.is_empty(), "{tls:?} {act:?}: {:?}", at_the_dot(&played));
    }
}

#[test]
fn a_client_may_leave_anywhere_in_the_handshake() {
    for implicit in [false, true] {
        for how in [Leave::Close, Leave::HalfClose, Leave::FallSilent] {
            for after in (0..2_000).step_by(if how == Leave::FallSilent { 180 } else { 60 }) {
                let trouble = Some(Trouble::Leaves(after, how));
                changed(&format!("{how:?} after {after}"), |it| {
                    it.clients[0].tls = Some(ClientTls { implicit, trouble, piece: 500, ..ClientTls::STARTTLS });
                });
            }
        }
    }
}

#[test]
fn a_client_may_leave_anywhere_under_tls() {
    for how in [Leave::Close, Leave::HalfClose] {
        for truncates in [false, true] {
            for after in (0..900).step_by(17) {
                for streaming in [None, Some(true), Some(false)] {
                    changed(&format!("{how:?} after {after}, chunks: {streaming:?}"), |it| {
                        if let Some(chunking) = streaming {
                            *it = it.clone().streaming(chunking, 20);
                        }
                        it.clients[0].tls = Some(ClientTls { truncates, ..ClientTls::STARTTLS });
                        it.clients[0].leaves = Some((after, how));
                    });
                }
            }
        }
    }
}

#[test]
fn what_stands_behind_starttls_is_not_believed() {
    for trouble in [Trouble::Injects, Trouble::Garbage] {
        for implicit in [false, true] {
            let played = changed(&format!("{trouble:?}"), |it| {
                it.clients[0].tls = Some(ClientTls { implicit, trouble: Some(trouble), ..ClientTls::STARTTLS });
            });
            assert!(played.witnessed.sent.is_empty() && played.witnessed.taken.is_empty());
            // What was said in clear had no answer but the last word.
            let heard: Vec<_> = played.witnessed.heard.iter().filter(|(_, to, _)| to == "(nothing)").collect();
            assert!(heard.len() <= 1 && heard.iter().all(|(.., reply)| reply.starts_with("421 4.7.0 ")), "{heard:?}");
        }
    }
}
