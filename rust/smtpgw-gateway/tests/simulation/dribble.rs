//! Clients that dribble their commands or their content: each has so long and no longer, whatever it sends meanwhile,
//! and what it began at the backend ends with it, without a dot.

use std::io;
use std::time::Duration;

use smtpgw_gateway::settings::{Relay, Settings, Unscanned, UnscannedAction};
use tokio::time::Instant;

use crate::settings;
use crate::stage::{Caller, Stage, Staged, obliging};

fn hurried() -> Settings {
    let mut settings = settings();
    settings.limits.command_s = Duration::from_secs(5);
    settings.limits.data_rate = 1_000;
    settings
}

/// An octet of it each fifth of a second, without end; what ended that, and after how long. Whoever is sending when the
/// other end closes may hear of its reset before it hears what was said last.
async fn dribble(caller: &mut Caller, octets: &str) -> (io::Result<String>, Duration) {
    let begun = Instant::now();
    for octet in octets.chars().cycle() {
        if let Err(reset) = caller.say(&octet.to_string()).await {
            return (Err(reset), begun.elapsed());
        }
        match tokio::time::timeout(Duration::from_millis(200), caller.hear()).await {
            Ok(reply) => return (reply, begun.elapsed()),
            Err(_) if begun.elapsed() > Duration::from_secs(300) => break,
            Err(_) => {}
        }
    }
    panic!("it goes on and on");
}

/// Says `lines`, each of which is answered, and dribbles behind `begun`; it must hear 421 after about so many seconds.
fn dribbles(
    settings: Settings,
    lines: &'static [&'static str],
    begun: &'static str,
    octets: &'static str,
    seconds: u64,
) -> Staged {
    Stage::with(settings, |_, line| obliging(&["PIPELINING", "CHUNKING"], line)).play(move |mut caller| async move {
        caller.hear().await?;
        for line in lines {
            assert!(caller.ask(line).await?.starts_with(['2', '3']), "{line}");
        }
        caller.say(begun).await?;
        let (heard, after) = dribble(&mut caller, octets).await;
        let in_vain = heard.as_ref().map_or(true, |reply| reply.starts_with("421 4.4.2 "));
        assert!(in_vain, "behind {lines:?}: {heard:?}");
        // The time began when the line before was done with, a moment earlier.
        let (least, most) = (Duration::from_millis(seconds * 1_000 - 100), Duration::from_secs(seconds + 1));
        assert!(least <= after && after <= most, "behind {lines:?}: {after:?}");
        assert!(caller.hear().await.is_err(), "and it is hung up on");
        Ok(())
    })
}

const ENVELOPE: [&str; 3] = ["EHLO c.example", "MAIL FROM:<a@client.example>", "RCPT TO:<b@example.org>"];
const DATA: [&str; 4] = [ENVELOPE[0], ENVELOPE[1], ENVELOPE[2], "DATA"];

#[test]
fn a_command_that_dribbles_in_has_the_time_of_one() {
    for lines in [&[][..], &ENVELOPE[..1], &ENVELOPE[..2], &ENVELOPE] {
        let staged = dribbles(hurried(), lines, "", "RCPT TO:<", 5);
        let told = staged.lines("backend", 1);
        assert!(told.iter().all(|line| *line != "DATA"), "{told:?}");
        assert_eq!(told.is_empty(), lines.len() < 2, "the backend is dialled at MAIL: {told:?}");
        let record = staged.records.iter().find(|record| record.contains(r#""end":"timeout""#));
        assert!(record.is_some(), "{:?}", staged.records);
    }
}

#[test]
fn content_that_dribbles_in_has_the_time_that_it_earns() {
    for relay in [Relay::Store, Relay::Stream] {
        let mut settings = hurried();
        settings.decode.unscanned = Unscanned::ALL.map(|reason| (reason, UnscannedAction::Accept)).into();
        let backend = settings.backend.get_mut("backend").unwrap();
        (backend.relay, backend.stream_chunk) = (relay, 1);
        // Three hundred octets in a minute earn nothing at this rate.
        never_ended(&dribbles(settings.clone(), &DATA, "", "x\r\n", 60));
        never_ended(&dribbles(settings, &ENVELOPE, "BDAT 1000\r\n", "x", 60));
    }
}

/// It was too slow, and what it began at the backend has no end.
fn never_ended(staged: &Staged) {
    let told = staged.lines("backend", 1);
    assert!(!told.iter().any(|line| *line == "." || line.ends_with(" LAST")), "{told:?}");
    let record = staged.records.iter().find(|record| record.contains(r#""end":"too-slow""#));
    assert!(record.is_some(), "{:?}", staged.records);
}

#[test]
fn chunks_of_an_octet_earn_no_more_than_octets_do() {
    let script = |_, line: &str| obliging(&["PIPELINING", "CHUNKING"], line);
    let staged = Stage::with(hurried(), script).play(move |mut caller| async move {
        caller.hear().await?;
        for line in ENVELOPE {
            caller.ask(line).await?;
        }
        let begun = Instant::now();
        let last = loop {
            caller.say("BDAT 1\r\nx").await?;
            let reply = caller.hear().await?;
            if !reply.starts_with("250 ") {
                break reply;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        assert!(last.starts_with("421 4.4.2 "), "{last}");
        assert!((59..=62).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
        Ok(())
    });
    never_ended(&staged);
}
