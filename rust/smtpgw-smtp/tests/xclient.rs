//! XCLIENT from a proxy that may speak for others: when it has its place, and what it changes.
#![allow(clippy::unwrap_used, clippy::panic)] // A test may fail by panicking.

use smtpgw_smtp::{Fact, Offer, Server, ServerEvent, ServerOptions, StateName, XclientRequest, replies};

fn offer(xclient: bool) -> Offer {
    Offer { xclient, pipelining: true, ..Offer::default() }
}

fn server(xclient: bool) -> Server {
    Server::new(ServerOptions { hostname: "mx".into(), ..ServerOptions::default() }, offer(xclient))
}

/// Sends one line; what the client hears at once, and what it said if it was XCLIENT.
fn say(server: &mut Server, line: &str) -> (String, Option<XclientRequest>) {
    let received = server.receive(line.as_bytes());
    assert_eq!(received.consumed, line.len());
    let said = match received.event {
        Some(ServerEvent::Xclient(said)) => Some(*said),
        Some(ServerEvent::Mail { .. }) => {
            server.reply(&replies::SENDER_OK);
            None
        }
        _ => None,
    };
    (String::from_utf8(std::mem::take(server.output())).unwrap(), said)
}

#[test]
fn a_proxy_says_whom_it_speaks_for_before_mail() {
    let mut server = server(true);
    let (hello, _) = say(&mut server, "EHLO proxy\r\n");
    assert!(hello.contains("250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\r\n"), "{hello}");
    assert!(say(&mut server, "MAIL FROM:<a@b>\r\n").0.starts_with("503 5.5.1 Send XCLIENT"));
    let (heard, said) = say(&mut server, "XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.1 HELO=c\r\n");
    assert_eq!((heard.as_str(), server.state(), server.wants_input()), ("", StateName::XclientPending, false));
    let said = said.unwrap();
    assert_eq!((said.name, said.address), (Fact::Unknown, Fact::Known("192.0.2.1".parse().unwrap())));
    server.xclient_done(offer(false));
    assert_eq!(std::mem::take(server.output()), b"220 mx ESMTP\r\n");
    assert_eq!(server.state(), StateName::Start);
    // Everything is as after the greeting, and nobody speaks for others any more.
    assert!(say(&mut server, "MAIL FROM:<a@b>\r\n").0.starts_with("503 5.5.1 Send EHLO"));
    assert!(!say(&mut server, "EHLO c\r\n").0.contains("XCLIENT"));
    assert!(say(&mut server, "XCLIENT ADDR=192.0.2.2\r\n").0.starts_with("550 5.7.0 "));
    assert!(say(&mut server, "MAIL FROM:<a@b>\r\n").0.starts_with("250 "));
}

#[test]
fn it_has_its_place_outside_transactions_alone() {
    // Before EHLO as well: Postfix takes it there.
    let mut early = server(true);
    assert!(say(&mut early, "XCLIENT ADDR=192.0.2.1\r\n").1.is_some());
    let mut late = server(false);
    say(&mut late, "EHLO c\r\n");
    say(&mut late, "MAIL FROM:<a@b>\r\n");
    late.set_offer(offer(true));
    assert!(say(&mut late, "XCLIENT ADDR=192.0.2.1\r\n").0.starts_with("503 5.5.1 "));
    assert_eq!(late.state(), StateName::Mail);
}

#[test]
fn several_commands_say_it_together_and_a_bad_one_says_nothing() {
    let mut server = server(true);
    say(&mut server, "EHLO proxy\r\n");
    assert!(say(&mut server, "XCLIENT ADDR=nowhere\r\n").0.starts_with("501 5.5.4 "));
    let (_, first) = say(&mut server, "XCLIENT PORT=7\r\n");
    server.xclient_done(offer(true));
    let (_, second) = say(&mut server, "XCLIENT ADDR=IPV6:::1\r\n");
    let both = second.unwrap().over(first.unwrap());
    assert_eq!((both.port, both.address), (Fact::Known(7), Fact::Known("::1".parse().unwrap())));
}

#[test]
fn a_refusal_of_the_client_ends_it() {
    let mut server = server(true);
    say(&mut server, "XCLIENT ADDR=192.0.2.1\r\n");
    server.close_with(&replies::TOO_MANY_CONNECTIONS);
    assert!(server.output().starts_with(b"421 "));
    server.xclient_done(offer(false));
    assert_eq!(server.state(), StateName::Closed);
}

#[test]
fn a_proxy_that_never_comes_to_the_point_is_hung_up_on() {
    let mut server = server(true);
    for _ in 0..1_000 {
        say(&mut server, "XCLIENT PORT=7\r\n");
        server.xclient_done(offer(true));
    }
    assert_eq!(server.state(), StateName::Closed);
}
