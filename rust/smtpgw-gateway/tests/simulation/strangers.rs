//! Strangers who want to relay by us, or talk before their turn: what they are told, and what of it a backend hears.

use std::sync::Arc;
use std::time::Duration;

use smtpgw_gateway::inspect::{Answer, Batch, Hooks, Inspect, InspectorInfo, Mode, Outcome, Subject};
use smtpgw_gateway::verdict::{Action, Verdict};

use crate::settings;
use crate::stage::{Stage, obliging};

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
