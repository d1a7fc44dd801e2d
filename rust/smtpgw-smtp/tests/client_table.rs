//! The table of the client role, cell by cell, and what replies it refuses.
#![allow(clippy::unwrap_used, unreachable_pub, missing_docs)] // A test may panic, and is nobody's library.

use smtpgw_smtp::{
    Client, ClientError, ClientEvent, ClientStateName, Command, ForwardPath, Limits, MailParameters, Misuse,
    RecipientParameters, ReplyCode, ReversePath, Verb, XclientAttributes, XclientName, XclientValue, xclient_commands,
};
use smtpgw_testkit::splits::every_split;

const EHLO_REPLY: &[u8] =
    b"250-b\r\n250-PIPELINING\r\n250-STARTTLS\r\n250-CHUNKING\r\n250-SIZE 99\r\n250 XCLIENT ADDR\r\n";

fn hello() -> Command {
    Command::Ehlo("mx".into())
}

fn mail() -> Command {
    Command::Mail { reverse_path: ReversePath::parse("<a@b>").unwrap(), parameters: MailParameters::default() }
}

fn recipient() -> Command {
    Command::Recipient {
        forward_path: ForwardPath::parse("<c@d>").unwrap(),
        parameters: RecipientParameters::default(),
    }
}

fn xclient() -> Command {
    let offered = XclientAttributes::default().with(XclientName::Addr);
    xclient_commands(offered, &[(XclientName::Addr, XclientValue::Known("192.0.2.1"))]).remove(0)
}

fn commands() -> Vec<(&'static str, Command)> {
    vec![
        ("EHLO", hello()),
        ("HELO", Command::Helo("mx".into())),
        ("STARTTLS", Command::Starttls),
        ("XCLIENT", xclient()),
        ("MAIL", mail()),
        ("RCPT", recipient()),
        ("DATA", Command::Data),
        ("RSET", Command::Reset),
        ("NOOP", Command::Noop),
        ("QUIT", Command::Quit),
    ]
}

/// Says `input` to the client, which must take all of it as replies.
fn hear(client: &mut Client, input: &[u8]) -> Vec<ClientEvent> {
    let mut rest = input;
    let mut events = Vec::new();
    while !rest.is_empty() {
        let (consumed, event) = client.receive(rest).unwrap();
        assert!(consumed > 0);
        rest = &rest[consumed..];
        events.extend(event);
    }
    events
}

fn exchange(client: &mut Client, command: &Command, reply: &[u8]) {
    client.send(command).unwrap();
    let events = hear(client, reply);
    assert!(matches!(events.as_slice(), [ClientEvent::Reply { to, .. }] if *to == command.verb()));
    client.output().clear();
}

fn in_state(name: &str) -> Client {
    let mut client = Client::new(Limits::default());
    if name == "Greeting" {
        return client;
    }
    hear(&mut client, b"220 b\r\n");
    if name == "Hello" {
        return client;
    }
    exchange(&mut client, &hello(), EHLO_REPLY);
    match name {
        "Ready" => {}
        "Plain" => exchange(&mut client, &Command::Helo("mx".into()), b"250 b\r\n"),
        "Handshake" => exchange(&mut client, &Command::Starttls, b"220 b\r\n"),
        "Tls" => {
            exchange(&mut client, &Command::Starttls, b"220 b\r\n");
            client.starttls_done();
            exchange(&mut client, &hello(), EHLO_REPLY);
        }
        "Xclient" => exchange(&mut client, &xclient(), b"220 b\r\n"),
        "Content" => exchange(&mut client, &Command::Data, b"354 go\r\n"),
        "Chunks" => {
            client.chunk(b"a\r\n").unwrap();
            hear(&mut client, b"250 b\r\n");
            client.output().clear();
        }
        "Closed" => exchange(&mut client, &Command::Quit, b"221 b\r\n"),
        _ => panic!("{name}"),
    }
    client
}

#[test]
fn every_command_in_every_state() {
    let columns = ["Greeting", "Hello", "Xclient", "Ready", "Plain", "Tls", "Handshake", "Content", "Chunks", "Closed"];
    // s sent, p out of place, n not offered
    let table = [
        ("EHLO", "p s s s s s p p p p"),
        ("HELO", "p s s s s s p p p p"),
        ("STARTTLS", "p p p s n n p p p p"),
        ("XCLIENT", "p p s s n s p p p p"),
        ("MAIL", "p p p s s s p p p p"),
        ("RCPT", "p p p s s s p p p p"),
        ("DATA", "p p p s s s p p p p"),
        ("RSET", "p s s s s s p p s p"),
        ("NOOP", "p s s s s s p p s p"),
        ("QUIT", "p s s s s s p p s p"),
    ];
    for ((name, command), (row, cells)) in commands().into_iter().zip(table) {
        assert_eq!(name, row);
        let cells: Vec<&str> = cells.split(' ').collect();
        assert_eq!(cells.len(), columns.len());
        for (state, expected) in columns.iter().zip(cells) {
            let mut client = in_state(state);
            let before = client.state();
            let found = match client.send(&command) {
                Ok(()) => "s",
                Err(Misuse::OutOfPlace) => "p",
                Err(Misuse::NotOffered) => "n",
                Err(other) => panic!("{other}"),
            };
            assert_eq!(found, expected, "{name} in {state}");
            assert_eq!(client.output().is_empty(), found != "s");
            assert_eq!(client.state(), before);
        }
    }
    for state in columns {
        let mut client = in_state(state);
        let writes = state == "Content";
        assert_eq!(client.content(b".a").is_ok(), writes, "{state}");
        assert_eq!(client.end_content().is_ok(), writes, "{state}");
        assert_eq!(client.output().as_slice(), if writes { &b"..a\r\n.\r\n"[..] } else { b"" });
    }
    for (state, expected) in columns.iter().zip("p p p s n s p p s p".split(' ')) {
        let expected = match expected {
            "s" => Ok(()),
            "n" => Err(Misuse::NotOffered),
            _ => Err(Misuse::OutOfPlace),
        };
        let mut client = in_state(state);
        assert_eq!(client.chunk(b".a"), expected, "{state}");
        assert_eq!(client.output().as_slice(), if expected.is_ok() { &b"BDAT 2\r\n.a"[..] } else { b"" });
        let mut client = in_state(state);
        assert_eq!(client.last_chunk(b".a").map(drop), expected, "{state}");
        assert_eq!(client.output().as_slice(), if expected.is_ok() { &b"BDAT 4 LAST\r\n.a\r\n"[..] } else { b"" });
    }
}

#[test]
fn chunks_are_counted_as_they_are_written() {
    let mut client = in_state("Ready");
    client.chunk(b"a\r").unwrap();
    client.chunk(b"").unwrap();
    client.chunk(b"\n.\r").unwrap();
    // A CR waits for what comes next: a chunk of it alone is none.
    client.chunk(b"").unwrap();
    client.last_chunk(b"").unwrap();
    assert_eq!(client.output().as_slice(), b"BDAT 1\r\naBDAT 3\r\n\r\n.BDAT 2 LAST\r\n\r\n");
    let events = hear(&mut client, b"250 1\r\n250 2\r\n250 3\r\n");
    let verbs: Vec<Verb> =
        events.iter().map(|event| if let ClientEvent::Reply { to, .. } = event { *to } else { panic!() }).collect();
    assert_eq!(verbs, [Verb::Chunk, Verb::Chunk, Verb::EndOfData]);
    let mut client = in_state("Ready");
    client.last_chunk(b"").unwrap();
    assert_eq!(client.output().as_slice(), b"BDAT 0 LAST\r\n");
    assert_eq!(client.state(), ClientStateName::Ready);
}

#[test]
fn a_refused_chunk_spoils_its_message_and_no_other() {
    for code in ["452", "552"] {
        let refusal = format!("{code} no\r\n");
        let mut client = in_state("Chunks");
        client.chunk(b"b\r\n").unwrap();
        hear(&mut client, refusal.as_bytes());
        // RFC 3030 §2: no more are sent.
        assert_eq!(client.chunk(b"c\r\n"), Err(Misuse::OutOfPlace));
        assert_eq!(client.last_chunk(b""), Err(Misuse::OutOfPlace));
        assert_eq!(client.send(&mail()), Err(Misuse::OutOfPlace));
        exchange(&mut client, &Command::Reset, b"250 ok\r\n");
        assert_eq!(client.state(), ClientStateName::Ready);
        client.last_chunk(b"d\r\n").unwrap();
        assert_eq!(hear(&mut client, b"250 taken\r\n").len(), 1);
        // The last one was under way already: a server that takes the rest takes no whole message.
        let mut client = in_state("Chunks");
        client.chunk(b"b\r\n").unwrap();
        client.last_chunk(b"c\r\n").unwrap();
        hear(&mut client, refusal.as_bytes());
        let code = ReplyCode::new(250).unwrap();
        let torn = Err(ClientError::UnexpectedCode(Verb::EndOfData, code));
        assert_eq!(client.receive(b"250 taken\r\n"), torn);
    }
    // Refused as a whole: the next message is none the worse.
    let mut client = in_state("Chunks");
    client.chunk(b"b\r\n").unwrap();
    client.last_chunk(b"c\r\n").unwrap();
    hear(&mut client, b"452 no\r\n503 no\r\n");
    client.last_chunk(b"c\r\n").unwrap();
    hear(&mut client, b"250 taken\r\n");
}

#[test]
fn a_reset_between_chunks_counts_once_it_is_granted() {
    let mut client = in_state("Chunks");
    client.chunk(b"b\r\n").unwrap();
    client.send(&Command::Reset).unwrap();
    assert_eq!(client.chunk(b"c\r\n"), Err(Misuse::MustWait));
    hear(&mut client, b"250 ok\r\n");
    assert_eq!(client.state(), ClientStateName::Chunks);
    assert_eq!(client.send(&mail()), Err(Misuse::OutOfPlace));
    hear(&mut client, b"250 ok\r\n");
    assert_eq!(client.state(), ClientStateName::Ready);
    // What CR stood at the end of the last chunk is forgotten with it.
    let mut client = in_state("Ready");
    client.chunk(b"a\r").unwrap();
    hear(&mut client, b"250 ok\r\n");
    exchange(&mut client, &Command::Reset, b"250 ok\r\n");
    client.last_chunk(b"b\r\n").unwrap();
    assert_eq!(client.output().as_slice(), b"BDAT 3 LAST\r\nb\r\n");
}

#[test]
fn every_reply_to_a_chunk() {
    use ClientStateName::{Chunks, Closed, Ready};
    for (code, chunk, last) in [
        ("250", Some(Chunks), Some(Ready)),
        ("354", None, None),
        ("452", Some(Chunks), Some(Ready)),
        ("552", Some(Chunks), Some(Ready)),
        ("421", Some(Closed), Some(Closed)),
    ] {
        for (is_last, state) in [(false, chunk), (true, last)] {
            let mut client = in_state("Ready");
            if is_last {
                client.last_chunk(b"a").unwrap();
            } else {
                client.chunk(b"a").unwrap();
            }
            let result = client.receive(format!("{code} text\r\n").as_bytes());
            assert_eq!(result.is_ok(), state.is_some(), "{code}");
            assert_eq!(client.state(), state.unwrap_or(Closed), "{code}");
        }
    }
}

#[test]
fn every_reply_to_every_command() {
    use ClientStateName::{Closed, Content, Handshake, Hello, Ready};
    // Reply, then for each command the state behind it; `None`: the reply is an error.
    let codes = ["220", "250", "354", "450", "550", "421"];
    let table = [
        ("EHLO", [Some(Ready), Some(Ready), None, Some(Ready), Some(Ready), Some(Closed)]),
        ("HELO", [Some(Ready), Some(Ready), None, Some(Ready), Some(Ready), Some(Closed)]),
        ("STARTTLS", [Some(Handshake), None, None, Some(Ready), Some(Ready), Some(Closed)]),
        ("XCLIENT", [Some(Hello), Some(Hello), None, Some(Ready), Some(Ready), Some(Closed)]),
        ("MAIL", [Some(Ready), Some(Ready), None, Some(Ready), Some(Ready), Some(Closed)]),
        ("RCPT", [Some(Ready), Some(Ready), None, Some(Ready), Some(Ready), Some(Closed)]),
        ("DATA", [None, None, Some(Content), Some(Ready), Some(Ready), Some(Closed)]),
        ("RSET", [Some(Ready), Some(Ready), None, Some(Ready), Some(Ready), Some(Closed)]),
        ("NOOP", [Some(Ready), Some(Ready), None, Some(Ready), Some(Ready), Some(Closed)]),
        ("QUIT", [Some(Closed), Some(Closed), None, Some(Closed), Some(Closed), Some(Closed)]),
    ];
    for ((name, command), (row, states)) in commands().into_iter().zip(table) {
        assert_eq!(name, row);
        for (code, state) in codes.iter().zip(states) {
            let mut client = in_state("Ready");
            client.send(&command).unwrap();
            let result = client.receive(format!("{code} text\r\n").as_bytes());
            match state {
                Some(state) => {
                    assert!(matches!(result, Ok((10, Some(ClientEvent::Reply { .. })))), "{code} to {name}");
                    assert_eq!(client.state(), state, "{code} to {name}");
                }
                None => {
                    let code = ReplyCode::new(code.parse().unwrap()).unwrap();
                    assert_eq!(result, Err(ClientError::UnexpectedCode(command.verb(), code)), "{name}");
                    assert_eq!(client.state(), Closed);
                }
            }
        }
    }
    // A refused EHLO or HELO leaves the state in which it was sent.
    let mut client = in_state("Hello");
    exchange(&mut client, &hello(), b"502 no\r\n");
    assert_eq!(client.state(), Hello);
    for (greeting, state) in [("220", Hello), ("250", Hello), ("354", Closed), ("421", Closed), ("554", Closed)] {
        let mut client = in_state("Greeting");
        let events = hear(&mut client, format!("{greeting} b\r\n").as_bytes());
        assert!(matches!(events.as_slice(), [ClientEvent::Greeting(_)]));
        assert_eq!(client.state(), state, "{greeting}");
    }
}

#[test]
fn pipelining_follows_rfc_2920() {
    // Which command may follow which without waiting: rows first, columns second, as in `commands`.
    for (first_name, first) in commands() {
        for (second_name, second) in commands() {
            let mut client = in_state("Ready");
            client.send(&first).unwrap();
            let group = matches!(first_name, "MAIL" | "RCPT" | "RSET");
            let alone = matches!(second_name, "EHLO" | "HELO" | "STARTTLS" | "XCLIENT");
            let expected = if group && !alone { Ok(()) } else { Err(Misuse::MustWait) };
            assert_eq!(client.send(&second), expected, "{second_name} behind {first_name}");
            let mut plain = in_state("Plain");
            if plain.send(&first).is_ok() {
                assert!(plain.send(&second).is_err(), "{second_name} behind {first_name} without PIPELINING");
            }
        }
    }
    let mut client = in_state("Content");
    client.end_content().unwrap();
    assert_eq!(client.send(&mail()), Err(Misuse::MustWait));
    // Chunks may follow chunks, and nothing else: no content before a recipient is known to be taken.
    for (name, command) in commands() {
        let mut client = in_state("Ready");
        client.send(&command).unwrap();
        assert_eq!(client.chunk(b"a"), Err(Misuse::MustWait), "behind {name}");
        assert_eq!(client.last_chunk(b"a"), Err(Misuse::MustWait), "behind {name}");
    }
    let mut client = in_state("Ready");
    client.chunk(b"a").unwrap();
    client.last_chunk(b"b").unwrap();
    assert_eq!(client.chunk(b"c"), Err(Misuse::MustWait));
    assert_eq!(client.send(&mail()), Err(Misuse::MustWait));
    let mut client = in_state("Greeting");
    hear(&mut client, b"220 b\r\n");
    exchange(&mut client, &hello(), b"250-b\r\n250 CHUNKING\r\n");
    client.chunk(b"a").unwrap();
    assert_eq!(client.chunk(b"a"), Err(Misuse::MustWait), "without PIPELINING");
    assert_eq!(client.send(&Command::Reset), Err(Misuse::MustWait), "without PIPELINING");
    let mut client = Client::new(Limits { outstanding: 3, ..Limits::default() });
    hear(&mut client, b"220 b\r\n");
    exchange(&mut client, &hello(), EHLO_REPLY);
    for _ in 0..3 {
        client.send(&recipient()).unwrap();
    }
    assert_eq!(client.send(&recipient()), Err(Misuse::TooManyOutstanding));
}

#[test]
fn extensions_live_until_they_are_forgotten() {
    let mut client = in_state("Ready");
    assert_eq!(client.extensions().size, Some(99));
    exchange(&mut client, &Command::Starttls, b"220 go\r\n");
    client.starttls_done();
    assert_eq!(client.extensions(), in_state("Hello").extensions());
    let client = in_state("Xclient");
    assert_eq!(client.extensions(), in_state("Hello").extensions());
}

/// Events or the error, however the input is cut.
fn heard(state: &str, command: Option<Command>, input: &[u8]) -> Result<Vec<ClientEvent>, ClientError> {
    every_split(input, |pieces| {
        let limits = Limits { reply_line: 100, reply_lines: 4, reply_octets: 200, ..Limits::default() };
        let mut client = Client::new(limits);
        if state != "Greeting" {
            hear(&mut client, b"220 b\r\n");
        }
        if let Some(command) = &command {
            client.send(command).unwrap();
        }
        let (mut unread, mut events) = (Vec::new(), Vec::new());
        for piece in pieces {
            unread.extend_from_slice(piece);
            loop {
                let (consumed, event) = client.receive(&unread)?;
                if consumed == 0 {
                    break;
                }
                unread.drain(..consumed);
                events.extend(event);
            }
        }
        Ok(events)
    })
}

#[test]
fn replies_keep_every_line() {
    for (input, shown) in [
        (&b"250 one\r\n"[..], "250 one"),
        (b"250\r\n", "250 "),
        (b"250 \r\n", "250 "),
        (b"250-\r\n250\r\n", "250  / "),
        (b"250-a\r\n250-b\r\n250 c\r\n", "250 a / b / c"),
        (b"571 a\tb\0\x1b\r\n", "571 a\tb??"),
        (b"250 caf\xc3\xa9\r\n", "250 caf\u{e9}"),
    ] {
        let events = heard("Hello", Some(Command::Noop), input).unwrap();
        let [ClientEvent::Reply { to: Verb::Noop, reply }] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(reply.to_string(), shown);
    }
}

#[test]
fn what_is_no_reply_is_refused() {
    let line = |octets: usize| [b"250 ".to_vec(), b"x".repeat(octets - 6), b"\r\n".to_vec()].concat();
    assert!(heard("Hello", Some(Command::Noop), &line(100)).is_ok());
    for (input, error) in [
        (&b"\r\n"[..], ClientError::MalformedReply),
        (b"25\r\n", ClientError::MalformedReply),
        (b"2500 x\r\n", ClientError::MalformedReply),
        (b"250x\r\n", ClientError::MalformedReply),
        (b"250\tx\r\n", ClientError::MalformedReply),
        (b"+25 x\r\n", ClientError::MalformedReply),
        (b"150 x\r\n", ClientError::MalformedReply),
        (b"600 x\r\n", ClientError::MalformedReply),
        (b"250 x\n", ClientError::MalformedReply),
        (b"250-x\r\n550 x\r\n", ClientError::MalformedReply),
        (b"HTTP/1.1 400 Bad Request\r\n", ClientError::MalformedReply),
        (&line(101), ClientError::ReplyTooLong),
        (&b"x".repeat(100), ClientError::ReplyTooLong),
        (&b"250-x\r\n".repeat(5), ClientError::ReplyTooLong),
        (&[&b"250-"[..], &b"x".repeat(90), b"\r\n"].concat().repeat(3), ClientError::ReplyTooLong),
    ] {
        assert_eq!(heard("Hello", Some(Command::Noop), input), Err(error), "{}", input.escape_ascii());
    }
}

#[test]
fn what_was_not_asked_for_is_refused() {
    for (state, command, input) in [
        ("Hello", None, &b"421 bye\r\n"[..]),
        ("Hello", Some(Command::Noop), b"250 ok\r\n250 ok\r\n"),
        ("Greeting", None, b"220 b\r\n250 ok\r\n"),
    ] {
        assert!(matches!(heard(state, command, input), Err(ClientError::Unsolicited(_))), "{}", input.escape_ascii());
    }
    // A reply that came before its command answers nothing, even if the command has been sent when it is read.
    let mut client = in_state("Ready");
    client.send(&Command::Noop).unwrap();
    let input = b"250 ok\r\n250 injected\r\n";
    let (consumed, event) = client.receive(input).unwrap();
    assert!(event.is_some());
    client.send(&Command::Noop).unwrap();
    assert!(matches!(client.receive(&input[consumed..]), Err(ClientError::Unsolicited(_))));
}

#[test]
fn nothing_may_stand_between_starttls_and_the_handshake() {
    // What came in one segment is never reported as a go-ahead, not even for a moment.
    let mut client = in_state("Ready");
    client.send(&Command::Starttls).unwrap();
    assert_eq!(client.receive(b"220 go\r\n2"), Err(ClientError::PlaintextBehindStarttls));
    for input in [&b"220 go\r\n250 x\r\n"[..], b"220 go\r\n\r", b"220-a\r\n220 go\r\n\x16"] {
        let result = every_split(input, |pieces| {
            let mut client = in_state("Ready");
            client.send(&Command::Starttls).unwrap();
            let mut unread = Vec::new();
            for piece in pieces {
                unread.extend_from_slice(piece);
                loop {
                    match client.receive(&unread) {
                        Ok((0, _)) => break,
                        Ok((consumed, _)) => drop(unread.drain(..consumed)),
                        Err(error) => return Some((error, client.state())),
                    }
                }
            }
            None
        });
        assert_eq!(result, Some((ClientError::PlaintextBehindStarttls, ClientStateName::Closed)));
    }
}
