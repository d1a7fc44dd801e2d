//! What the record says of a client that shook hands, and of one that could not.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};
use smtpgw_gateway::settings::ListenerTls;

use crate::support::{House, connect, default_client, tls};

/// A ClientHello of TLS 1.0 with AES128-SHA: all that it can, without extensions.
pub fn old_hello() -> Vec<u8> {
    let mut hello = vec![22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0, 0x2f, 1, 0]);
    hello
}

/// What the record of a connection says that sends these octets after STARTTLS and hangs up.
fn failed(octets: &[u8]) -> (Value, Vec<u8>) {
    let house = House::start(ListenerTls::Starttls, |_| {});
    let mut stream: TcpStream = connect(house.address()).starttls();
    stream.write_all(octets).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard);
    (house.record("connection", 0), heard)
}

#[test]
fn a_good_hello_is_in_the_record() {
    let house = House::start(ListenerTls::Starttls, |_| {});
    let mut peer = tls(connect(house.address()).starttls(), &default_client(), "mx.example.org").unwrap();
    peer.say("EHLO client.example");
    peer.say("MAIL FROM:<a@client.example>");
    peer.say("RSET");
    peer.say("QUIT");
    let transaction = house.record("transaction", 0);
    let connection = house.record("connection", 0);
    let hello = &connection["client_hello"];
    assert_eq!((&transaction["client_hello"], &transaction["tls_facts"]), (hello, &connection["tls"]));
    assert_eq!(hello["versions"], json!(["TLSv1.3", "TLSv1.2"]));
    assert_eq!(hello["sni"], "mx.example.org");
    assert_eq!(hello["groups"][0], "X25519MLKEM768");
    assert!(hello["fingerprint"].as_str().unwrap().starts_with("t13d"));
}

#[test]
fn an_old_client_gets_an_alert_and_is_known() {
    let (record, heard) = failed(&old_hello());
    assert_eq!(record["tls_failure"], "incompatible", "{record}");
    assert_eq!(record["client_hello"]["versions"], json!(["TLSv1.0"]));
    assert_eq!(heard.first(), Some(&21));
}

#[test]
fn other_failures_have_other_names() {
    for (octets, cause) in [
        (&b"EHLO client.example\r\n"[..], "not-tls"),
        (b"GET / HTTP/1.1\r\nHost: mx.example.org\r\n\r\n", "not-tls"),
        (b"\x80\x2e\x01\x03\x01\0\x15", "incompatible"),
        (b"", "closed"),
        (b"\x16\x03\x01\0", "closed"),
        (b"\x16\x03\x01\0\x04\x02\0\0\0", "protocol"),
    ] {
        let (record, heard) = failed(octets);
        assert_eq!(record["tls_failure"], cause, "{octets:?}");
        assert_eq!(record["client_hello"], Value::Null);
        assert!(heard.is_empty());
    }
}

#[test]
fn an_old_client_comes_again_in_clear() {
    let house = House::start(ListenerTls::Starttls, |_| {});
    let mut stream = connect(house.address()).starttls();
    stream.write_all(&old_hello()).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    assert_eq!(house.record("connection", 0)["tls_failures"], 1);

    let mut peer = connect(house.address());
    peer.reply();
    for _ in 0..2 {
        assert!(!peer.say("EHLO client.example").contains("STARTTLS"));
    }
    assert!(peer.say("STARTTLS").starts_with("502 "));
    peer.say("MAIL FROM:<a@client.example>");
    peer.say("RCPT TO:<b@example.org>");
    assert!(peer.say("DATA").starts_with("354 "));
    assert!(peer.say("Subject: x\r\n\r\nx\r\n.").starts_with("250 "));
    peer.say("QUIT");
    let record = house.record("connection", 1);
    assert_eq!((&record["starttls_withheld"], &record["relayed"]), (&true.into(), &1.into()));
}

#[test]
fn garbage_does_not_turn_starttls_off() {
    let house = House::start(ListenerTls::Starttls, |_| {});
    let mut stream = connect(house.address()).starttls();
    stream.write_all(b"EHLO client.example\r\n").unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    assert_eq!(house.record("connection", 0)["tls_failure"], "not-tls");
    connect(house.address()).starttls();
}

#[test]
fn who_has_shaken_hands_is_offered_starttls_whatever_else_comes_from_there() {
    let house = House::start(ListenerTls::Starttls, |_| {});
    tls(connect(house.address()).starttls(), &default_client(), "mx.example.org").unwrap().say("QUIT");
    let mut stream = connect(house.address()).starttls();
    stream.write_all(&old_hello()).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    assert_eq!(house.record("connection", 1)["tls_failure"], "incompatible");
    connect(house.address()).starttls();
}
