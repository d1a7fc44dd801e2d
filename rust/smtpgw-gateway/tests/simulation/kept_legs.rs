//! What becomes of a leg with time: it is parted with when its own time is up, it begins no more transactions than its
//! backend said, and while a transaction waits it hears a sign of life.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use smtpgw_gateway::settings::{Backend, Settings};
use tokio::time::{Instant, sleep};

use crate::inspector::Scripted;
use crate::settings;
use crate::stage::{CLOSE, Caller, Stage, obliging};

fn two_backends() -> Settings {
    let mut settings = settings();
    settings.backend.insert("second".into(), Backend::at("second:25"));
    settings.listener[0].routes = BTreeMap::from([("example.net".into(), "second".into())]);
    settings.listener[0].recipient_domains.push("example.net".into());
    settings
}

#[test]
fn each_leg_goes_when_its_own_time_is_up() {
    let mut settings = two_backends();
    for (name, seconds) in [("backend", 60), ("second", 2)] {
        let backend = settings.backend.get_mut(name).unwrap();
        (backend.pool, backend.pool_s) = (1, Duration::from_secs(seconds));
    }
    let mut stage = Stage::with(settings, |_, line| obliging(&[], line));
    stage.backends.push(("second", Arc::new(|_, line| obliging(&[], line))));
    let staged = stage.play(|mut caller| async move {
        caller.hear().await?;
        caller.ask("EHLO c.example").await?;
        // The first leg rests from here on, and then the second, which is to go sooner.
        assert!(caller.send("b@example.org").await?.starts_with("250"));
        assert!(caller.send("b@example.net").await?.starts_with("250"));
        caller.ask("QUIT").await?;
        sleep(Duration::from_secs(70)).await;
        Ok(())
    });
    let quit = |host| {
        staged
            .told
            .iter()
            .filter(|told| (told.host, told.connection, told.line.as_str()) == (host, 1, "QUIT"))
            .map(|told| told.at)
            .max()
    };
    let (long, short) = (quit("backend").unwrap(), quit("second").unwrap());
    assert!((2_000..4_000).contains(&short) && (60_000..63_000).contains(&long), "{short} {long}");
}

#[test]
fn a_leg_begins_no_more_transactions_than_its_backend_said() {
    for pool in [0, 1] {
        let mut settings = settings();
        let backend = settings.backend.get_mut("backend").unwrap();
        (backend.pool, backend.pool_s) = (pool, Duration::from_secs(60));
        let stage = Stage::with(settings, |_, line| obliging(&["LIMITS MAILMAX=2"], line));
        let staged = stage.play(|mut caller| async move {
            caller.hear().await?;
            assert!(caller.ask("EHLO c.example").await?.contains("LIMITS MAILMAX=2 "));
            for _ in 0..5 {
                assert!(caller.send("b@example.org").await?.starts_with("250"));
            }
            Ok(())
        });
        for connection in 1..staged.connections("backend") {
            let mails = staged.lines("backend", connection).iter().filter(|line| line.starts_with("MAIL")).count();
            assert!((1..=2).contains(&mails), "{mails} on connection {connection}");
        }
        assert_eq!(staged.connections("backend"), 4, "the look, and three for five messages");
    }
}

/// Two clients of a backend whose leg is kept: the first leaves one message, and perhaps a transaction without an end;
/// what RSET is answered, what the first leg heard, and how many legs there were.
fn two_clients(leaves_open: bool, reset: &'static str) -> (Vec<String>, usize) {
    let mut settings = settings();
    let backend = settings.backend.get_mut("backend").unwrap();
    (backend.pool, backend.pool_s) = (1, Duration::from_secs(60));
    let stage = Stage::with(settings, move |_, line| match line {
        "RSET" => reset.into(),
        _ => obliging(&[], line),
    });
    let staged = stage.play(move |mut first| async move {
        first.hear().await?;
        first.ask("EHLO c.example").await?;
        assert!(first.send("b@example.org").await?.starts_with("250 "));
        if leaves_open {
            assert!(first.ask("MAIL FROM:<a@client.example>").await?.starts_with("250 "));
            assert!(first.ask("RCPT TO:<c@example.org>").await?.starts_with("250 "));
        }
        first.ask("QUIT").await?;
        sleep(Duration::from_secs(5)).await;
        let mut second = Caller::connect().await?;
        second.hear().await?;
        second.ask("EHLO d.example").await?;
        assert!(second.send("d@example.org").await?.starts_with("250 2.0.0 backend queued"));
        Ok(())
    });
    let heard = staged.lines("backend", 1).into_iter().map(str::to_owned).collect();
    (heard, staged.connections("backend") - 1)
}

#[test]
fn only_a_transaction_without_an_end_costs_a_reset() {
    const VERBS: [&str; 6] = ["EHLO", "MAIL", "RCPT", "DATA", "RSET", "QUIT"];
    let verbs = |heard: &[String]| -> String {
        let verbs = heard.iter().filter_map(|line| VERBS.into_iter().find(|verb| line.starts_with(verb)));
        verbs.collect::<Vec<_>>().join(" ")
    };
    let (heard, legs) = two_clients(false, "250 2.0.0 ok");
    assert_eq!((verbs(&heard).as_str(), legs), ("EHLO MAIL RCPT DATA MAIL RCPT DATA", 1));
    let (heard, legs) = two_clients(true, "250 2.0.0 ok");
    assert_eq!((verbs(&heard).as_str(), legs), ("EHLO MAIL RCPT DATA MAIL RCPT RSET MAIL RCPT DATA", 1));
}

#[test]
fn a_leg_that_cannot_be_reset_is_not_kept() {
    for answer in ["450 4.0.0 not now", "", "250 2.0.0 ok\r\n250 2.0.0 ok", CLOSE] {
        let (heard, legs) = two_clients(true, answer);
        assert_eq!(legs, 2, "{answer:?}: {heard:#?}");
        assert_eq!(heard.iter().filter(|line| line.starts_with("MAIL")).count(), 2, "{heard:#?}");
    }
}

/// The longest that the first leg heard nothing between MAIL and the end of content, in seconds.
fn longest_silence(stage: Stage, rest: Duration) -> u128 {
    let staged = stage.play(move |mut caller| async move {
        caller.hear().await?;
        caller.ask("EHLO c.example").await?;
        caller.ask("MAIL FROM:<a@client.example>").await?;
        sleep(rest).await;
        caller.ask("RCPT TO:<b@example.org>").await?;
        sleep(rest).await;
        caller.ask("DATA").await?;
        let reply = caller.ask("Subject: x\r\n\r\nbody\r\n.").await?;
        assert!(reply.starts_with("250 2.0.0 backend queued"), "{reply}");
        Ok(())
    });
    assert!(!staged.records.iter().any(|record| record.contains("no answer")), "{:#?}", staged.records);
    let times: Vec<u128> = staged.told.iter().filter(|told| told.connection == 1).map(|told| told.at).collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap() / 1_000
}

#[test]
fn a_backend_hears_of_us_while_the_client_thinks() {
    let mut settings = settings();
    settings.limits.command_s = Duration::from_secs(290);
    let stage = Stage::with(settings, |_, line| obliging(&[], line));
    let silence = longest_silence(stage, Duration::from_secs(280));
    assert!(silence <= 121, "{silence} s");
}

#[test]
fn a_backend_hears_of_us_while_the_verdict_is_awaited() {
    let mut settings = settings();
    settings.verdict.budget_s = Duration::from_secs(600);
    let mut stage = Stage::with(settings, |_, line| obliging(&[], line));
    stage.inspect = Some(Arc::new(Scripted::thinking(Duration::from_secs(200))));
    let silence = longest_silence(stage, Duration::ZERO);
    assert!(silence <= 121, "{silence} s");
}

#[test]
fn a_sign_that_is_not_answered_does_not_hold_up_the_verdict() {
    let mut settings = settings();
    settings.verdict.budget_s = Duration::from_secs(600);
    let mut stage = Stage::with(settings, |_, line| match line {
        "NOOP" => String::new(),
        _ => obliging(&[], line),
    });
    // A part and the message: the sign goes out some ten seconds before they are done with.
    stage.inspect = Some(Arc::new(Scripted::thinking(Duration::from_secs(64))));
    let staged = stage.play(|mut caller| async move {
        caller.hear().await?;
        caller.ask("EHLO c.example").await?;
        let begun = Instant::now();
        let reply = caller.send("b@example.org").await?;
        assert!(reply.starts_with("451 4.4.2 "), "{reply}");
        assert!(begun.elapsed() < Duration::from_secs(131), "{:?}", begun.elapsed());
        Ok(())
    });
    assert!(staged.lines("backend", 1).contains(&"NOOP"));
    assert!(!staged.told.iter().any(|told| told.line == "."));
}
