//! The oracle bites: each promise is broken on purpose, by a world that lies ([`crate::lies`]), by settings that the
//! gateway goes by and the scenario does not know of, or by an inspector that does what none may. Without that the same
//! scenario passes.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use smtpgw_gateway::inspect::{Answer, Batch, Inspect, InspectorInfo, Outcome, Subject};
use smtpgw_gateway::message::Content;
use smtpgw_gateway::settings::{BackendTls, Identity};

use crate::inspector::Scripted;
use crate::lies::{Direction, Lies, Side, replaced};
use crate::oracle::judge;
use crate::play::{Breach, play, play_broken};
use crate::scenario::{Act, BackendPlan, ClientTls, Introduction, Leave, Miscount, Scenario, Step, Trouble};

/// Whole, the scenario passes; with the breach the oracle says this.
fn bites(scenario: &Scenario, breach: &Breach, complaint: &str) {
    let whole = play(scenario);
    if let Err(wrong) = judge(scenario, &whole) {
        panic!("{complaint}: nothing was broken, and {wrong}\n{}", whole.witnessed.transcript.join("\n"));
    }
    let broken = play_broken(scenario, breach);
    let transcript = broken.witnessed.transcript.join("\n");
    match judge(scenario, &broken) {
        Ok(()) => panic!("{complaint}: nobody noticed\n{transcript}"),
        Err(wrong) => assert!(wrong.contains(complaint), "{complaint}: {wrong}\n{transcript}"),
    }
}

fn lying(lies: Lies) -> Breach {
    Breach { lies, ..Breach::default() }
}

fn replacing(side: Side, direction: Direction, word: &'static str, by: &'static str) -> Breach {
    lying(Lies::replacing(side, direction, word, by))
}

fn calm(change: impl FnOnce(&mut Scenario)) -> Scenario {
    let mut scenario = Scenario::calm(3);
    change(&mut scenario);
    scenario
}

#[test]
fn a_reply_that_is_not_the_backends() {
    let refuses = calm(|it| {
        let connections = vec![vec![], vec![(Step::Dot, Act::Temporary)]];
        it.backend = BackendPlan { connections, ..BackendPlan::default() };
    });
    let forged = replacing(Side::Backend, Direction::In, "451 4.3.0 not now", "250 2.0.0 queued");
    bites(&refuses, &forged, "acknowledged and not delivered");
    let other = replacing(Side::Client, Direction::Out, "queued as 0", "queued as 7");
    bites(&calm(|_| {}), &other, "client heard");
    let denied = replacing(Side::Client, Direction::Out, "250 2.0.0 queued", "554 5.7.1 no");
    bites(&calm(|_| {}), &denied, "took what the client was told");
}

#[test]
fn a_reply_to_another_command() {
    let refusal = replacing(Side::Client, Direction::Out, "221 2.0.0 ", "554 5.0.0 ");
    bites(&calm(|_| {}), &refusal, "and nobody gave");
    let other = replacing(Side::Client, Direction::Out, "m0r0", "m0r9");
    bites(&calm(|_| {}), &other, "and heard");
}

#[test]
fn content_that_is_not_the_clients() {
    let other = replacing(Side::Backend, Direction::Out, "X-Marker", "X-Harker");
    bites(&calm(|_| {}), &other, "delivered with other content");
}

#[test]
fn an_end_that_the_client_did_not_send() {
    // Behind the CR of a line's end.
    let leaves = calm(|it| it.clients[0].leaves = Some((170, Leave::HalfClose)));
    let said = AtomicBool::new(false);
    let ended = Lies::words(move |side, direction, octets| {
        let ends = (side, direction) == (Side::Client, Direction::In) && octets.is_empty();
        if ends && !said.swap(true, Ordering::Relaxed) { b"\n.\r\n".to_vec() } else { octets.to_vec() }
    });
    bites(&leaves, &lying(ended), "delivered before its client ended it");
}

#[test]
fn a_connection_that_never_ends() {
    // Who is given up by the gateway waits for its end.
    let hangs = calm(|it| {
        let connections = vec![vec![], vec![(Step::Mail, Act::Hang)]];
        it.backend = BackendPlan { connections, ..BackendPlan::default() };
    });
    bites(&hangs, &lying(Lies { leaks: true, ..Lies::default() }), "never ended");
}

#[test]
fn another_identity_and_another_backend() {
    let tells = calm(|it| it.settings.backend.get_mut("backend").unwrap().identity = Identity::Xclient);
    bites(&tells, &replacing(Side::Backend, Direction::Out, " PORT=", " PORT=1"), "and delivered as from");
    let routed = calm(|it| {
        it.with_second("backend".into(), true);
        it.clients[0].messages.iter_mut().for_each(|message| message.domains = &["example.net"]);
    });
    let mut settings = routed.settings.clone();
    settings.listener[0].routes = BTreeMap::new();
    bites(&routed, &Breach { settings: Some(settings), ..Breach::default() }, "was delivered to b");
}

#[test]
fn a_client_for_whom_a_proxy_speaks() {
    for introduction in [Introduction::Version1, Introduction::Version2, Introduction::Xclient] {
        let introduced = calm(|it| {
            let listener = &mut it.settings.listener[0];
            let xclient = introduction == Introduction::Xclient;
            let networks = if xclient { &mut listener.xclient_from } else { &mut listener.proxy_protocol_from };
            networks.push("192.168.0.0/16".parse().unwrap());
            it.clients[0].introduction = Some(introduction);
        });
        let other = replacing(Side::Backend, Direction::Out, "([192.0.2.1])", "([192.0.2.9])");
        bites(&introduced, &other, "and the trace says");
    }
}

#[test]
fn a_login_of_another_client() {
    let mut logs_in = Scenario::calm(3).with_tls().with_logins();
    logs_in.clients[0].tls = Some(ClientTls::STARTTLS);
    logs_in.clients[0].at = 200;
    logs_in.clients[0].logs_in = true;
    let mut played = play(&logs_in);
    assert_eq!(judge(&logs_in, &played), Ok(()));
    for other in [None, Some("AGMxAHg=".into())] {
        assert!(played.witnessed.taken[1].login.is_some());
        let login = std::mem::replace(&mut played.witnessed.taken[1].login, other);
        assert!(judge(&logs_in, &played).unwrap_err().contains("and delivered as of"));
        played.witnessed.taken[1].login = login;
    }
}

#[test]
fn a_chunk_that_is_not_counted() {
    let content = Scenario::calm(3).clients[0].messages[0].content.len();
    let miscounts = calm(|it| {
        it.clients[0].chunks = Some(8_000);
        it.clients[0].miscount = Some(Miscount::More { octets: 12, commands: 4 });
    });
    let (said, meant) = (format!("BDAT {} LAST", content + 12), format!("BDAT {} LAST", content + 6));
    let other = replacing(Side::Client, Direction::In, said.leak(), meant.leak());
    bites(&miscounts, &other, "delivered with other content");
}

#[test]
fn mail_in_clear_where_tls_is_required() {
    let mut required = Scenario::calm(3).with_backend_tls(BackendTls::Required);
    required.backend.tls = true;
    let mut settings = required.settings.clone();
    settings.backend.get_mut("backend").unwrap().tls = BackendTls::None;
    bites(&required, &Breach { settings: Some(settings), ..Breach::default() }, "delivered in clear");
    // Without the word nothing arrives, and that is noticed, too.
    let stripped = replacing(Side::Backend, Direction::In, "250-STARTTLS\r\n", "");
    bites(&required, &stripped, "0 of 2 arrived");
}

#[test]
fn a_trace_that_does_not_tell_of_tls() {
    let mut encrypted = Scenario::calm(3).with_tls();
    encrypted.clients[0].tls = Some(ClientTls::STARTTLS);
    bites(&encrypted, &replacing(Side::Backend, Direction::Out, " with ESMTPS ", " with ESMTP "), "and the trace says");
}

#[test]
fn commands_behind_starttls_that_are_believed() {
    let mut injected = Scenario::calm(3).with_tls();
    injected.clients[0].tls = Some(ClientTls { trouble: Some(Trouble::Injects), ..ClientTls::STARTTLS });
    let believed = Lies::words(|side, direction, octets| {
        if (side, direction) == (Side::Client, Direction::In) && octets.starts_with(b"STARTTLS\r\n") {
            return [&replaced(octets, b"STARTTLS\r\n", b"")[..], b"DATA\r\n\r\n.\r\n"].concat();
        }
        octets.to_vec()
    });
    bites(&injected, &lying(believed), "a message of nobody");
}

/// Has nothing to say, and writes into the files that it is shown.
struct Scribbler(Scripted);

impl Inspect for Scribbler {
    fn roster(&self) -> &[InspectorInfo] {
        self.0.roster()
    }

    fn submit(&self, batch: Arc<Batch>) {
        tokio::spawn(async move {
            while let Some(claim) = batch.claim() {
                if let Subject::Message(message) = &claim.call().subject
                    && let Some(Content::File { file, offset, len }) = message.progress.read().raw.clone()
                {
                    file.write_all_at(b"X", offset + len / 2).unwrap();
                }
                claim.answer(Answer { outcome: Outcome::Returned(Vec::new()), elapsed: Duration::ZERO });
            }
        });
    }

    fn overrun(&self, batch: &Arc<Batch>, _: usize) {
        self.submit(Arc::clone(batch));
    }
}

#[test]
fn content_that_changes_in_its_file() {
    let inspect: Arc<dyn Inspect> = Arc::new(Scribbler(Scripted::accepting(Duration::ZERO)));
    let breach = Breach { inspect: Some(inspect), ..Breach::default() };
    bites(&Scenario::calm(3).with_large(150_000), &breach, "delivered with other content");
}

#[test]
fn what_is_there_twice_or_still_held() {
    let scenario = Scenario::calm(3);
    let mut twice = play(&scenario);
    let again = twice.witnessed.taken[0].clone();
    twice.witnessed.taken.push(again);
    assert!(judge(&scenario, &twice).unwrap_err().contains("delivered twice"));
    for held in [(1, 0), (0, 1)] {
        let mut kept = play(&scenario);
        kept.left = Some(held);
        assert!(judge(&scenario, &kept).unwrap_err().contains("still held"));
    }
}
