//! What is seen of pipelined recipients before their turn is what comes in their turn.
#![allow(clippy::unwrap_used, unreachable_pub, missing_docs)] // a failed step is a failed test

mod common;

use common::{full_offer, small_limits};
use proptest::prelude::*;
use smtpgw_smtp::{BareNewline, Offer, Server, ServerEvent, ServerOptions, replies};

/// A machine whose MAIL is pending, shown `behind`.
fn pending(behind: &str) -> (Server, Vec<u8>) {
    pending_behind("MAIL FROM:<a@b>", behind)
}

fn pending_behind(mail: &str, behind: &str) -> (Server, Vec<u8>) {
    let input = format!("EHLO c\r\n{mail}\r\n{behind}").into_bytes();
    let options =
        ServerOptions { hostname: "mx.test".into(), limits: small_limits(), bare_newline: BareNewline::Reject };
    let mut server = Server::new(options, everything());
    let hello = server.receive(&input).consumed;
    let mail = server.receive(&input[hello..]).consumed;
    (server, input[hello + mail..].to_vec())
}

fn everything() -> Offer {
    Offer { smtputf8: true, dsn: true, ..full_offer() }
}

fn ahead(behind: &str) -> Vec<String> {
    ahead_of("MAIL FROM:<a@b>", behind)
}

fn ahead_of(mail: &str, behind: &str) -> Vec<String> {
    let (server, input) = pending_behind(mail, behind);
    server.recipients_ahead(&input).into_iter().map(|(path, words)| format!("{}{words}", path.as_str())).collect()
}

#[test]
fn parameters_come_with_their_recipients() {
    assert_eq!(ahead("RCPT TO:<c@d> notify=never\r\nRCPT TO:<e@d>\r\n"), ["c@d NOTIFY=NEVER", "e@d"]);
    assert_eq!(ahead("RCPT TO:<c@d>\r\nRCPT TO:<e@d> NOTIFY=NONE\r\n"), ["c@d"]);
    let behind = "RCPT TO:<é@d> ORCPT=utf-8;é@d\r\nRCPT TO:<e@d>\r\n";
    assert_eq!(ahead(behind), [""; 0]);
    assert_eq!(ahead_of("MAIL FROM:<a@b> SMTPUTF8", behind), ["é@d ORCPT=utf-8;é@d", "e@d"]);
}

#[test]
fn only_whole_good_recipients_up_to_the_first_other_line() {
    assert_eq!(ahead("RCPT TO:<c@d>\r\nRCPT TO:<e@d>\r\nDATA\r\n"), ["c@d", "e@d"]);
    assert_eq!(ahead("rcpt to: <c@d>\r\nRCPT TO:<e@d>\r"), ["c@d"]);
    assert_eq!(ahead("RCPT TO:<c@d>\r\nNOOP\r\nRCPT TO:<e@d>\r\n"), ["c@d"]);
    assert_eq!(ahead("RCPT TO:<c@d>\r\nRCPT TO:e@d>\r\nRCPT TO:<f@d>\r\n"), ["c@d"]);
    assert_eq!(ahead("RCPT TO:<c@d>\nRCPT TO:<e@d>\r\n"), [""; 0]);
    assert_eq!(ahead("RCPT TO:<c@d> X=1\r\n"), [""; 0]);
    assert_eq!(ahead("DATA\r\n"), [""; 0]);
    assert_eq!(ahead(""), [""; 0]);
}

#[test]
fn not_more_than_a_transaction_may_have() {
    assert_eq!(ahead(&"RCPT TO:<c@d>\r\n".repeat(9)).len(), small_limits().recipients);
}

#[test]
fn nothing_in_any_other_state() {
    let (mut server, input) = pending("RCPT TO:<c@d>\r\nRCPT TO:<e@d>\r\n");
    assert_eq!(server.recipients_ahead(&input).len(), 2);
    server.reply(&replies::SENDER_OK);
    assert!(server.recipients_ahead(&input).is_empty());
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just("RCPT TO:<c@d>\r\n".to_owned()),
        2 => "RCPT TO:<[a-cé.@\"]{1,5}>( X| NOTIFY=NEVER| ORCPT=utf-8;é)?\r?\n?",
        1 => "(NOOP|DATA|RSET|GET /|\r|\n)[a-z]{0,3}\r\n",
    ]
}

proptest! {
    #[test]
    fn what_is_seen_ahead_comes(lines in prop::collection::vec(line(), 0..6), smtputf8 in any::<bool>()) {
        let mail = if smtputf8 { "MAIL FROM:<a@b> SMTPUTF8" } else { "MAIL FROM:<a@b>" };
        let (mut server, input) = pending_behind(mail, &lines.concat());
        let seen = server.recipients_ahead(&input);
        server.reply(&replies::SENDER_OK);
        let mut unread = &input[..];
        for (path, parameters) in seen {
            let received = server.receive(unread);
            unread = &unread[received.consumed..];
            let event = received.event.unwrap();
            prop_assert_eq!(&event, &ServerEvent::Recipient { forward_path: path, parameters });
            server.reply(&replies::RECIPIENT_OK);
        }
    }
}
