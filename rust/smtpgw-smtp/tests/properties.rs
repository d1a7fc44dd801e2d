//! Properties: both roles back to back never disagree, cuts do not show, nothing panics, effort is linear.
#![allow(clippy::unwrap_used, unreachable_pub, missing_docs)] // A test may panic, and is nobody's library.

mod common;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use common::{Driver, full_offer};
use proptest::prelude::*;
use smtpgw_smtp::{
    Body, Client, ClientEvent, Command, ContentWriter, ForwardPath, Limits, MailParameters, Offer, RecipientParameters,
    ReversePath, StateName, Verb, replies,
};

fn roomy() -> Limits {
    Limits { errors: 1_000_000, junk: 1_000_000, ..Limits::default() }
}

fn offer() -> Offer {
    Offer { size: 0, chunking: true, binary_mime: true, ..full_offer() }
}

/// Octets that look like content: mostly line ends and dots, so that every corner of the machine is met.
fn wire_octets(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(b"\r\n".to_vec()),
        4 => Just(b".".to_vec()),
        1 => Just(b"\r".to_vec()),
        1 => Just(b"\n".to_vec()),
        1 => Just(b"\r\n.\r\n".to_vec()),
        1 => Just(b"RSET\r\n".to_vec()),
        2 => proptest::collection::vec(any::<u8>(), 1..6),
        2 => "[a-z]{1,90}".prop_map(String::into_bytes),
    ];
    proptest::collection::vec(piece, 0..longest).prop_map(|pieces| pieces.concat())
}

/// Whatever octets, as canonical lines.
fn canonical(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in octets.split(|octet| matches!(octet, b'\r' | b'\n')) {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn cut<'a>(octets: &'a [u8], sizes: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = octets;
    let mut sizes = sizes.iter().cycle();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, behind) = rest.split_at((*sizes.next()?).clamp(1, rest.len()));
        rest = behind;
        Some(piece)
    })
}

/// Says everything to a server that accepts everything; gives what it noted and replied.
fn converse(input: &[u8], sizes: &[usize], limits: Limits) -> (Vec<String>, Vec<u8>, StateName) {
    let mut driver = Driver::new(limits, offer());
    for piece in cut(input, sizes) {
        driver.unread.extend_from_slice(piece);
        driver.run();
    }
    (driver.notes, driver.output, driver.server.state())
}

/// How a message goes from the client role to the server role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Data,
    /// In chunks, of which so many are under way at a time.
    Chunks(usize),
    /// The same, and MAIL says that the content is binary.
    Binary(usize),
    /// RSET behind the first chunks, then afresh in chunks.
    ResetBetween,
}

/// Sends `messages` from the client role to the server role over a wire that cuts as it likes, each its own way.
fn back_to_back(messages: &[Vec<u8>], ways: &[Way], sizes: &[usize]) -> Vec<String> {
    let mut client = Client::new(Limits::default());
    let mut driver = Driver::new(Limits::default(), offer());
    let mut to_client = replies::greeting("mx.test");
    let mut pending: Vec<(&Vec<u8>, Way)> = messages.iter().zip(ways.iter().copied().cycle()).collect();
    pending.reverse();
    // Chunks of the message under way that were not sent yet.
    let mut chunks: VecDeque<Vec<u8>> = VecDeque::new();
    let (mut window, mut reset_after) = (1, None);
    let mut turns = sizes.iter().cycle();
    loop {
        let to_server = std::mem::take(client.output());
        for piece in cut(&to_server, sizes) {
            driver.unread.extend_from_slice(piece);
            driver.run();
        }
        to_client.append(&mut driver.output);
        if to_client.is_empty() {
            return driver
                .notes
                .into_iter()
                .filter(|note| note.starts_with("message") || note.starts_with("ref"))
                .collect();
        }
        let mut shown = 0;
        while !to_client.is_empty() {
            shown = (shown + turns.next().unwrap()).min(to_client.len());
            let (consumed, event) = client.receive(&to_client[..shown]).unwrap();
            to_client.drain(..consumed);
            shown -= consumed;
            match event {
                Some(ClientEvent::Greeting(_)) => client.send(&Command::Ehlo("c".into())).unwrap(),
                Some(ClientEvent::Reply { to, reply }) => match to.as_str() {
                    "DATA" => {
                        for piece in cut(pending.pop().unwrap().0, sizes) {
                            client.content(piece).unwrap();
                        }
                        client.end_content().unwrap();
                    }
                    "RCPT" if pending.last().is_some_and(|(_, way)| *way != Way::Data) => {
                        let (message, way) = *pending.last().unwrap();
                        chunks = cut(message, sizes).map(<[u8]>::to_vec).collect();
                        (window, reset_after) = match way {
                            Way::Chunks(window) | Way::Binary(window) => (window, None),
                            _ => (1, Some(chunks.len() / 2)),
                        };
                        if way != Way::ResetBetween {
                            pending.pop();
                        } else if let Some((_, way)) = pending.last_mut() {
                            *way = Way::Chunks(2);
                        }
                        send_chunks(&mut client, &mut chunks, window, &mut reset_after);
                    }
                    "BDAT" => {
                        assert!(reply.is_positive_completion());
                        send_chunks(&mut client, &mut chunks, window, &mut reset_after);
                    }
                    "EHLO" | "." | "RSET" if !pending.is_empty() => {
                        let reverse_path = ReversePath::parse("<a@b>").unwrap();
                        let mut parameters = MailParameters::default();
                        parameters.body = matches!(pending.last().unwrap().1, Way::Binary(_)).then_some(Body::Binary);
                        client.send(&Command::Mail { reverse_path, parameters }).unwrap();
                        let forward_path = ForwardPath::parse("<c@d>").unwrap();
                        let parameters = RecipientParameters::default();
                        client.send(&Command::Recipient { forward_path, parameters }).unwrap();
                        if pending.last().unwrap().1 == Way::Data {
                            client.send(&Command::Data).unwrap();
                        }
                    }
                    _ => assert!(reply.is_positive_completion()),
                },
                _ => {}
            }
        }
    }
}

/// Sends as many chunks as may be under way, and RSET where it is due.
fn send_chunks(client: &mut Client, chunks: &mut VecDeque<Vec<u8>>, window: usize, reset_after: &mut Option<usize>) {
    while client.outstanding().len() < window && client.outstanding().last() != Some(Verb::EndOfData) {
        match reset_after {
            Some(0) => return client.send(&Command::Reset).unwrap(),
            Some(left) => *left -= 1,
            None => {}
        }
        match chunks.pop_front() {
            Some(chunk) if chunks.is_empty() => drop(client.last_chunk(&chunk).unwrap()),
            Some(chunk) => client.chunk(&chunk).unwrap(),
            None => drop(client.last_chunk(b"").unwrap()),
        }
    }
}

fn as_notes(messages: &[Vec<u8>]) -> Vec<String> {
    let note = |message: &Vec<u8>| format!("message {}", smtpgw_testkit::dialogue::escape(message));
    messages.iter().map(note).map(|note| if note == "message " { note + "(empty)" } else { note }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_cut_does_not_show(octets in wire_octets(60), sizes in proptest::collection::vec(1usize..40, 1..6)) {
        let hello = b"EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n";
        for start in [&b""[..], hello, &[&hello[..], b"DATA\r\n"].concat()] {
            let input = [start, &octets].concat();
            // A handshake that is under way makes the outcome depend on when octets come: that is its point.
            prop_assume!(!input.windows(8).any(|word| word.eq_ignore_ascii_case(b"STARTTLS")));
            let whole = converse(&input, &[usize::MAX], roomy());
            prop_assert_eq!(&converse(&input, &sizes, roomy()), &whole);
            prop_assert_eq!(&converse(&input, &[1], roomy()), &whole);
        }
    }

    #[test]
    fn both_roles_see_the_same_messages(
        messages in proptest::collection::vec(wire_octets(30).prop_map(|octets| canonical(&octets)), 1..4),
        ways in proptest::collection::vec(
            prop_oneof![Just(Way::Data), (1usize..4).prop_map(Way::Chunks), Just(Way::ResetBetween)], 1..4,
        ),
        sizes in proptest::collection::vec(1usize..200, 1..6),
    ) {
        prop_assert_eq!(back_to_back(&messages, &ways, &sizes), as_notes(&messages));
    }

    #[test]
    fn binary_content_comes_octet_for_octet(
        messages in proptest::collection::vec((wire_octets(30), proptest::collection::vec(any::<u8>(), 0..60)), 1..4),
        ways in proptest::collection::vec(prop_oneof![Just(Way::Data), (1usize..4).prop_map(Way::Binary)], 1..4),
        sizes in proptest::collection::vec(1usize..200, 1..6),
    ) {
        let messages: Vec<Vec<u8>> = messages
            .into_iter()
            .zip(ways.iter().cycle())
            .map(|((lines, octets), way)| if *way == Way::Data { canonical(&lines) } else { [lines, octets].concat() })
            .collect();
        prop_assert_eq!(back_to_back(&messages, &ways, &sizes), as_notes(&messages));
    }

    #[test]
    fn whatever_goes_in_chunks_is_canonical_and_counted(octets in wire_octets(60), sizes in proptest::collection::vec(1usize..40, 1..6)) {
        // A reader that counts, and looks at nothing, finds the octets of one message, and no bare CR or LF in them.
        let (mut expected, mut writer) = (Vec::new(), ContentWriter::for_chunks());
        writer.write(&octets, &mut expected);
        writer.finish(&mut expected);
        let mut found = back_to_back(std::slice::from_ref(&octets), &[Way::Chunks(3)], &sizes);
        prop_assert_eq!(&found, &as_notes(std::slice::from_ref(&expected)));
        found = back_to_back(&[expected.clone()], &[Way::Data], &sizes);
        prop_assert_eq!(found, as_notes(&[expected]));
    }

    #[test]
    fn whatever_the_writer_is_given_stays_one_message(octets in wire_octets(60), sizes in proptest::collection::vec(1usize..40, 1..6)) {
        // As it goes over the wire there is no bare CR or LF, and the one end is at the end.
        let (mut wire, mut writer) = (b"\r\n".to_vec(), ContentWriter::new());
        for piece in cut(&octets, &sizes) {
            writer.write(piece, &mut wire);
        }
        let end = writer.finish(&mut wire);
        let ends = wire.windows(5).enumerate().filter(|(_, five)| five == b"\r\n.\r\n");
        prop_assert_eq!(ends.map(|(at, _)| at).collect::<Vec<_>>(), vec![wire.len() - 5]);
        for (at, octet) in wire.iter().enumerate() {
            prop_assert!(*octet != b'\r' || wire.get(at + 1) == Some(&b'\n'));
            prop_assert!(*octet != b'\n' || wire[at - 1] == b'\r');
        }
        // And a server that would take LF for a line end finds no other end either.
        let lenient = wire.split(|octet| *octet == b'\n').filter(|line| line == b".\r").count();
        prop_assert_eq!(lenient, 1);
        if !end.repaired && !end.line_end_added {
            prop_assert_eq!(back_to_back(std::slice::from_ref(&octets), &[Way::Data], &sizes), as_notes(std::slice::from_ref(&octets)));
        }
    }

    #[test]
    fn a_client_survives_any_server(octets in proptest::collection::vec(any::<u8>(), 0..300), digits in "[2-5][0-5][0-9][ -][a-z]{0,9}\r\n") {
        let input = [digits.as_bytes(), &octets, digits.as_bytes()].concat();
        let mut client = Client::new(Limits::default());
        let mut rest = input.as_slice();
        while let Ok((consumed, event)) = client.receive(rest) {
            if consumed == 0 && event.is_none() {
                break;
            }
            rest = &rest[consumed..];
            let _ = client.send(&Command::Ehlo("c".into()));
        }
    }
}

/// How long it takes to say `input` in pieces of `size` to a fresh server behind `start`.
fn effort(start: &[u8], input: &[u8], size: usize) -> Duration {
    let limits = Limits { command_line: usize::MAX, text_line: usize::MAX, ..roomy() };
    let mut driver = Driver::new(limits, offer());
    driver.unread = start.to_vec();
    driver.run();
    let began = Instant::now();
    let mut shown = 0;
    let mut at = 0;
    while shown < input.len() {
        shown = (shown + size).min(input.len());
        loop {
            let received = driver.server.receive(&input[at..shown]);
            at += received.consumed;
            if received.consumed == 0 && received.event.is_none() {
                break;
            }
        }
    }
    began.elapsed()
}

#[test]
fn effort_is_linear_octet_by_octet() {
    let transaction = b"EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n";
    let kinds: [(&str, &[u8], &[u8]); 6] = [
        ("a command without an end", b"", b"x"),
        ("content without a line end", transaction, b"x"),
        ("content of dots", transaction, b".\r\n."),
        ("content of line ends", transaction, b"\r\n"),
        ("refused content", transaction, b"\n"),
        ("refused content of CR", transaction, b"\r"),
    ];
    for (name, start, unit) in kinds {
        // Linear effort takes some 40 ms. To search what has been searched before at every octet would move
        // 2 TiB, which takes minutes: a bound between the two holds on a busy machine, too.
        let took = effort(start, &unit.repeat((2 << 20) / unit.len()), 1);
        assert!(took < Duration::from_secs(15), "{name}: {took:?}");
    }
}
