//! Proxies that say by XCLIENT whom they speak for, and what becomes of those who may not.

use smtpgw_gateway::settings::Settings;

use crate::entry::{ENVELOPE, Entry, enter_octets, enter_world};
use crate::settings;

/// Everybody in the simulated network speaks for others.
fn behind_a_proxy() -> Settings {
    let mut settings = settings();
    settings.listener[0].xclient_from = vec!["192.168.0.0/16".parse().unwrap()];
    settings
}

/// A client that says these lines after EHLO, then sends a message.
fn send(settings: Settings, lines: &[&str]) -> Entry {
    let mut pieces: Vec<&[u8]> = vec![b"EHLO proxy.example\r\n"];
    pieces.extend(lines.iter().map(|line| line.as_bytes()));
    pieces.extend([ENVELOPE.as_bytes(), b"Subject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n"]);
    enter_octets(settings, &pieces)
}

fn connection(entry: &Entry) -> &str {
    entry.records.iter().find(|record| record.contains(r#""duration_s""#)).unwrap()
}

#[test]
fn the_client_is_the_one_that_xclient_names() {
    let split =
        ["XCLIENT PORT=4660 LOGIN=ann+2Bmail NAME=mail.client.example\r\n", "XCLIENT ADDR=192.0.2.1\r\n", "EHLO c\r\n"];
    let whole = [
        "XCLIENT NAME=mail.client.example ADDR=192.0.2.1 PORT=4660 PROTO=ESMTP HELO=c LOGIN=ann+2Bmail DESTADDR=198.51.100.2 DESTPORT=25\r\n",
        "EHLO c\r\n",
    ];
    for lines in [&split[..], &whole[..]] {
        let entry = send(behind_a_proxy(), lines);
        assert!(
            entry.heard.contains("250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\r\n"),
            "{}",
            entry.heard
        );
        // A greeting for each, and no offer any more.
        assert_eq!(entry.heard.matches("220 gateway.example ESMTP\r\n").count(), lines.len());
        assert_eq!(entry.heard.matches("XCLIENT").count(), 1, "{}", entry.heard);
        let received = "Received: from c (mail.client.example [192.0.2.1])\r\n";
        assert!(entry.relayed[0].starts_with(received), "{}", entry.relayed[0]);
        let record = connection(&entry);
        for fact in [
            r#""client":"192.0.2.1:4660""#,
            r#""proxied_by":"192.168."#,
            r#""client_name":"mail.client.example""#,
            r#""login":"ann+mail""#,
        ] {
            assert!(record.contains(fact), "{record}");
        }
        assert_eq!(record.contains(r#""destination":"198.51.100.2:25""#), lines.len() == whole.len());
    }
    let entry = send(behind_a_proxy(), &["XCLIENT ADDR=IPV6:2001:db8::1\r\n", "HELO c\r\n"]);
    assert!(entry.relayed[0].starts_with("Received: from c ([IPv6:2001:db8::1])\r\n"), "{}", entry.relayed[0]);
}

#[test]
fn who_may_speak_for_others_must() {
    for lines in [&[][..], &["XCLIENT ADDR=[UNAVAILABLE] PORT=25\r\n", "EHLO c\r\n"], &["XCLIENT ADDR=nobody\r\n"]] {
        let entry = send(behind_a_proxy(), lines);
        assert!(entry.heard.contains("503 5.5.1 Send XCLIENT with ADDR first\r\n"), "{}", entry.heard);
        assert!(entry.relayed.is_empty());
        assert!(!connection(&entry).contains("proxied_by"));
    }
}

#[test]
fn a_stranger_speaks_for_nobody() {
    let mut settings = behind_a_proxy();
    settings.listener[0].xclient_from = vec!["10.0.0.0/8".parse().unwrap()];
    let entry = send(settings, &["XCLIENT ADDR=192.0.2.1\r\n", "XFORWARD ADDR=192.0.2.1\r\n"]);
    assert!(!entry.heard.contains("250-XCLIENT"), "{}", entry.heard);
    assert!(entry.heard.contains("550 5.7.0 ") && entry.heard.contains("502 5.5.1 "), "{}", entry.heard);
    assert!(entry.relayed[0].starts_with("Received: from proxy.example ([192.168."), "{}", entry.relayed[0]);
    // Nor does one who has been spoken for, whatever he says of himself.
    let entry = send(behind_a_proxy(), &["XCLIENT ADDR=192.168.9.9\r\n", "EHLO c\r\n", "XCLIENT ADDR=192.0.2.1\r\n"]);
    assert!(entry.heard.contains("550 5.7.0 "), "{}", entry.heard);
    assert!(entry.relayed[0].starts_with("Received: from c ([192.168.9.9])\r\n"), "{}", entry.relayed[0]);
}

#[test]
fn xclient_behind_a_proxy_header_is_for_whom_the_header_names() {
    let mut settings = behind_a_proxy();
    settings.listener[0].proxy_protocol_from = vec!["192.168.0.0/16".parse().unwrap()];
    settings.listener[0].xclient_from = vec!["192.0.2.0/24".parse().unwrap()];
    let pieces = |from: &str| -> Vec<Vec<u8>> {
        let header = format!("PROXY TCP4 {from} 198.51.100.2 4660 25\r\n").into_bytes();
        let rest = ["EHLO p\r\n", "XCLIENT ADDR=203.0.113.9\r\n", "EHLO c\r\n", ENVELOPE, "x\r\n.\r\nQUIT\r\n"];
        [vec![header], rest.map(|line| line.as_bytes().to_vec()).to_vec()].concat()
    };
    for (from, client) in [("192.0.2.1", "203.0.113.9"), ("198.51.100.7", "198.51.100.7")] {
        let pieces = pieces(from);
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let entry = enter_octets(settings.clone(), &pieces);
        assert!(entry.relayed[0].starts_with(&format!("Received: from c ([{client}])\r\n")), "{}", entry.relayed[0]);
        assert!(connection(&entry).contains(r#""proxied_by":"192.168."#));
    }
}

#[test]
fn limits_count_whom_a_proxy_speaks_for() {
    let mut settings = behind_a_proxy();
    settings.limits.connections_per_client = 0;
    let entry = send(settings, &["XCLIENT ADDR=192.0.2.1\r\n"]);
    assert!(
        entry.heard.starts_with("220 ") && entry.heard.contains("421 4.7.0 Too many connections"),
        "{}",
        entry.heard
    );
    assert!(entry.records.iter().any(|record| record.contains(r#""limit":"connections_per_client""#)));
}

#[test]
fn how_a_proxy_is_connected_says_nothing_of_its_client() {
    // Whoever talks before the greeting is the proxy.
    let mut world = crate::world::SimWorld::new(1, None);
    world.accepts_after = std::time::Duration::from_millis(20);
    let lines: [&[u8]; 5] = [
        b"EHLO proxy.example\r\n",
        b"XCLIENT ADDR=192.0.2.1 NAME=-no.name\r\n",
        b"EHLO c\r\n",
        ENVELOPE.as_bytes(),
        b"Subject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n",
    ];
    let entry = enter_world(world, behind_a_proxy(), &lines);
    assert_eq!(entry.relayed.len(), 1, "{}", entry.heard);
    let record: serde_json::Value = serde_json::from_str(connection(&entry)).unwrap();
    assert_eq!(record["client"], "192.0.2.1:0");
    assert_eq!((&record["early_talker"], &record["client_name"]), (&serde_json::Value::Null, &serde_json::Value::Null));
    assert_eq!(record["speaker"]["early_talker"], true, "{record}");
    assert_eq!(record["speaker"]["address"], record["proxied_by"]);
}
