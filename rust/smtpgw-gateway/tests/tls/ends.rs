//! Which two ends a connection has: on a listener for all addresses, and where a proxy under TLS speaks for its client.

use std::net::SocketAddr;

use serde_json::Value;
use smtpgw_gateway::settings::ListenerTls;

use crate::support::{House, Peer, connect, default_client, tls};

/// A house in which everybody on loopback speaks for others.
fn behind_proxies() -> House {
    House::start(ListenerTls::Starttls, |settings| {
        settings.listener[0].xclient_from = vec!["127.0.0.0/8".parse().unwrap()];
    })
}

fn send<S: std::io::Read + std::io::Write>(peer: &mut Peer<S>) {
    assert!(peer.say("MAIL FROM:<a@client.example>").starts_with("250 "));
    assert!(peer.say("RCPT TO:<b@example.org>").starts_with("250 "));
    assert!(peer.say("DATA").starts_with("354 "));
    assert!(peer.say("Subject: x\r\n\r\nx\r\n.").starts_with("250 "));
    peer.say("QUIT");
}

#[test]
fn a_proxys_tls_is_not_its_clients() {
    let house = behind_proxies();
    let mut peer = tls(connect(house.address()).starttls(), &default_client(), "mx.example.org").unwrap();
    peer.say("EHLO proxy.example");
    assert!(peer.say("XCLIENT ADDR=192.0.2.1 PORT=4660").starts_with("220 "));
    peer.say("EHLO client.example");
    send(&mut peer);
    let mail = house.mail();
    assert!(mail[0].contains("Received: from client.example ([192.0.2.1])"), "{}", mail[0]);
    assert!(mail[0].contains(" with ESMTP id ") && !mail[0].contains("TLSv1"), "{}", mail[0]);
    let record = house.record("connection", 0);
    assert_eq!((&record["client"], &record["tls"]), (&"192.0.2.1:4660".into(), &Value::Null), "{record}");
    assert_eq!(record["client_hello"], Value::Null);
    let speaker = &record["speaker"];
    assert_eq!(speaker["address"], record["proxied_by"]);
    assert_eq!(speaker["tls"]["version"], "TLSv1.3");
    assert!(speaker["client_hello"]["fingerprint"].is_string());
    assert_eq!(house.record("transaction", 0)["tls"], false);
}

#[test]
fn what_a_proxy_said_in_clear_is_forgotten_under_tls() {
    let house = behind_proxies();
    let mut peer = connect(house.address());
    peer.reply();
    peer.say("EHLO proxy.example");
    assert!(peer.say("XCLIENT ADDR=192.0.2.1").starts_with("220 "));
    assert!(peer.say("EHLO client.example").contains("STARTTLS"));
    assert!(peer.say("STARTTLS").starts_with("220 "));
    let mut peer = tls(peer.0.into_inner(), &default_client(), "mx.example.org").unwrap();
    assert!(peer.say("EHLO client.example").contains("XCLIENT"));
    assert!(peer.say("MAIL FROM:<a@client.example>").starts_with("503 5.5.1 "));
    assert!(peer.say("XCLIENT ADDR=192.0.2.2").starts_with("220 "));
    peer.say("EHLO client.example");
    send(&mut peer);
    assert!(house.mail()[0].contains("([192.0.2.2])"));
    assert_eq!(house.record("connection", 0)["client"], "192.0.2.2:0");
}

#[test]
fn a_proxys_failed_handshake_is_not_its_clients() {
    let house = behind_proxies();
    let mut peer = connect(house.address());
    peer.reply();
    peer.say("EHLO proxy.example");
    assert!(peer.say("XCLIENT ADDR=192.0.2.1").starts_with("220 "));
    peer.say("EHLO client.example");
    assert!(peer.say("STARTTLS").starts_with("220 "));
    std::io::Write::write_all(peer.0.get_mut(), &crate::hello::old_hello()).unwrap();
    let _ = std::io::Read::read_to_end(peer.0.get_mut(), &mut Vec::new());
    let record = house.record("connection", 0);
    assert_eq!(record["tls_failure"], "incompatible");
    assert!(record["client"].as_str().unwrap().starts_with("127.0.0.1:"), "{record}");
    // It is the proxy that is not offered STARTTLS for a while, whomever it speaks for.
    let mut peer = connect(house.address());
    peer.reply();
    assert!(!peer.say("EHLO proxy.example").contains("STARTTLS"));
    assert!(peer.say("XCLIENT ADDR=192.0.2.3").starts_with("220 "));
    peer.say("QUIT");
    let record = house.record("connection", 1);
    assert_eq!((&record["starttls_withheld"], &record["speaker"]["starttls_withheld"]), (&Value::Null, &true.into()));
}

#[test]
fn on_a_listener_for_all_addresses_the_destination_is_the_one_that_was_called() {
    for listens in ["0.0.0.0:0", "[::]:0"] {
        let house = House::start(ListenerTls::None, |settings| settings.listener[0].address = listens.into());
        let port = house.address().port();
        for (nth, called) in [[127, 0, 0, 1], [127, 0, 0, 2]].into_iter().enumerate() {
            let called = SocketAddr::from((called, port));
            let mut peer = connect(called);
            peer.reply();
            peer.say("QUIT");
            let record = house.record("connection", nth);
            assert_eq!(record["listener"], called.to_string(), "{listens}");
            // Over a socket for both families it comes in IPv6 clothes.
            assert!(record["client"].as_str().unwrap().starts_with("127.0.0."), "{listens}: {record}");
        }
    }
}
