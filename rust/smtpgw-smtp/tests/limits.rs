//! What keeps a connection small: back-pressure, skipping in fixed memory, counters that start anew.
#![allow(clippy::unwrap_used, unreachable_pub, missing_docs)] // A test may panic, and is nobody's library.

mod common;

use common::{Driver, full_offer, reply, small_limits};
use smtpgw_smtp::{CloseReason, Limits, Offer, Server, ServerEvent, ServerOptions, StateName};

fn server(limits: Limits) -> Server {
    Server::new(ServerOptions { hostname: "mx.test".into(), limits, ..ServerOptions::default() }, full_offer())
}

#[test]
fn a_client_that_never_reads_is_not_read_from() {
    let mut server = server(Limits { junk: u32::MAX, ..Limits::default() });
    let input = b"NOOP\r\n".repeat(100_000);
    let mut at = 0;
    let mut answered = 0;
    while server.wants_input() {
        let received = server.receive(&input[at..]);
        at += received.consumed;
        answered += u32::from(received.event.is_some());
    }
    assert!(server.output().len() < (64 << 10) + 512, "{}", server.output().len());
    assert!(answered > 1_000);
    // Nothing is read, and nothing is lost: the next command comes when the output has gone.
    let received = server.receive(&input[at..]);
    assert_eq!((received.consumed, received.event), (0, None));
    server.output().clear();
    assert_eq!(server.receive(&input[at..]).event, Some(ServerEvent::Answered(Ok(()))));
    // An end from outside is told all the same.
    server.close_with(&reply("421 4.3.2 bye"));
    assert_eq!(server.receive(&input[at..]).event, Some(ServerEvent::Close(CloseReason::Announced)));
}

#[test]
fn a_line_without_an_end_is_skipped_in_a_buffer_of_one_command_line() {
    let limits = Limits { skipped_line: 64 << 20, ..Limits::default() };
    let mut server = server(limits);
    // A caller whose buffer never holds more than a command line.
    let mut buffer = b"NOOP ".to_vec();
    let (mut given, mut events) = (buffer.len(), Vec::new());
    while server.state() != StateName::Closed {
        let fill = limits.command_line - buffer.len();
        assert!(fill > 0, "stuck with a full buffer");
        buffer.resize(limits.command_line, b'x');
        given += fill;
        loop {
            let received = server.receive(&buffer);
            let consumed = received.consumed;
            let idle = consumed == 0 && received.event.is_none();
            events.extend(received.event.map(|event| format!("{event:?}")));
            buffer.drain(..consumed);
            if idle {
                break;
            }
        }
    }
    assert_eq!(events, ["Answered(Err(LineTooLong))", "Close(EndlessLine)"]);
    assert!((64 << 20..(64 << 20) + 8_192).contains(&given), "{given}");
}

#[test]
fn content_needs_no_buffer_beyond_two_octets() {
    let mut server = server(Limits::default());
    let mut driver_input = b"HELO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n".to_vec();
    while server.state() != StateName::Content {
        let consumed = server.receive(&driver_input).consumed;
        driver_input.drain(..consumed);
        match server.state() {
            StateName::MailPending | StateName::RecipientPending => server.reply(&reply("250 ok")),
            StateName::DataPending => server.start_content(),
            _ => {}
        }
    }
    let mut unread: Vec<u8> = Vec::new();
    for octet in b"a\r\n.\r.\r\n..\r\n\r\n.b\r\r\n.\r\n" {
        unread.push(*octet);
        while !unread.is_empty() {
            let received = server.receive(&unread);
            if received.consumed == 0 {
                break;
            }
            unread.drain(..received.consumed);
        }
        assert!(unread.len() <= 2, "{unread:?}");
    }
    assert_eq!(server.state(), StateName::Ready);
}

#[test]
fn an_accepted_message_begins_the_counts_anew() {
    let mut driver = Driver::new(Limits { junk: 5, errors: 5, ..small_limits() }, full_offer());
    for _ in 0..3 {
        driver.unread =
            b"HELO c\r\nNOOP\r\nRSET\r\nNOOP\r\nX\r\nX\r\nX\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n".to_vec();
        driver.run();
        assert_eq!((driver.server.state(), driver.server.errors()), (StateName::Mail, 3));
        driver.unread = b"DATA\r\nx\r\n.\r\n".to_vec();
        driver.run();
        assert_eq!((driver.server.state(), driver.server.errors()), (StateName::Ready, 0));
    }
    // A message that was refused does not.
    driver.decisions.extend([reply("250"), reply("250"), reply("354"), reply("550")]);
    driver.unread = b"X\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nx\r\n.\r\n".to_vec();
    driver.run();
    assert_eq!((driver.server.state(), driver.server.errors()), (StateName::Ready, 2));
}

#[test]
fn the_smaller_of_two_sizes_holds() {
    for (offered, limit, size, accepted) in [
        (100, 1_000, 100, true),
        (100, 1_000, 101, false),
        (1_000, 100, 100, true),
        (1_000, 100, 101, false),
        (0, 100, 100, true),
        (0, 100, 101, false),
    ] {
        let limits = Limits { message_size: limit, ..small_limits() };
        let offer = Offer { size: offered, ..full_offer() };
        let mut driver = Driver::new(limits, offer);
        driver.unread = format!("EHLO c\r\nMAIL FROM:<a@b> SIZE={size}\r\nRSET\r\n").into_bytes();
        driver.run();
        driver.output.clear();
        assert_eq!(driver.notes.iter().any(|note| note.starts_with("MAIL")), accepted, "{offered} {limit} {size}");
        // The same without a word about the size: what counts is what comes.
        let content = [b"x".repeat(usize::try_from(size).unwrap() - 2), b"\r\n.\r\n".to_vec()].concat();
        driver.unread = [&b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"[..], &content].concat();
        driver.run();
        assert_eq!(driver.codes().last().unwrap(), if accepted { "250" } else { "552" }, "{offered} {limit} {size}");
    }
}

#[test]
fn a_transaction_lasts_from_mail_to_the_last_answer() {
    let mut server = server(Limits::default());
    let script = b"HELO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nx\r\n.\r\n";
    let mut at = 0;
    let mut seen = Vec::new();
    while at < script.len() || server.state() == StateName::EndPending {
        seen.push((server.state(), server.in_transaction()));
        let received = server.receive(&script[at..]);
        at += received.consumed;
        if received.consumed == 0 {
            match server.state() {
                StateName::DataPending => server.start_content(),
                _ => server.reply(&reply("250 ok")),
            }
        }
    }
    seen.push((server.state(), server.in_transaction()));
    seen.dedup();
    let outside = [StateName::Start, StateName::Ready];
    assert!(seen.iter().all(|(state, within)| *within != outside.contains(state)), "{seen:?}");
    assert_eq!(seen.len(), 10, "{seen:?}");
}
