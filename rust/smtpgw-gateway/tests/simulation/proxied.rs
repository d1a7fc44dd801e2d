//! Clients that a proxy names by a PROXY header: what is believed of whom, and what comes of a header that is none.

use std::time::Duration;

use smtpgw_gateway::settings::{ListenerTls, Settings};

use crate::entry::{ENVELOPE, Entry, enter_octets};
use crate::settings;

/// Everybody in the simulated network is a proxy.
fn behind_a_proxy() -> Settings {
    let mut settings = settings();
    settings.listener[0].proxy_protocol_from = vec!["192.168.0.0/16".parse().unwrap()];
    settings
}

/// A client that sends `header`, and a message behind it.
fn send(settings: Settings, header: &[u8]) -> Entry {
    let content = b"Subject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n";
    enter_octets(settings, &[header, b"EHLO c.example\r\n", ENVELOPE.as_bytes(), content])
}

/// Version 2 over TCP and IPv4, from 192.0.2.1, with these facts.
fn version_2(facts: &[u8]) -> Vec<u8> {
    let length = u16::try_from(12 + facts.len()).unwrap().to_be_bytes();
    let addresses = [192, 0, 2, 1, 198, 51, 100, 2, 0x12, 0x34, 0, 25];
    [b"\r\n\r\n\0\r\nQUIT\n\x21\x11", &length[..], &addresses, facts].concat()
}

fn fact(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind, 0, u8::try_from(value.len()).unwrap()][..], value].concat()
}

fn over_tls() -> Vec<u8> {
    let inner = [&[1, 0, 0, 0, 1][..], &fact(0x21, b"TLSv1.3"), &fact(0x23, b"TLS_AES_256_GCM_SHA384")].concat();
    version_2(&[fact(0x02, b"mx1.example.org"), fact(0x20, &inner)].concat())
}

fn connection(entry: &Entry) -> &str {
    entry.records.iter().find(|record| record.contains(r#""duration_s""#)).unwrap()
}

#[test]
fn the_client_is_the_one_that_the_header_names() {
    for header in [b"PROXY TCP4 192.0.2.1 198.51.100.2 4660 25\r\n".to_vec(), version_2(b"")] {
        let entry = send(behind_a_proxy(), &header);
        assert!(entry.heard.starts_with("220 gateway.example"), "{}", entry.heard);
        assert!(entry.relayed[0].starts_with("Received: from c.example ([192.0.2.1])\r\n"), "{}", entry.relayed[0]);
        let record = connection(&entry);
        assert!(record.contains(r#""client":"192.0.2.1:4660""#), "{record}");
        assert!(record.contains(r#""proxied_by":"192.168."#), "{record}");
        assert!(record.contains(r#""destination":"198.51.100.2:25""#), "{record}");
        assert!(record.contains(r#""tls":null"#), "{record}");
    }
}

#[test]
fn a_proxy_that_names_nobody_brings_no_mail() {
    // LOCAL, and PROXY with a family that we cannot name: the backend must not take a stranger's mail for the proxy's.
    let version_2 = [b"\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0", b"\r\n\r\n\0\r\nQUIT\n\x21\x00\0\0"];
    for header in [&b"PROXY UNKNOWN\r\n"[..], version_2[0], version_2[1]] {
        let entry = send(behind_a_proxy(), header);
        assert!(entry.heard.starts_with("220 ") && entry.heard.contains("451 4.7.0 "), "{}", entry.heard);
        assert!(entry.relayed.is_empty());
        assert!(!connection(&entry).contains("proxied_by"));
    }
}

#[test]
fn without_a_header_there_is_no_greeting() {
    for (begin, why) in [
        (&b"EHLO c.example\r\n"[..], "no PROXY header"),
        (b"PROXY TCP4 192.0.2.1\r\n", "malformed"),
        (b"PROXY TCP4 192.0.2.1 ", "not there in time"),
        (b"", "not there in time"),
    ] {
        let entry = enter_octets(behind_a_proxy(), &[begin]);
        assert_eq!(entry.heard, "", "{begin:?}");
        let record = connection(&entry);
        assert!(record.contains(r#""end":"proxy-header""#) && record.contains(why), "{record}");
    }
    let mut settings = behind_a_proxy();
    settings.limits.proxy_header_s = Duration::from_millis(700);
    let entry = enter_octets(settings, &[b"PROXY "]);
    assert!(connection(&entry).contains(r#""duration_s":0.7"#), "{}", connection(&entry));
}

#[test]
fn from_anybody_else_a_header_is_junk() {
    let mut settings = behind_a_proxy();
    settings.listener[0].proxy_protocol_from = vec!["10.0.0.0/8".parse().unwrap()];
    let entry = send(settings.clone(), b"PROXY TCP4 192.0.2.1 198.51.100.2 4660 25\r\n");
    assert!(entry.heard.starts_with("220 gateway.example ESMTP\r\n500 5.5.1 "), "{}", entry.heard);
    assert!(entry.relayed[0].starts_with("Received: from c.example ([192.168."), "{}", entry.relayed[0]);
    let entry = send(settings, &version_2(b""));
    assert!(entry.heard.starts_with("220 gateway.example ESMTP\r\n500 5.5.2 "), "{}", entry.heard);
    assert!(entry.relayed.is_empty());
}

#[test]
fn tls_that_another_box_ended_is_a_fact_where_that_is_configured() {
    let mut settings = behind_a_proxy();
    settings.listener[0].tls = ListenerTls::External;
    let entry = send(settings.clone(), &over_tls());
    assert!(!entry.heard.contains("STARTTLS"), "{}", entry.heard);
    let record = connection(&entry);
    assert!(record.contains(r#""version":"TLSv1.3","cipher":"TLS_AES_256_GCM_SHA384""#), "{record}");
    assert!(record.contains(r#""sni":"mx1.example.org""#), "{record}");
    let received = &entry.relayed[0];
    assert!(received.contains(" with ESMTPS id "), "{received}");
    assert!(received.contains("\r\n (TLSv1.3 cipher TLS_AES_256_GCM_SHA384)\r\n"), "{received}");
    // Not said, no fact; and where nobody ends TLS for us, nobody is believed to.
    assert!(send(settings, &version_2(b"")).relayed[0].contains(" with ESMTP id "));
    let entry = send(behind_a_proxy(), &over_tls());
    assert!(entry.relayed[0].contains(" with ESMTP id "));
    assert!(connection(&entry).contains(r#""tls":null"#));
}

#[test]
fn who_talks_before_the_greeting_behind_a_proxy_is_written_down_too() {
    for header in [b"PROXY TCP4 192.0.2.1 198.51.100.2 4660 25\r\n".to_vec(), version_2(b"")] {
        for (pieces, early) in [
            (vec![[&header[..], b"EHLO c.example\r\n"].concat(), b"QUIT\r\n".to_vec()], true),
            (vec![header.clone(), b"EHLO c.example\r\nQUIT\r\n".to_vec()], false),
        ] {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let entry = enter_octets(behind_a_proxy(), &pieces);
            assert!(entry.heard.starts_with("220 ") && entry.heard.contains("250 "), "served all the same");
            let record = connection(&entry);
            assert_eq!(record.contains(r#""early_talker":true"#), early, "{record}");
            assert!(record.contains(r#""client":"192.0.2.1:4660""#), "{record}");
        }
    }
}

#[test]
fn limits_count_the_client_and_not_the_proxy() {
    let mut settings = behind_a_proxy();
    settings.limits.connections_per_client = 1;
    settings.limits.connections_per_network = 1;
    // A client that is over its limit: here with a limit of which there is no room at all.
    assert_eq!(send(settings.clone(), &version_2(b"")).relayed.len(), 1);
    settings.limits.connections_per_client = 0;
    let entry = send(settings, &version_2(b""));
    assert!(entry.heard.starts_with("421 4.7.0 Too many connections"), "{}", entry.heard);
    let refused = entry.records.iter().find(|record| record.contains(r#""limit":"connections_per_client""#)).unwrap();
    assert!(refused.contains(r#""client":"192.0.2.1:4660""#) && refused.contains("proxied_by"), "{refused}");
}
