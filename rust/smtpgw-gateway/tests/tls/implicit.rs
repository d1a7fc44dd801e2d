//! TLS before the greeting (RFC 8314 §3.3).

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use smtpgw_gateway::Gateway;
use smtpgw_gateway::settings::ListenerTls;

use crate::support::{House, connect, default_client, settings, tls};

#[test]
fn the_greeting_is_the_first_thing_under_tls() {
    let house = House::start(ListenerTls::Implicit, |_| {});
    let mut peer = tls(TcpStream::connect(house.address()).unwrap(), &default_client(), "mx.example.org").unwrap();
    assert_eq!(peer.reply(), "220 mx.example.org ESMTP\r\n");
    assert!(!peer.say("EHLO client.example").contains("STARTTLS"));
    assert!(peer.say("STARTTLS").starts_with("503 "));
    peer.say("MAIL FROM:<a@client.example>");
    peer.say("RCPT TO:<b@example.org>");
    assert!(peer.say("DATA").starts_with("354 "));
    assert!(peer.say("Subject: x\r\n\r\nx\r\n.").starts_with("250 "));
    peer.say("QUIT");
    let record = house.record("connection", 0);
    assert_eq!(record["tls"]["version"], "TLSv1.3");
    assert_eq!(record["tls"]["sni"], "mx.example.org");
    assert_eq!((&record["end"], &record["relayed"]), (&"quit".into(), &1.into()));
}

#[test]
fn behind_a_proxy_a_handshake_at_once_is_no_early_talk() {
    let house = House::start(ListenerTls::Implicit, |settings| {
        settings.listener[0].proxy_protocol_from = vec!["127.0.0.0/8".parse().unwrap()];
    });
    let mut stream = TcpStream::connect(house.address()).unwrap();
    stream.write_all(b"PROXY TCP4 192.0.2.1 198.51.100.2 4660 465\r\n").unwrap();
    let mut peer = tls(stream, &default_client(), "mx.example.org").unwrap();
    assert!(peer.reply().starts_with("220 "));
    peer.say("QUIT");
    let record = house.record("connection", 0);
    assert_eq!((&record["client"], &record["early_talker"]), (&"192.0.2.1:4660".into(), &serde_json::Value::Null));
}

#[test]
fn who_is_turned_away_hears_nothing_in_clear_either() {
    let house = House::start(ListenerTls::Implicit, |settings| settings.limits.connections = 0);
    assert_eq!(connect(house.address()).reply(), "");
    assert_eq!(house.record("refused", 0)["limit"], "connections");
}

#[test]
fn nothing_is_said_in_clear() {
    let house = House::start(ListenerTls::Implicit, |_| {});
    let mut peer = connect(house.address());
    peer.0.get_mut().write_all(b"EHLO client.example\r\n").unwrap();
    let mut heard = Vec::new();
    let _ = peer.0.read_to_end(&mut heard);
    // An alert at most (RFC 8446 §6), never a reply.
    assert!(heard.is_empty() || heard.first() == Some(&21), "{heard:?}");
    assert_eq!(house.record("connection", 0)["end"], "tls-failed");
}

#[test]
fn who_says_nothing_is_hung_up_on() {
    let house = House::start(ListenerTls::Implicit, |settings| {
        settings.limits.handshake_s = Duration::from_millis(100);
    });
    let mut peer = connect(house.address());
    assert_eq!(peer.reply(), "");
    assert_eq!(house.record("connection", 0)["end"], "tls-timeout");
}

#[test]
fn not_on_port_25() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(&folder, ListenerTls::Implicit);
    settings.listener[0].address = "127.0.0.1:25".into();
    let error = Gateway::start(settings, None, Vec::new()).unwrap_err().to_string();
    assert!(error.starts_with("listener[0].tls: "), "{error}");
}
