//! Lines of AUTH exchanges: as long as RFC 4954 §4 wants them, and no longer, in both roles.
#![allow(clippy::unwrap_used, unreachable_pub, missing_docs)] // A test may fail by panicking.

mod common;

use common::{Driver, full_offer, plain_and_login, reply, small_limits};
use smtpgw_smtp::{
    AuthAnswer, Client, ClientEvent, Command, Limits, Mechanism, Offer, Secret, StateName, Verb, Word as _,
};

const LINE: usize = 12_288;

fn driver() -> Driver {
    let limits = Limits { skipped_line: 1 << 20, ..small_limits() };
    let mut driver = Driver::new(limits, Offer { auth: plain_and_login(), ..full_offer() });
    driver.unread = b"EHLO c\r\n".to_vec();
    driver.run();
    driver.output.clear();
    driver
}

#[test]
fn a_response_may_be_longer_than_a_command() {
    for (octets, note) in [(LINE, "response A"), (LINE + 1, "cancel"), (20_000, "cancel")] {
        for pieces in [1, 1_000, 30_000] {
            let mut driver = driver();
            driver.decisions.extend(["334 YQ==", "535 5.7.8 no"].map(reply));
            let line = [b"AUTH PLAIN\r\n".to_vec(), vec![b'A'; octets], b"\r\nNOOP\r\n".to_vec()].concat();
            for piece in line.chunks(pieces) {
                driver.unread.extend_from_slice(piece);
                driver.run();
            }
            assert_eq!(driver.codes(), ["334", "535", "250"], "{octets} in pieces of {pieces}");
            assert!(driver.notes[2].starts_with(note), "{}", driver.notes[2].len());
        }
    }
}

#[test]
fn an_initial_response_may_as_well_where_auth_is_offered() {
    for (octets, codes) in [(LINE, ["235", "250"]), (LINE + 1, ["501", "250"]), (LINE + 100, ["500", "250"])] {
        let mut driver = driver();
        driver.decisions.push_back(reply("235 2.7.0 ok"));
        driver.unread = [b"auth PLAIN ".to_vec(), vec![b'A'; octets], b"\r\nNOOP\r\n".to_vec()].concat();
        driver.run();
        assert_eq!(driver.codes(), codes, "{octets}");
    }
    let mut without = Driver::new(small_limits(), full_offer());
    without.unread = [b"EHLO c\r\nAUTH PLAIN ".to_vec(), vec![b'A'; 1_000], b"\r\nNOOP\r\n".to_vec()].concat();
    without.run();
    assert_eq!(without.codes(), ["250", "500", "250"]);
}

#[test]
fn tls_and_nothing_else_makes_a_client_unknown_again() {
    let mut driver = driver();
    driver.decisions.push_back(reply("235 2.7.0 ok"));
    driver.unread = b"AUTH PLAIN AA==\r\nEHLO c\r\nRSET\r\nAUTH PLAIN AA==\r\n".to_vec();
    driver.run();
    assert_eq!(driver.codes(), ["235", "250", "250", "503"]);
    assert!(driver.server.is_authenticated());
    driver.unread = b"STARTTLS\r\n".to_vec();
    driver.run();
    driver.server.starttls_done(Offer { auth: plain_and_login(), ..full_offer() });
    assert!(!driver.server.is_authenticated());
}

#[test]
fn nothing_is_read_while_the_server_behind_decides() {
    let mut driver = driver();
    let received = driver.server.receive(b"AUTH PLAIN AA==\r\nMAIL FROM:<a@b>\r\n");
    assert_eq!(received.consumed, 17);
    assert_eq!((driver.server.state(), driver.server.wants_input()), (StateName::AuthPending, false));
    assert_eq!(driver.server.receive(b"MAIL FROM:<a@b>\r\n").consumed, 0);
}

#[test]
fn challenges_may_be_long_and_no_other_reply() {
    let said = |octets: usize| {
        let mut client = Client::new(Limits::default());
        let unread = b"220 mx\r\n";
        client.receive(unread).unwrap();
        client.send(&Command::Ehlo("c".into())).unwrap();
        client.receive(b"250-mx\r\n").unwrap();
        client.receive(b"250 AUTH SCRAM-SHA-1\r\n").unwrap();
        client.send(&Command::Auth { mechanism: Mechanism::ScramSha1, initial: Secret::parse(b"AA==") }).unwrap();
        client.output().clear();
        let challenge = [b"334 ".to_vec(), vec![b'A'; octets], b"\r\n".to_vec()].concat();
        let event = client.receive(&challenge).ok()?.1?;
        client.answer(&AuthAnswer::Cancel).unwrap();
        assert_eq!(client.output(), b"*\r\n");
        Some(event)
    };
    let Some(ClientEvent::Reply { to: Verb::Auth, reply }) = said(LINE) else { panic!("no reply") };
    assert_eq!(reply.code().value(), 334);
    assert!(said(LINE + 1).is_none());
    assert_eq!(Mechanism::ScramSha1.as_str(), "SCRAM-SHA-1");
}
