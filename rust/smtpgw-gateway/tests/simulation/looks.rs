//! Looks at backends, off the way of messages.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use smtpgw_gateway::settings::{Backend, Identity, Settings};
use tokio::time::{Instant, sleep};

use crate::settings;
use crate::stage::{CLOSE, Caller, Stage, obliging};

#[test]
fn an_address_that_lets_a_look_wait_makes_no_other_late() {
    let mut settings = settings();
    let backend = settings.backend.get_mut("backend").unwrap();
    backend.address = "mute+backend:25".into();
    backend.connect_s = Duration::from_secs(30);
    // One of them never greets; what the other offers is known within a moment.
    let mut stage = Stage::with(settings, |_, line| obliging(&["8BITMIME"], line));
    stage.backends.push(("mute", Arc::new(|_, _| String::new())));
    stage.play(|mut caller| async move {
        caller.hear().await?;
        sleep(Duration::from_millis(100)).await;
        let offer = caller.ask("EHLO c.example").await?;
        assert!(offer.contains("250-8BITMIME\r\n"), "{offer}");
        Ok(())
    });
}

/// A backend behind PROXY headers, at these hosts, which is dialled for each message.
fn behind_headers(address: &str) -> Settings {
    let mut settings = settings();
    let backend = settings.backend.get_mut("backend").unwrap();
    (backend.address, backend.identity) = (address.into(), Identity::ProxyV1);
    backend.connect_s = Duration::from_secs(2);
    settings
}

/// Greets whoever brings a header.
fn greets_behind_a_header(line: &str) -> String {
    match line {
        "" => String::new(),
        _ if line.starts_with("PROXY ") => obliging(&[], ""),
        _ => obliging(&["8BITMIME"], line),
    }
}

/// A client each ten seconds for three minutes; what the last one is offered, and how long its MAIL takes. All mail is
/// taken.
async fn clients() -> io::Result<(String, Duration)> {
    for _ in 0..18 {
        sleep(Duration::from_secs(10)).await;
        let mut caller = Caller::connect().await?;
        caller.hear().await?;
        caller.ask("EHLO c.example").await?;
        let reply = caller.send("b@example.org").await?;
        assert!(reply.starts_with("250 2.0.0 backend queued"), "{reply}");
        caller.ask("QUIT").await?;
    }
    let mut caller = Caller::connect().await?;
    caller.hear().await?;
    let offer = caller.ask("EHLO c.example").await?;
    let begun = Instant::now();
    let reply = caller.ask("MAIL FROM:<a@client.example>").await?;
    assert!(reply.starts_with("250 "), "{reply}");
    Ok((offer, begun.elapsed()))
}

#[test]
fn a_busy_backend_is_asked_what_it_offers_even_if_dials_do_not_show_it() {
    // It was not there yet when the gateway started.
    let stage = Stage::with(behind_headers("backend:25"), |connection, line| match connection {
        0 => CLOSE.into(),
        _ => greets_behind_a_header(line),
    });
    stage.play(|_| async move {
        let (offer, _) = clients().await?;
        assert!(offer.contains("250-8BITMIME\r\n"), "{offer}");
        Ok(())
    });
}

#[test]
fn an_address_that_hangs_costs_no_mail_and_is_found_by_a_look() {
    // A circuit that stays open wants its looks meanwhile, and they are not to be the only ones.
    for hosts in ["mute+backend:25", "deaf+mute+backend:25"] {
        let mut stage = Stage::with(behind_headers(hosts), |_, line| greets_behind_a_header(line));
        stage.backends.push(("mute", Arc::new(|_, _| String::new())));
        stage.deaf.push("deaf");
        let staged = stage.play(move |_| async move {
            let (_, elapsed) = clients().await?;
            assert!(elapsed < Duration::from_secs(1), "{hosts}: {elapsed:?}");
            Ok(())
        });
        let down = staged.records.iter().filter(|record| record.contains(r#""event":"backend-down""#)).count();
        assert_eq!(down, hosts.matches('+').count(), "{}", staged.records.join("\n"));
    }
}

#[test]
fn a_backend_that_hangs_behind_a_header_leaves_its_mail_to_the_next() {
    let mut settings = behind_headers("mute:25");
    let next = Backend { address: "backend:25".into(), ..settings.backend["backend"].clone() };
    settings.backend.insert("next".into(), next);
    settings.listener[0].backend = ["backend", "next"].into();
    let mut stage = Stage::with(settings, |_, line| greets_behind_a_header(line));
    stage.backends.push(("mute", Arc::new(|_, _| String::new())));
    stage.play(|mut caller| async move {
        caller.hear().await?;
        caller.ask("EHLO c.example").await?;
        let reply = caller.send("b@example.org").await?;
        assert!(reply.starts_with("250 2.0.0 backend queued"), "{reply}");
        Ok(())
    });
}

#[test]
fn what_a_backend_answers_behind_a_header_is_its_word_and_nobody_elses() {
    let mut stage = Stage::with(behind_headers("stern+backend:25"), |_, line| greets_behind_a_header(line));
    let stern = |_: usize, line: &str| if line.is_empty() { "" } else { "554 5.7.1 not you" }.into();
    stage.backends.push(("stern", Arc::new(stern)));
    let staged = stage.play(|mut caller| async move {
        caller.hear().await?;
        caller.ask("EHLO c.example").await?;
        let reply = caller.ask("MAIL FROM:<a@client.example>").await?;
        assert!(reply.starts_with("451 "), "{reply}");
        Ok(())
    });
    assert_eq!(staged.connections("backend"), 1, "the look");
}
