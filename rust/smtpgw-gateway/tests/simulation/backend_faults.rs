//! The rows of the fault matrix that are about the backend, moment by moment, where [`crate::matrix`] has no test of
//! the very cell. Here the moments are told apart by what the client has just been answered.
//!
//! | fault \ moment | greeting | EHLO, TLS | MAIL, RCPT | content | dot → reply |
//! |---|---|---|---|---|---|
//! | refuses, DNS fails, greets 4yz/5yz | `nobody_behind_leaves_the_greeting_alone` | `nobody_behind_leaves_ehlo_and_tls_alone` | `nobody_behind_is_a_4yz_to_mail` | – | – |
//! | answers 4yz/5yz | – | – | matrix: `refusals_are_the_backends_own` | `refused_recipients_get_no_354` | matrix: the same |
//! | drops | – | – | matrix: `backend_drops_is_451` | matrix: the same | matrix: the same |
//! | slow | `nobody_behind_leaves_the_greeting_alone` | the same | `slow_replies_to_the_envelope_are_its_own` | `slow_content_is_back_pressure_and_then_a_451` | matrix: `late_reply_is_still_the_backends` |
//! | hung | the same | the same | `a_hung_envelope_is_451_and_the_leg_goes` | `a_hung_content_is_451_and_the_leg_goes` | `a_hung_end_is_451_and_the_leg_goes` |
//! | half-open | the same | the same | `a_half_open_envelope_is_451` | `a_half_open_content_is_451` | `a_half_open_end_is_451`, `a_reply_to_the_end_that_is_lost_is_451_and_nothing_is_said_twice` |

use std::io;
use std::sync::Arc;
use std::time::Duration;

use smtpgw_gateway::settings::{BackendTls, ListenerTls, Relay, Settings, Unscanned, UnscannedAction};
use tokio::time::{Instant, sleep};

use crate::settings;
use crate::stage::{CLOSE, CLOSED, Caller, Identity, Stage, Staged, obliging};

/// How a backend is not there.
#[derive(Clone, Copy, Debug)]
enum Absent {
    Refuses,
    NoSuchName,
    UnansweredName,
    Greets(&'static str),
    NeverGreets,
    HalfOpen,
}

impl Absent {
    const ALL: [Self; 8] = [
        Self::Refuses,
        Self::NoSuchName,
        Self::UnansweredName,
        Self::Greets("421 4.3.2 later"),
        Self::Greets("554 5.7.1 never"),
        Self::Greets(CLOSE),
        Self::NeverGreets,
        Self::HalfOpen,
    ];

    /// A stage on which it is so, and the longest that anything there may take.
    fn stage(self, mut settings: Settings) -> Stage {
        let backend = settings.backend.get_mut("backend").unwrap();
        backend.connect_s = PATIENCE;
        match self {
            Self::Refuses => backend.address = "backend:26".into(),
            Self::NoSuchName => backend.address = "unknown:25".into(),
            Self::UnansweredName => backend.address = "unanswered:25".into(),
            Self::Greets(_) | Self::NeverGreets | Self::HalfOpen => {}
        }
        Stage::with(settings, move |_, line| match self {
            Self::Greets(greeting) => greeting.into(),
            Self::NeverGreets => String::new(),
            _ => obliging(&[], line),
        })
    }

    fn begin(self) {
        if let Self::HalfOpen = self {
            turmoil::partition("gateway", "backend");
        }
    }
}

/// `connect_s`, `reply_s` and `data_s` where they are to run out.
const PATIENCE: Duration = Duration::from_secs(2);

#[test]
fn nobody_behind_leaves_the_greeting_alone() {
    for absent in Absent::ALL {
        absent.stage(settings()).play(move |mut caller| async move {
            absent.begin();
            let begun = Instant::now();
            assert!(caller.hear().await?.starts_with("220 "), "{absent:?}");
            let mut another = Caller::connect().await?;
            another.hear().await?;
            assert!(begun.elapsed() < Duration::from_millis(500), "{absent:?}");
            assert!(another.ask("NOOP").await?.starts_with("250 "));
            Ok(())
        });
    }
}

#[test]
fn nobody_behind_leaves_ehlo_and_tls_alone() {
    let identity = Identity::new();
    for absent in Absent::ALL {
        let mut settings = settings();
        settings.listener[0].tls = ListenerTls::Starttls;
        settings.listener[0].certificates = vec![identity.files()];
        let roots = identity.roots();
        absent.stage(settings).play(move |mut caller| async move {
            absent.begin();
            caller.hear().await?;
            let begun = Instant::now();
            assert!(caller.ask("EHLO c.example").await?.starts_with("250-"), "{absent:?}");
            let (_, offer) = caller.start_tls(roots).await?;
            assert!(offer.starts_with("250-"), "{absent:?}: {offer}");
            assert!(begun.elapsed() < Duration::from_secs(1), "{absent:?}");
            Ok(())
        });
    }
}

#[test]
fn nobody_behind_is_a_4yz_to_mail() {
    for absent in Absent::ALL {
        let staged = absent.stage(settings()).play(move |mut caller| async move {
            absent.begin();
            caller.hear().await?;
            caller.ask("EHLO c.example").await?;
            let begun = Instant::now();
            let reply = caller.ask("MAIL FROM:<a@client.example>").await?;
            assert!(reply.starts_with("421 4.3.2 ") || reply.starts_with("451 4.4."), "{absent:?}: {reply}");
            assert!(begun.elapsed() < 2 * PATIENCE, "{absent:?}");
            Ok(())
        });
        assert!(!staged.told.iter().any(|told| told.line.starts_with("MAIL")), "{absent:?}");
    }
}

#[test]
fn refused_recipients_get_no_354() {
    for refusal in ["450 4.2.1 not now", "550 5.1.1 no such user"] {
        let stage = Stage::with(settings(), move |_, line| match line {
            _ if line.starts_with("RCPT") => refusal.into(),
            _ => obliging(&[], line),
        });
        let staged = stage.play(move |mut caller| async move {
            caller.hear().await?;
            caller.ask("EHLO c.example").await?;
            caller.ask("MAIL FROM:<a@client.example>").await?;
            assert_eq!(caller.ask("RCPT TO:<b@example.org>").await?, format!("{refusal}\r\n"));
            assert!(caller.ask("DATA").await?.starts_with("554 5.5.1"));
            Ok(())
        });
        assert!(!staged.told.iter().any(|told| told.line == "DATA"));
    }
}

/// A backend that does `what` when it is told something that begins with `at`.
fn troubled(at: &'static str, what: &'static str) -> Stage {
    let mut settings = settings();
    let backend = settings.backend.get_mut("backend").unwrap();
    (backend.connect_s, backend.reply_s, backend.data_s) = (PATIENCE, PATIENCE, PATIENCE);
    Stage::with(settings, move |_, line| if line.starts_with(at) { what.into() } else { obliging(&["CHUNKING"], line) })
}

/// Sends a message, and breaks the line to the backend before the step `broken`; the reply to `last`.
async fn conversation(mut caller: Caller, last: &str, broken: Option<&str>) -> io::Result<String> {
    caller.hear().await?;
    caller.ask("EHLO c.example").await?;
    let begun = Instant::now();
    let mut reply = String::new();
    for line in ["MAIL FROM:<a@client.example>", "RCPT TO:<b@example.org>", "DATA", "Subject: x\r\n\r\nbody\r\n."] {
        if broken == Some(line) {
            turmoil::partition("gateway", "backend");
        }
        reply = caller.ask(line).await?;
        if line == last {
            break;
        }
        assert!(reply.starts_with(['2', '3']), "{line}: {reply}");
    }
    assert!(begun.elapsed() <= 3 * PATIENCE, "{:?}", begun.elapsed());
    // Whoever is still connected goes on, and is told so.
    assert!(caller.ask("NOOP").await?.starts_with("250 "));
    Ok(reply)
}

const END: &str = "Subject: x\r\n\r\nbody\r\n.";

/// The backend saw its connection closed, and no end of data before.
fn let_go(staged: &Staged, connection: usize) {
    let lines = staged.lines("backend", connection);
    assert_eq!(lines.last(), Some(&CLOSED), "{lines:?}");
}

#[test]
fn slow_replies_to_the_envelope_are_its_own() {
    // Simulated through a link that is held: what is said on either side comes much later, and comes.
    let stage = troubled("-", "");
    let staged = stage.play(|mut caller| async move {
        caller.hear().await?;
        caller.ask("EHLO c.example").await?;
        for line in ["MAIL FROM:<a@client.example>", "RCPT TO:<b@example.org>"] {
            let begun = Instant::now();
            tokio::spawn(async {
                sleep(Duration::from_secs(1)).await;
                turmoil::release("gateway", "backend");
            });
            // At MAIL the dial as well.
            turmoil::hold("gateway", "backend");
            assert_eq!(caller.ask(line).await?, "250 2.0.0 ok\r\n");
            assert!(begun.elapsed() >= Duration::from_secs(1));
        }
        Ok(())
    });
    assert_eq!(staged.connections("backend"), 2);
}

#[test]
fn a_hung_envelope_is_451_and_the_leg_goes() {
    for (at, last) in [("MAIL", "MAIL FROM:<a@client.example>"), ("RCPT", "RCPT TO:<b@example.org>")] {
        let staged = troubled(at, "").play(move |caller| async move {
            let reply = conversation(caller, last, None).await?;
            assert!(reply.starts_with("451 4.4."), "{at}: {reply}");
            Ok(())
        });
        let_go(&staged, 1);
    }
}

#[test]
fn a_hung_content_is_451_and_the_leg_goes() {
    let staged = troubled("DATA", "").play(|caller| async move {
        let reply = conversation(caller, END, None).await?;
        assert!(reply.starts_with("451 4.4.2 "), "{reply}");
        Ok(())
    });
    let_go(&staged, 1);
    assert!(!staged.lines("backend", 1).contains(&"."));
}

#[test]
fn a_hung_end_is_451_and_the_leg_goes() {
    let staged = troubled(".", "").play(|caller| async move {
        let begun = Instant::now();
        let reply = conversation(caller, END, None).await?;
        assert!(reply.starts_with("451 4.4.2 ") && begun.elapsed() >= PATIENCE, "{reply}");
        Ok(())
    });
    let_go(&staged, 1);
}

#[test]
fn a_half_open_envelope_is_451() {
    for last in ["MAIL FROM:<a@client.example>", "RCPT TO:<b@example.org>"] {
        troubled("-", "").play(move |caller| async move {
            let reply = conversation(caller, last, Some(last)).await?;
            assert!(reply.starts_with("451 4.4."), "{last}: {reply}");
            Ok(())
        });
    }
}

#[test]
fn a_half_open_content_is_451() {
    let staged = troubled("-", "").play(|caller| async move {
        let reply = conversation(caller, END, Some("DATA")).await?;
        assert!(reply.starts_with("451 4.4.2 "), "{reply}");
        Ok(())
    });
    assert!(!staged.told.iter().any(|told| told.line == "."));
}

#[test]
fn a_half_open_end_is_451() {
    let staged = troubled("-", "").play(|caller| async move {
        let reply = conversation(caller, END, Some(END)).await?;
        assert!(reply.starts_with("451 4.4.2 "), "{reply}");
        Ok(())
    });
    assert!(!staged.told.iter().any(|told| told.line == "."));
}

#[test]
fn a_reply_to_the_end_that_is_lost_is_451_and_nothing_is_said_twice() {
    let mut stage = troubled("-", "");
    let script = Arc::clone(&stage.backends[0].1);
    stage.backends[0].1 = Arc::new(move |connection, line| {
        if line == "." {
            turmoil::partition("gateway", "backend");
        }
        script(connection, line)
    });
    let staged = stage.play(|caller| async move {
        let reply = conversation(caller, END, None).await?;
        assert!(reply.starts_with("451 4.4.2 "), "{reply}");
        Ok(())
    });
    assert_eq!(staged.told.iter().filter(|told| told.line == ".").count(), 1);
}

#[test]
fn slow_content_is_back_pressure_and_then_a_451() {
    // Content goes on while it arrives, and the backend takes none of it: the client is not read any faster.
    let mut stage = troubled("-", "");
    let backend = stage.settings.backend.get_mut("backend").unwrap();
    (backend.relay, backend.stream_chunk, backend.tls) = (Relay::Stream, 1_000, BackendTls::None);
    stage.settings.decode.unscanned = Unscanned::ALL.map(|reason| (reason, UnscannedAction::Accept)).into();
    let staged = stage.play(|mut caller| async move {
        caller.hear().await?;
        caller.ask("EHLO c.example").await?;
        for line in ["MAIL FROM:<a@client.example>", "RCPT TO:<b@example.org>", "DATA"] {
            caller.ask(line).await?;
        }
        turmoil::hold("gateway", "backend");
        let line = format!("{}\r\n", "x".repeat(76));
        for _ in 0..20 {
            caller.say(&line.repeat(500)).await?;
        }
        let reply = caller.ask(".").await?;
        assert!(reply.starts_with("451 4.4.2 "), "{reply}");
        Ok(())
    });
    assert!(!staged.told.iter().any(|told| told.line == "."));
}
