//! AUTH handed on to a backend: under TLS on both legs, verbatim both ways, kept to one client, and told to nobody.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use smtpgw_gateway::settings::{Backend, BackendTls, ClientLogin, ListenerTls, Settings};
use tokio::time::sleep;

use crate::settings;
use crate::stage::{CLOSE, Caller, Identity, Stage, Staged, obliging};

const USER: &str = "YW5u";
const PASSWORD: &str = "c2VjcmV0";
const PLAIN: &str = "AGFubgBzZWNyZXQ=";

fn relaying(identity: &Identity) -> Settings {
    let mut settings = settings();
    settings.listener[0].tls = ListenerTls::Starttls;
    settings.listener[0].certificates = vec![identity.files()];
    settings.listener[0].auth = ClientLogin::Relay;
    settings.backend.get_mut("backend").unwrap().tls = BackendTls::Required;
    settings.backend.get_mut("backend").unwrap().reply_s = Duration::from_secs(2);
    settings
}

/// A backend that knows Ann.
fn knows_ann(line: &str) -> String {
    match line {
        "STARTTLS" => "220 2.0.0 go".into(),
        "AUTH LOGIN" => "334 VXNlcm5hbWU6".into(),
        USER => "334 UGFzc3dvcmQ6".into(),
        PASSWORD => "235 2.7.0 Hello Ann".into(),
        "*" => "501 5.7.0 You have thought better of it".into(),
        _ if line == format!("AUTH PLAIN {PLAIN}") => "235 2.7.0 Hello Ann".into(),
        _ if line.starts_with("AUTH") => "535 5.7.8 Who are you".into(),
        _ => obliging(&["STARTTLS", "8BITMIME", "AUTH PLAIN LOGIN EXTERNAL"], line),
    }
}

/// One client under TLS.
fn under_tls<F: Future<Output = io::Result<()>> + 'static>(
    identity: &Identity,
    mut stage: Stage,
    client: impl FnOnce(Caller, String) -> F + 'static,
) -> Staged {
    let roots = identity.roots();
    stage.tls = Some(identity.server());
    stage.play(|mut caller| async move {
        caller.hear().await?;
        caller.ask("EHLO c.example").await?;
        let (caller, offer) = caller.start_tls(roots).await?;
        client(caller, offer).await
    })
}

#[test]
fn the_exchange_is_the_clients_and_the_backends() {
    let identity = Identity::new();
    let stage = Stage::with(relaying(&identity), |_, line| knows_ann(line));
    let staged = under_tls(&identity, stage, |mut caller, offer| async move {
        assert!(offer.contains("250-AUTH PLAIN LOGIN\r\n"), "{offer}");
        assert_eq!(caller.ask("AUTH LOGIN").await?, "334 VXNlcm5hbWU6\r\n");
        assert_eq!(caller.ask(USER).await?, "334 UGFzc3dvcmQ6\r\n");
        assert_eq!(caller.ask(PASSWORD).await?, "235 2.7.0 Hello Ann\r\n");
        assert!(caller.ask("MAIL FROM:<a@client.example> AUTH=ann@client.example").await?.starts_with("250"));
        caller.ask("RSET").await?;
        assert!(caller.send("b@example.org").await?.starts_with("250 2.0.0 backend queued"));
        Ok(())
    });
    let leg = staged.lines("backend", 1);
    let auth = leg.iter().position(|line| *line == "AUTH LOGIN").unwrap();
    assert_eq!(leg[auth..auth + 3], ["AUTH LOGIN", USER, PASSWORD]);
    assert_eq!(leg[auth + 3], "MAIL FROM:<a@client.example> AUTH=ann@client.example");
    assert!(leg.iter().any(|line| line.contains(" with ESMTPSA id ")), "{leg:#?}");
    assert!(leg[..auth].contains(&"STARTTLS"));
    let all = staged.records.join("\n");
    assert!(all.contains(r#""authenticated":true"#), "{all}");
    for secret in [USER, PASSWORD, "LOGIN", "secret"] {
        assert!(!all.contains(secret), "{all}");
    }
}

#[test]
fn in_clear_it_is_neither_offered_nor_taken() {
    let identity = Identity::new();
    let mut stage = Stage::with(relaying(&identity), |_, line| knows_ann(line));
    stage.tls = Some(identity.server());
    let staged = stage.play(|mut caller| async move {
        caller.hear().await?;
        let offer = caller.ask("EHLO c.example").await?;
        assert!(offer.contains("STARTTLS") && !offer.contains("AUTH"), "{offer}");
        assert!(caller.ask(&format!("AUTH PLAIN {PLAIN}")).await?.starts_with("502 "));
        assert!(caller.ask("MAIL FROM:<a@client.example> AUTH=<>").await?.starts_with("555 "));
        Ok(())
    });
    assert!(!staged.told.iter().any(|told| told.line.contains(PLAIN)));
}

#[test]
fn it_is_off_unless_it_is_asked_for() {
    let identity = Identity::new();
    let mut settings = relaying(&identity);
    settings.listener[0].auth = ClientLogin::Off;
    let stage = Stage::with(settings, |_, line| knows_ann(line));
    under_tls(&identity, stage, |mut caller, offer| async move {
        assert!(!offer.contains("AUTH"), "{offer}");
        assert!(caller.ask(&format!("AUTH PLAIN {PLAIN}")).await?.starts_with("502 "));
        Ok(())
    });
}

#[test]
fn what_the_backend_offers_in_clear_alone_is_not_offered() {
    let identity = Identity::new();
    let handshakes = Mutex::new(HashSet::new());
    let stage = Stage::with(relaying(&identity), move |connection, line| {
        if line == "STARTTLS" {
            handshakes.lock().unwrap().insert(connection);
            return "220 2.0.0 go".into();
        }
        let encrypted = handshakes.lock().unwrap().contains(&connection);
        obliging(if encrypted { &["8BITMIME"] } else { &["STARTTLS", "AUTH PLAIN"] }, line)
    });
    under_tls(&identity, stage, |_, offer| async move {
        assert!(offer.contains("8BITMIME") && !offer.contains("AUTH"), "{offer}");
        Ok(())
    });
}

#[test]
fn refusals_and_second_thoughts_are_the_backends_and_the_clients_own() {
    let identity = Identity::new();
    let stage = Stage::with(relaying(&identity), |_, line| knows_ann(line));
    let staged = under_tls(&identity, stage, |mut caller, _| async move {
        assert_eq!(caller.ask("AUTH PLAIN AGV2ZQBl").await?, "535 5.7.8 Who are you\r\n");
        caller.ask("AUTH LOGIN").await?;
        assert_eq!(caller.ask("*").await?, "501 5.7.0 You have thought better of it\r\n");
        caller.ask("AUTH LOGIN").await?;
        // No base64: as if it were cancelled.
        assert_eq!(caller.ask("ann, of course").await?, "501 5.7.0 You have thought better of it\r\n");
        // Nobody yet, so a claim is left out; and then somebody.
        assert!(caller.ask("MAIL FROM:<a@client.example> AUTH=eve@client.example").await?.starts_with("250"));
        assert!(caller.ask(&format!("AUTH PLAIN {PLAIN}")).await?.starts_with("503 "));
        caller.ask("RSET").await?;
        assert!(caller.ask(&format!("AUTH PLAIN {PLAIN}")).await?.starts_with("235 "));
        assert!(caller.ask(&format!("AUTH PLAIN {PLAIN}")).await?.starts_with("503 "));
        Ok(())
    });
    assert!(staged.lines("backend", 1).contains(&"MAIL FROM:<a@client.example>"));
    assert_eq!(staged.connections("backend"), 2, "the look, and one leg");
}

#[test]
fn a_backend_that_is_away_is_454() {
    // It closes, or falls silent: at once, or in the middle of the exchange.
    for (at, what) in [("AUTH LOGIN", CLOSE), ("AUTH LOGIN", ""), (USER, CLOSE), (USER, ""), (USER, "250 what")] {
        let identity = Identity::new();
        let stage =
            Stage::with(relaying(&identity), move |_, line| if line == at { what.into() } else { knows_ann(line) });
        let staged = under_tls(&identity, stage, move |mut caller, _| async move {
            let mut reply = caller.ask("AUTH LOGIN").await?;
            if at == USER {
                assert!(reply.starts_with("334 "), "{reply}");
                reply = caller.ask(USER).await?;
            }
            assert_eq!(reply, "454 4.7.0 Temporary authentication failure\r\n", "{at} {what}");
            assert!(caller.ask("NOOP").await?.starts_with("250 "));
            Ok(())
        });
        assert!(staged.records.iter().any(|record| record.contains(r#""backend":"backend""#)), "{:?}", staged.records);
        assert!(!staged.records.join("").contains(USER));
    }
}

#[test]
fn a_leg_that_is_lost_takes_the_client_with_it() {
    let identity = Identity::new();
    let stage = Stage::with(relaying(&identity), |_, line| match line {
        "RSET" => CLOSE.into(),
        _ => knows_ann(line),
    });
    let staged = under_tls(&identity, stage, |mut caller, _| async move {
        assert!(caller.ask(&format!("AUTH PLAIN {PLAIN}")).await?.starts_with("235 "));
        caller.ask("MAIL FROM:<a@client.example>").await?;
        caller.ask("RSET").await?;
        let reply = caller.ask("MAIL FROM:<a@client.example>").await?;
        assert_eq!(reply, "421 4.4.2 Mail system connection lost, authenticate again\r\n");
        assert!(caller.hear().await.is_err(), "and no more");
        Ok(())
    });
    assert_eq!(staged.connections("backend"), 2, "nobody else was asked");
}

#[test]
fn a_leg_that_knows_a_client_is_nobody_elses() {
    let identity = Identity::new();
    let mut settings = relaying(&identity);
    let backend = settings.backend.get_mut("backend").unwrap();
    (backend.pool, backend.pool_s) = (5, Duration::from_secs(60));
    let stage = Stage::with(settings, |_, line| knows_ann(line));
    let staged = under_tls(&identity, stage, |mut caller, _| async move {
        assert!(caller.ask(&format!("AUTH PLAIN {PLAIN}")).await?.starts_with("235 "));
        assert!(caller.send("b@example.org").await?.starts_with("250 "));
        caller.ask("QUIT").await?;
        sleep(Duration::from_millis(200)).await;
        let mut other = Caller::connect().await?;
        other.hear().await?;
        other.ask("EHLO d.example").await?;
        assert!(other.send("b@example.org").await?.starts_with("250 "));
        Ok(())
    });
    assert_eq!(staged.connections("backend"), 3, "the look, and one leg each");
    let mut stage = Stage::with(relaying(&identity), |_, line| knows_ann(line));
    let backend = stage.settings.backend.get_mut("backend").unwrap();
    (backend.pool, backend.pool_s) = (5, Duration::from_secs(60));
    let roots = identity.roots();
    stage.tls = Some(identity.server());
    let staged = stage.play(|mut first| async move {
        // And nobody authenticates over one that was another client's.
        first.hear().await?;
        first.ask("EHLO d.example").await?;
        assert!(first.send("b@example.org").await?.starts_with("250 "));
        first.ask("QUIT").await?;
        sleep(Duration::from_millis(200)).await;
        let mut second = Caller::connect().await?;
        second.hear().await?;
        second.ask("EHLO c.example").await?;
        let (mut second, _) = second.start_tls(roots).await?;
        assert!(second.ask(&format!("AUTH PLAIN {PLAIN}")).await?.starts_with("235 "));
        Ok(())
    });
    let leg = staged.told.iter().find(|told| told.line.starts_with("AUTH")).unwrap().connection;
    assert!(!staged.lines("backend", leg).iter().any(|line| line.starts_with("MAIL")));
}

#[test]
fn recipients_of_another_server_are_refused() {
    let identity = Identity::new();
    let mut settings = relaying(&identity);
    let second = Backend { tls: BackendTls::None, ..Backend::at("second:25") };
    settings.backend.insert("second".into(), second);
    settings.listener[0].routes = BTreeMap::from([("example.net".into(), "second".into())]);
    settings.listener[0].recipient_domains.push("example.net".into());
    let mut stage = Stage::with(settings, |_, line| knows_ann(line));
    stage.backends.push(("second", Arc::new(|_, line| obliging(&[], line))));
    let staged = under_tls(&identity, stage, |mut caller, offer| async move {
        assert!(offer.contains("250-AUTH PLAIN LOGIN\r\n"), "{offer}");
        assert!(caller.ask(&format!("AUTH PLAIN {PLAIN}")).await?.starts_with("235 "));
        assert!(caller.send("b@example.net").await?.starts_with("550 5.7.1 Recipient belongs to another server"));
        caller.ask("RSET").await?;
        assert!(caller.send("b@example.org").await?.starts_with("250 "));
        // Whom the listener does not take mail for it does not take it for now either.
        assert!(caller.send("b@example.com").await?.starts_with("550 5.7.1 Relaying denied"));
        Ok(())
    });
    assert_eq!(staged.connections("second"), 1, "the look");
}

#[test]
fn a_client_that_has_authenticated_may_take_its_time() {
    let identity = Identity::new();
    let stage = Stage::with(relaying(&identity), |_, line| knows_ann(line));
    let staged = under_tls(&identity, stage, |mut caller, _| async move {
        assert!(caller.ask(&format!("AUTH PLAIN {PLAIN}")).await?.starts_with("235 "));
        sleep(Duration::from_secs(280)).await;
        assert!(caller.send("b@example.org").await?.starts_with("250 "));
        Ok(())
    });
    assert!(staged.lines("backend", 1).contains(&"NOOP"));
}

/// AUTH on a leg that stands since the lines of `begin`; the reply begins with `right`.
fn asked_on_a_leg_that_stands(
    begin: &'static str,
    script: impl Fn(usize, &str) -> String + Send + Sync + 'static,
    right: &'static str,
) -> Staged {
    let identity = Identity::new();
    under_tls(&identity, Stage::with(relaying(&identity), script), move |mut caller, _| async move {
        caller.say(begin).await?;
        for _ in begin.lines() {
            caller.hear().await?;
        }
        let reply = caller.ask(&format!("AUTH PLAIN {PLAIN}")).await?;
        assert!(reply.starts_with(right), "{reply}");
        Ok(())
    })
}

#[test]
fn credentials_are_presented_once() {
    for (says, right) in [("421 4.7.0 Too many of you", "421 4.7.0 Too many of you\r\n"), (CLOSE, "454 "), ("", "454 ")]
    {
        let script = move |_: usize, line: &str| if line.starts_with("AUTH") { says.into() } else { knows_ann(line) };
        let staged = asked_on_a_leg_that_stands("MAIL FROM:<a@client.example>\r\nRSET\r\n", script, right);
        let told = staged.told.iter().filter(|told| told.line.starts_with("AUTH")).count();
        assert_eq!((told, staged.connections("backend")), (1, 2), "{says}");
    }
    // Before anything of them was written another leg may be asked.
    let script = |_: usize, line: &str| match line {
        "RSET" => "250 2.0.0 ok\r\n421 4.4.2 tired".into(),
        _ => knows_ann(line),
    };
    let staged = asked_on_a_leg_that_stands("MAIL FROM:<a@client.example>\r\nRSET\r\n", script, "235 ");
    assert!(staged.lines("backend", 2).iter().any(|line| line.starts_with("AUTH")));
}

#[test]
fn a_recipient_that_was_taken_without_its_sender_is_forgotten_first() {
    let script = |_: usize, line: &str| match line.split(' ').next() {
        Some("MAIL") => "451 4.3.0 not now".into(),
        Some("EHLO") => obliging(&["STARTTLS", "PIPELINING", "AUTH PLAIN"], line),
        _ => knows_ann(line),
    };
    let begin = "MAIL FROM:<a@client.example>\r\nRCPT TO:<b@example.org>\r\n";
    let staged = asked_on_a_leg_that_stands(begin, script, "235 ");
    let leg = staged.lines("backend", 1);
    let rcpt = leg.iter().position(|line| line.starts_with("RCPT")).unwrap_or_else(|| panic!("{leg:?}"));
    assert_eq!(leg[rcpt + 1..rcpt + 3], ["RSET", &format!("AUTH PLAIN {PLAIN}")], "{leg:?}");
}
