//! The table of the server role, cell by cell: every state with every input, and every state with every answer.
#![allow(clippy::unwrap_used, unreachable_pub, missing_docs)] // A test may panic, and is nobody's library.

mod common;

use common::{Driver, full_offer, reply, small_limits};
use smtpgw_smtp::{CloseReason, Server, ServerEvent, StateName};

/// How each state is reached: what the client says, and the decisions it meets.
const STATES: &[(&str, StateName, &[&str], &str)] = &[
    ("Start", StateName::Start, &[], ""),
    ("Ready", StateName::Ready, &[], "EHLO c\r\n"),
    ("Tls", StateName::Ready, &[], "EHLO c\r\nSTARTTLS\r\n"),
    ("Mail", StateName::Mail, &[], "EHLO c\r\nMAIL FROM:<a@b>\r\n"),
    ("Refused", StateName::Mail, &["250", "550"], "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"),
    ("Rcpt", StateName::Mail, &[], "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"),
    ("Full", StateName::Mail, &[], "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@d>\r\nRCPT TO:<f@d>\r\n"),
];

/// Input; then for each state of [`STATES`] the reply codes and the state that follows.
const TABLE: &str = r"
EHLO c          | 250 Ready       | 250 Ready       | 250 Ready       | 250 Ready       | 250 Ready            | 250 Ready            | 250 Ready
HELO c          | 250 Ready       | 250 Ready       | 250 Ready       | 250 Ready       | 250 Ready            | 250 Ready            | 250 Ready
HELO my pc      | 250 Ready       | 250 Ready       | 250 Ready       | 250 Ready       | 250 Ready            | 250 Ready            | 250 Ready
EHLO            | 501 Start       | 501 Ready       | 501 Ready       | 501 Mail        | 501 Mail             | 501 Mail             | 501 Mail
STARTTLS        | 503 Start       | 220 Handshake   | 503 Ready       | 503 Mail        | 503 Mail             | 503 Mail             | 503 Mail
STARTTLS x      | 503 Start       | 501 Ready       | 503 Ready       | 503 Mail        | 503 Mail             | 503 Mail             | 503 Mail
MAIL FROM:<a@b> | 503 Start       | wait MailPending | wait MailPending | 503 Mail      | 503 Mail             | 503 Mail             | 503 Mail
MAIL FROM:a@b>  | 503 Start       | 501 Ready       | 501 Ready       | 503 Mail        | 503 Mail             | 503 Mail             | 503 Mail
MAIL FROM:<a@b> SIZE=10001 | 503 Start | 552 Ready  | 552 Ready       | 503 Mail        | 503 Mail             | 503 Mail             | 503 Mail
MAIL FROM:<\xe9@b> | 503 Start      | 553 Ready       | 553 Ready       | 503 Mail        | 503 Mail             | 503 Mail             | 503 Mail
MAIL FROM:<a@b> X=1 | 503 Start   | 555 Ready       | 555 Ready       | 503 Mail        | 503 Mail             | 503 Mail             | 503 Mail
RCPT TO:<c@d>   | 503 Start       | 503 Ready       | 503 Ready       | wait RecipientPending | wait RecipientPending | wait RecipientPending | 452 Mail
RCPT TO:<>      | 503 Start       | 503 Ready       | 503 Ready       | 501 Mail        | 501 Mail             | 501 Mail             | 452 Mail
RCPT TO:<\xe9@d> | 503 Start       | 503 Ready       | 503 Ready       | 553 Mail        | 553 Mail             | 553 Mail             | 452 Mail
RCPT TO:<c@d> X | 503 Start       | 503 Ready       | 503 Ready       | 555 Mail        | 555 Mail             | 555 Mail             | 452 Mail
DATA            | 503 Start       | 503 Ready       | 503 Ready       | 503 Mail        | 554 Mail             | wait DataPending     | wait DataPending
DATA x          | 503 Start       | 503 Ready       | 503 Ready       | 503 Mail        | 554 Mail             | 501 Mail             | 501 Mail
BDAT 0          | 502 Start       | 502 Ready       | 502 Ready       | 502 Mail        | 502 Mail             | 502 Mail             | 502 Mail
BDAT x          | 421 Closed      | 421 Closed      | 421 Closed      | 421 Closed      | 421 Closed           | 421 Closed           | 421 Closed
BDAT 30001      | 421 Closed      | 421 Closed      | 421 Closed      | 421 Closed      | 421 Closed           | 421 Closed           | 421 Closed
RSET            | 250 Start       | 250 Ready       | 250 Ready       | 250 Ready       | 250 Ready            | 250 Ready            | 250 Ready
RSET x          | 501 Start       | 501 Ready       | 501 Ready       | 501 Mail        | 501 Mail             | 501 Mail             | 501 Mail
NOOP            | 250 Start       | 250 Ready       | 250 Ready       | 250 Mail        | 250 Mail             | 250 Mail             | 250 Mail
NOOP x y        | 250 Start       | 250 Ready       | 250 Ready       | 250 Mail        | 250 Mail             | 250 Mail             | 250 Mail
HELP            | 214 Start       | 214 Ready       | 214 Ready       | 214 Mail        | 214 Mail             | 214 Mail             | 214 Mail
VRFY x          | 252 Start       | 252 Ready       | 252 Ready       | 252 Mail        | 252 Mail             | 252 Mail             | 252 Mail
VRFY            | 501 Start       | 501 Ready       | 501 Ready       | 501 Mail        | 501 Mail             | 501 Mail             | 501 Mail
EXPN x          | 502 Start       | 502 Ready       | 502 Ready       | 502 Mail        | 502 Mail             | 502 Mail             | 502 Mail
AUTH PLAIN      | 502 Start       | 502 Ready       | 502 Ready       | 502 Mail        | 502 Mail             | 502 Mail             | 502 Mail
ETRN x          | 502 Start       | 502 Ready       | 502 Ready       | 502 Mail        | 502 Mail             | 502 Mail             | 502 Mail
XCLIENT ADDR=1.2.3.4 | 550 Start  | 550 Ready       | 550 Ready       | 550 Mail        | 550 Mail             | 550 Mail             | 550 Mail
XFORWARD NAME=x | 502 Start       | 502 Ready       | 502 Ready       | 502 Mail        | 502 Mail             | 502 Mail             | 502 Mail
QUIT            | 221 Closed      | 221 Closed      | 221 Closed      | 221 Closed      | 221 Closed           | 221 Closed           | 221 Closed
QUIT x          | 501 Start       | 501 Ready       | 501 Ready       | 501 Mail        | 501 Mail             | 501 Mail             | 501 Mail
TURN            | 500 Start       | 500 Ready       | 500 Ready       | 500 Mail        | 500 Mail             | 500 Mail             | 500 Mail
               | 500 Start       | 500 Ready       | 500 Ready       | 500 Mail        | 500 Mail             | 500 Mail             | 500 Mail
NOOP \0         | 500 Start       | 500 Ready       | 500 Ready       | 500 Mail        | 500 Mail             | 500 Mail             | 500 Mail
NOOP \r         | 500 Start       | 500 Ready       | 500 Ready       | 500 Mail        | 500 Mail             | 500 Mail             | 500 Mail
NOOP \nQUIT     | 500 Start       | 500 Ready       | 500 Ready       | 500 Mail        | 500 Mail             | 500 Mail             | 500 Mail
NOOP \xe9       | 500 Start       | 500 Ready       | 500 Ready       | 500 Mail        | 500 Mail             | 500 Mail             | 500 Mail
GET / HTTP/1.1  | 421 Closed      | 421 Closed      | 421 Closed      | 421 Closed      | 421 Closed           | 421 Closed           | 421 Closed
Subject: x      | 421 Closed      | 421 Closed      | 421 Closed      | 421 Closed      | 421 Closed           | 421 Closed           | 421 Closed
.               | 421 Closed      | 421 Closed      | 421 Closed      | 421 Closed      | 421 Closed           | 421 Closed           | 421 Closed
\x16\x03\x01    | 421 Closed      | 421 Closed      | 421 Closed      | 421 Closed      | 421 Closed           | 421 Closed           | 421 Closed
";

fn unescape(text: &str) -> Vec<u8> {
    let pairs = [("\\0", "\0"), ("\\r", "\r"), ("\\n", "\n"), ("\\xe9", "\u{e9}"), ("\\x16", "\x16")];
    let text = pairs.iter().fold(text.to_string(), |text, (from, to)| text.replace(from, to));
    text.replace("\\x03", "\x03").replace("\\x01", "\x01").into_bytes()
}

fn in_state(index: usize) -> Driver {
    let (name, state, decisions, script) = STATES[index];
    let mut driver = Driver::new(small_limits(), full_offer());
    driver.decisions.extend(decisions.iter().map(|text| reply(text)));
    driver.unread = script.into();
    driver.run();
    if name == "Tls" {
        driver.server.starttls_done(full_offer());
        driver.unread = b"EHLO c\r\n".to_vec();
        driver.run();
    }
    assert_eq!(driver.server.state(), state, "{name}");
    driver.output.clear();
    driver
}

/// One line in one state, up to the pending decision: codes and the state that follows.
fn step(server: &mut Server, line: &[u8]) -> String {
    let mut rest = line;
    loop {
        let received = server.receive(rest);
        let event = matches!(received.event, Some(ref event) if !matches!(event, ServerEvent::Answered(_)));
        let idle = received.consumed == 0 && received.event.is_none();
        rest = &rest[received.consumed..];
        if event || idle {
            break;
        }
    }
    let output = String::from_utf8(std::mem::take(server.output())).unwrap();
    let codes: Vec<&str> = output.lines().filter(|line| &line[3..4] == " ").map(|line| &line[..3]).collect();
    let codes = if codes.is_empty() { "wait".into() } else { codes.join("+") };
    format!("{codes} {:?}", server.state())
}

#[test]
fn every_command_in_every_state() {
    let mut cells = 0;
    for row in TABLE.lines().filter(|row| !row.is_empty()) {
        let mut columns = row.split('|').map(str::trim);
        let input = columns.next().unwrap();
        let expected: Vec<&str> = columns.collect();
        assert_eq!(expected.len(), STATES.len(), "{input}");
        let mut line = unescape(input);
        line.extend_from_slice(b"\r\n");
        for (index, expected) in expected.iter().enumerate() {
            let found = step(&mut in_state(index).server, &line);
            assert_eq!(found, *expected, "{input:?} in {}", STATES[index].0);
            cells += 1;
        }
    }
    assert_eq!(cells, 44 * STATES.len());
}

/// States that read nothing, or content: whatever the client says.
#[test]
fn no_command_is_read_where_none_has_a_place() {
    let ready = "EHLO c\r\n";
    let script = |state: StateName| match state {
        StateName::MailPending => format!("{ready}MAIL FROM:<a@b>\r\n"),
        StateName::RecipientPending => format!("{ready}MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"),
        StateName::DataPending | StateName::Content => format!("{ready}MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"),
        StateName::EndPending => format!("{ready}MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n.\r\n"),
        StateName::Handshake => format!("{ready}STARTTLS\r\n"),
        _ => format!("{ready}QUIT\r\n"),
    };
    let states = [
        (StateName::MailPending, "wait MailPending", false),
        (StateName::RecipientPending, "wait RecipientPending", false),
        (StateName::DataPending, "wait DataPending", false),
        (StateName::EndPending, "wait EndPending", false),
        (StateName::Content, "wait Content", true),
        (StateName::Handshake, "wait Closed", false),
        (StateName::Closed, "wait Closed", false),
    ];
    for (state, expected, wants_input) in states {
        for row in TABLE.lines().filter(|row| !row.is_empty()) {
            let input = row.split('|').next().unwrap().trim();
            let mut server = pending(&script(state), state);
            assert_eq!(server.wants_input(), wants_input, "{state:?}");
            let mut line = unescape(input);
            line.extend_from_slice(b"\r\n");
            let ends_content = state == StateName::Content && input == ".";
            let expected = if ends_content { "wait EndPending" } else { expected };
            assert_eq!(step(&mut server, &line), expected, "{input:?} in {state:?}");
        }
    }
}

/// A server in a state where a decision is due, or just behind it.
fn pending(script: &str, state: StateName) -> Server {
    let mut server = in_state(0).server;
    let mut rest = script.as_bytes();
    while server.state() != state {
        let received = server.receive(rest);
        let idle = received.consumed == 0 && received.event.is_none();
        rest = &rest[received.consumed..];
        match server.state() {
            StateName::DataPending if idle => server.start_content(),
            StateName::MailPending | StateName::RecipientPending if idle => server.reply(&reply("250")),
            _ => assert!(!idle, "stuck in {:?}", server.state()),
        }
    }
    server.output().clear();
    server
}

#[test]
fn every_answer_in_every_state() {
    const ANSWERS: &[&str] = &["250", "354", "450", "550", "421", "start_content", "starttls_done", "close_with"];
    let table = [
        ("MailPending", "250 Mail|451 Ready|450 Ready|550 Ready|421 Closed|- MailPending|- MailPending|421 Closed"),
        (
            "RecipientPending",
            "250 Mail|451 Mail|450 Mail|550 Mail|421 Closed|- RecipientPending|- RecipientPending|421 Closed",
        ),
        ("DataPending", "451 Ready|451 Ready|450 Ready|550 Ready|421 Closed|354 Content|- DataPending|421 Closed"),
        ("EndPending", "250 Ready|451 Ready|450 Ready|550 Ready|421 Closed|- EndPending|- EndPending|421 Closed"),
        ("Start", "- Start|- Start|- Start|- Start|- Start|- Start|- Start|421 Closed"),
        ("Ready", "- Ready|- Ready|- Ready|- Ready|- Ready|- Ready|- Ready|421 Closed"),
        ("Mail", "- Mail|- Mail|- Mail|- Mail|- Mail|- Mail|- Mail|421 Closed"),
        ("Content", "- Content|- Content|- Content|- Content|- Content|- Content|- Content|421 Closed"),
        ("Handshake", "- Handshake|- Handshake|- Handshake|- Handshake|- Handshake|- Handshake|- Start|- Closed"),
        ("Closed", "- Closed|- Closed|- Closed|- Closed|- Closed|- Closed|- Closed|- Closed"),
    ];
    let transaction = "EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n.\r\n";
    for (name, row) in table {
        for (answer, expected) in ANSWERS.iter().zip(row.split('|')) {
            let mut server = match name {
                "Start" => pending("", StateName::Start),
                "Ready" => pending("EHLO c\r\n", StateName::Ready),
                "MailPending" => pending(transaction, StateName::MailPending),
                "Mail" => pending(transaction, StateName::Mail),
                "RecipientPending" => pending(transaction, StateName::RecipientPending),
                "DataPending" => pending(transaction, StateName::DataPending),
                "Content" => pending(transaction, StateName::Content),
                "EndPending" => pending(transaction, StateName::EndPending),
                "Handshake" => pending("EHLO c\r\nSTARTTLS\r\n", StateName::Handshake),
                _ => pending("QUIT\r\n", StateName::Closed),
            };
            match *answer {
                "start_content" => server.start_content(),
                "starttls_done" => server.starttls_done(full_offer()),
                "close_with" => server.close_with(&reply("421 4.3.2 bye")),
                code => server.reply(&reply(code)),
            }
            let output = String::from_utf8(std::mem::take(server.output())).unwrap();
            let code = output.get(..3).unwrap_or("-");
            assert_eq!(format!("{code} {:?}", server.state()), expected, "{answer} in {name}");
        }
    }
}

#[test]
fn starttls_may_be_refused_as_long_as_nobody_has_heard_of_it() {
    let unavailable = smtpgw_smtp::replies::TLS_UNAVAILABLE;
    let mut server = in_state(1).server;
    assert_eq!(server.receive(b"STARTTLS\r\n").event, Some(ServerEvent::Starttls));
    server.refuse_starttls(&unavailable);
    assert_eq!(std::mem::take(server.output()), b"454 4.7.0 TLS not available, try again later\r\n");
    assert_eq!(server.state(), StateName::Ready);
    // It counts as any other refusal: nobody makes us ask the backend for ever.
    let mut refused = 1;
    while server.state() == StateName::Ready {
        assert_eq!(server.receive(b"STARTTLS\r\n").event, Some(ServerEvent::Starttls));
        server.refuse_starttls(&unavailable);
        refused += 1;
        assert!(refused < 1_000);
    }
    let mut server = in_state(1).server;
    server.receive(b"STARTTLS\r\n");
    server.output().clear();
    server.refuse_starttls(&unavailable);
    assert_eq!((server.state(), server.output().len()), (StateName::Handshake, 0));
    let mut server = in_state(1).server;
    server.refuse_starttls(&unavailable);
    assert_eq!((server.state(), server.output().len()), (StateName::Ready, 0));
}

#[test]
fn nothing_may_stand_behind_starttls() {
    // In the same segment: no 220, so the client cannot take what it gets for a handshake.
    for behind in ["\r", "EHLO c\r\nMAIL FROM:<a@b>\r\n", "\x16\x03\x01"] {
        let mut server = in_state(1).server;
        let input = ["STARTTLS\r\n", behind].concat();
        let received = server.receive(input.as_bytes());
        assert_eq!(received.event, Some(ServerEvent::Close(CloseReason::PlaintextBehindStarttls)));
        assert!(server.output().starts_with(b"421 "));
        assert_eq!(server.state(), StateName::Closed);
    }
    // Behind the 220 and before the handshake: nothing more is said.
    let mut server = in_state(1).server;
    assert_eq!(server.receive(b"STARTTLS\r\n").event, Some(ServerEvent::Starttls));
    server.output().clear();
    assert_eq!(server.receive(b"").event, None);
    let received = server.receive(b"E");
    assert_eq!(received.event, Some(ServerEvent::Close(CloseReason::PlaintextBehindStarttls)));
    assert!(server.output().is_empty());
    assert_eq!(server.state(), StateName::Closed);
}
