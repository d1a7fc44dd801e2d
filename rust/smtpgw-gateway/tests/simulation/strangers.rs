//! Strangers who want to relay by us, talk before their turn, or come too many at a time: what they are told, and what
//! of it a backend hears.

use std::sync::Arc;
use std::time::Duration;

use smtpgw_gateway::inspect::{Answer, Batch, Hooks, Inspect, InspectorInfo, Mode, Outcome, Subject};
use smtpgw_gateway::settings::Limits;
use smtpgw_gateway::verdict::{Action, Verdict};

use crate::settings;
use crate::stage::{Caller, Stage, obliging};

#[test]
fn no_trick_leads_to_another_domain() {
    // The listener takes recipients of example.org; `None`: refused for good, else what the backend hears.
    let tricks: [(&str, Option<&str>); 17] = [
        ("<u@elsewhere.example>", None),
        ("<@relay.example:u@elsewhere.example>", None),
        ("<@example.org:u@elsewhere.example>", None),
        ("<@relay.example:u@example.org>", Some("<u@example.org>")),
        ("<u%elsewhere.example@example.org>", None),
        ("<elsewhere.example!u@example.org>", None),
        ("<\"u@elsewhere.example\"@example.org>", None),
        ("<u@example.org@elsewhere.example>", None),
        ("<u@elsewhere.example@example.org>", None),
        ("<<u@example.org>>", None),
        ("<u@example.org>,<u@elsewhere.example>", None),
        ("<u@example.org SIZE=1>", None),
        ("<u@example.org>ORCPT=rfc822;u@elsewhere.example", None),
        ("<u@example.org.elsewhere.example>", None),
        ("<u@[192.0.2.1]>", None),
        ("<@elsewhere.example,@relay.example:u@example.org>", Some("<u@example.org>")),
        ("u@example.org", Some("<u@example.org>")),
    ];
    let staged = Stage::with(settings(), |_, line| obliging(&["DSN"], line)).play(move |mut caller| async move {
        caller.hear().await?;
        caller.ask("EHLO c.example").await?;
        caller.ask("MAIL FROM:<a@client.example>").await?;
        for (path, heard) in tricks {
            let reply = caller.ask(&format!("RCPT TO:{path}")).await?;
            assert!(reply.starts_with(if heard.is_some() { '2' } else { '5' }), "{path}: {reply}");
        }
        Ok(())
    });
    let told = staged.told.iter().filter(|told| told.line.starts_with("RCPT"));
    let told: Vec<&str> = told.map(|told| told.line.trim_start_matches("RCPT TO:")).collect();
    assert_eq!(told, tricks.iter().filter_map(|(_, heard)| *heard).collect::<Vec<_>>());
}

#[test]
fn whom_the_backend_takes_nobody_for_is_never_asked_for_content() {
    for refusal in ["450 4.2.1 later", "550 5.1.1 nobody"] {
        let script = move |_, line: &str| if line.starts_with("RCPT") { refusal.into() } else { obliging(&[], line) };
        let staged = Stage::with(settings(), script).play(move |mut caller| async move {
            caller.hear().await?;
            caller.ask("EHLO c.example").await?;
            caller.ask("MAIL FROM:<a@client.example>").await?;
            for recipient in ["b", "c"] {
                assert_eq!(caller.ask(&format!("RCPT TO:<{recipient}@example.org>")).await?, format!("{refusal}\r\n"));
            }
            assert!(caller.ask("DATA").await?.starts_with("554 5.5.1 "));
            assert!(caller.ask("NOOP").await?.starts_with("250 "));
            Ok(())
        });
        assert!(!staged.lines("backend", 1).contains(&"DATA"), "{:?}", staged.told);
    }
}

#[test]
fn one_too_many_is_told_421_until_another_has_gone() {
    type Limit = fn(&mut Limits) -> &mut usize;
    let limits: [(&str, Limit); 4] = [
        ("connections", |limits| &mut limits.connections),
        ("connections_per_listener", |limits| &mut limits.connections_per_listener),
        ("connections_per_client", |limits| &mut limits.connections_per_client),
        ("connections_per_network", |limits| &mut limits.connections_per_network),
    ];
    for (name, limit) in limits {
        let mut settings = settings();
        *limit(&mut settings.limits) = 2;
        let staged = Stage::with(settings, |_, line| obliging(&[], line)).play(move |mut first| async move {
            let mut second = Caller::connect().await?;
            assert!(first.hear().await?.starts_with("220 ") && second.hear().await?.starts_with("220 "), "{name}");
            let mut third = Caller::connect().await?;
            assert_eq!(third.hear().await?, "421 4.7.0 Too many connections, try again later\r\n", "{name}");
            assert!(third.hear().await.is_err(), "{name}: it is hung up on");
            assert!(second.ask("NOOP").await?.starts_with("250 "), "{name}: nobody else is disturbed");
            first.ask("QUIT").await?;
            assert!(first.hear().await.is_err());
            assert!(Caller::connect().await?.hear().await?.starts_with("220 "), "{name}: there is room again");
            Ok(())
        });
        let refused: Vec<_> = staged.records.iter().filter(|record| record.contains(r#""event":"refused""#)).collect();
        assert!(refused.len() == 1 && refused[0].contains(&format!(r#""limit":"{name}""#)), "{refused:?}");
    }
}

#[test]
fn what_was_refused_is_in_the_record_of_its_connection() {
    let script = |_, line: &str| match line {
        _ if line.starts_with("RCPT TO:<c@") => "550 5.1.1 nobody of that name".into(),
        _ if line.starts_with("MAIL FROM:<x@") => "554 5.7.1 not from you".into(),
        _ => obliging(&["CHUNKING"], line),
    };
    let mut settings = settings();
    settings.limits.errors = 100;
    let staged = Stage::with(settings, script).play(move |mut caller| async move {
        caller.hear().await?;
        caller.ask("EHLO c.example").await?;
        for line in [
            "MAIL FROM:<not a path>",
            "MAIL FROM:<x@client.example>",
            "MAIL FROM:<a@client.example>",
            "RCPT TO:<c@example.org>",
            "RCPT TO:<d@elsewhere.example>",
            "DATA",
            "VRFY secret",
        ] {
            caller.ask(line).await?;
        }
        // What is swallowed behind a refused BDAT is content, whatever it looks like.
        caller.say("BDAT 24\r\nMAIL FROM:<hidden@c.d>\r\n").await?;
        assert!(caller.hear().await?.starts_with("554 5.5.1 "));
        for number in 0..30 {
            caller.ask(&format!("RCPT TO:<{number}@elsewhere.example>")).await?;
        }
        Ok(())
    });
    let record = staged.records.iter().find(|record| record.contains(r#""event":"connection""#)).unwrap();
    for (command, reply) in [
        ("MAIL FROM:<not a path>", "501 5.1.7 "),
        ("MAIL FROM:<x@client.example>", "554 5.7.1 not from you"),
        ("RCPT TO:<c@example.org>", "550 5.1.1 nobody of that name"),
        ("RCPT TO:<d@elsewhere.example>", "550 5.7.1 "),
        ("DATA", "554 5.5.1 "),
    ] {
        let told = format!(r#"{{"command":"{command}","reply":"{reply}"#);
        assert!(record.contains(&told), "{told}\n{record}");
    }
    assert!(!record.contains("hidden"), "{record}");
    assert!(!record.contains("secret") && record.contains(r#""refused_more":"#), "{record}");
    assert_eq!(record.matches(r#"{"command":"#).count(), 20, "{record}");
}

#[test]
fn how_far_a_message_came_is_in_its_record() {
    let staged = Stage::with(settings(), |_, line| obliging(&[], line)).play(move |mut caller| async move {
        caller.hear().await?;
        caller.ask("EHLO c.example").await?;
        for line in ["MAIL FROM:<a@client.example>", "RCPT TO:<b@example.org>", "DATA"] {
            caller.ask(line).await?;
        }
        caller.say(&format!("Subject: half\r\n\r\n{}", "x\r\n".repeat(100))).await?;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        Ok(())
    });
    let record = staged.records.iter().find(|record| record.contains(r#""outcome":"abandoned""#)).unwrap();
    assert!(record.contains(r#""size":317"#) && record.contains(r#""subject":"half""#), "{record}");
    assert!(record.contains(r#""content_s":1.5"#), "{record}");
}

/// Refuses who talked before the greeting.
struct Gatekeeper([InspectorInfo; 1]);

impl Inspect for Gatekeeper {
    fn roster(&self) -> &[InspectorInfo] {
        &self.0
    }

    fn submit(&self, batch: Arc<Batch>) {
        while let Some(claim) = batch.claim() {
            let early = matches!(&claim.call().subject, Subject::Connect(session) if session.early_talker);
            let verdict = Verdict { reply: Some("wait for your turn".into()), ..Verdict::new(Action::Reject, "early") };
            let outcome = Outcome::Returned(early.then_some(verdict).into_iter().collect());
            claim.answer(Answer { outcome, elapsed: Duration::ZERO });
        }
    }

    fn overrun(&self, _: &Arc<Batch>, _: usize) {}
}

#[test]
fn who_talks_before_the_greeting_may_be_refused() {
    for early in [false, true] {
        let info = InspectorInfo {
            name: "gatekeeper".into(),
            mode: Mode::Enforce,
            timeout: Duration::from_secs(5),
            on_error: Action::Defer,
            on_timeout: Action::Defer,
            hooks: Hooks { connect: true, ..Hooks::default() },
            asynchronous: false,
            scores: false,
            largest: None,
        };
        let mut stage = Stage::with(settings(), |_, line| obliging(&[], line));
        stage.inspect = Some(Arc::new(Gatekeeper([info])));
        stage.accepts_after = Duration::from_millis(20);
        let staged = stage.play(move |mut caller| async move {
            if early {
                caller.say("EHLO c.example\r\n").await?;
                assert!(caller.hear().await?.starts_with("220 "));
            } else {
                assert!(caller.hear().await?.starts_with("220 "));
                caller.say("EHLO c.example\r\n").await?;
            }
            assert!(caller.hear().await?.starts_with("250-"));
            let reply = caller.ask("MAIL FROM:<a@client.example>").await?;
            assert!(reply.starts_with(if early { "554 5.7.1 wait for your turn" } else { "250 " }), "{reply}");
            Ok(())
        });
        assert_eq!(staged.lines("backend", 1).is_empty(), early, "{:?}", staged.told);
    }
}
