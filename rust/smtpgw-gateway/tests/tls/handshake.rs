//! STARTTLS as good clients do it: what is negotiated by default, and that a second handshake is a cheap one.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;

use rustls::{ClientConfig, HandshakeKind, SupportedProtocolVersion};
use smtpgw_gateway::settings::{ClientAuth, ListenerTls};

use crate::support::{House, client, connect, default_client, tls};

/// One session to its end, which is when a TLS 1.3 ticket has arrived; how the handshake went.
fn session(house: &House, config: &Arc<ClientConfig>) -> HandshakeKind {
    let mut peer = tls(connect(house.address()).starttls(), config, "mx.example.org").unwrap();
    assert!(peer.say("EHLO client.example").starts_with("250-"));
    let kind = peer.0.get_ref().conn.handshake_kind().unwrap();
    assert!(peer.say("QUIT").starts_with("221 "));
    kind
}

#[test]
fn a_second_handshake_resumes() {
    let versions: [&'static SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];
    for version in versions {
        let house = House::start(ListenerTls::Starttls, |_| {});
        let config = Arc::new(client(&[version]).with_no_client_auth());
        assert_eq!(session(&house, &config), HandshakeKind::Full, "{version:?}");
        assert_eq!(session(&house, &config), HandshakeKind::Resumed, "{version:?}");
        assert_eq!(session(&house, &config), HandshakeKind::Resumed, "{version:?}: a new ticket came with the last");
    }
}

#[test]
fn a_reload_forgets_no_session() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let house = House::start(ListenerTls::Starttls, |_| {});
        let config = Arc::new(client(&[version]).with_no_client_auth());
        assert_eq!(session(&house, &config), HandshakeKind::Full, "{version:?}");
        house.gateway.reload(house.settings.clone(), None).unwrap();
        assert_eq!(session(&house, &config), HandshakeKind::Resumed, "{version:?}");
        // A session from before must not let in who would now have to show a certificate.
        let mut stricter = house.settings.clone();
        stricter.listener[0].client_certificate = ClientAuth::Request;
        house.gateway.reload(stricter, None).unwrap();
        assert_eq!(session(&house, &config), HandshakeKind::Full, "{version:?}");
    }
    let house = House::start(ListenerTls::Starttls, |_| {});
    house.gateway.reload(house.settings.clone(), None).unwrap();
    for event in ["ready", "reloaded"] {
        let state = &house.record(event, 0)["certificates"][0];
        assert_eq!(state["state"], "good");
        assert!(state["expires_s"].as_i64().unwrap() > 0);
    }
}

#[test]
fn a_client_with_default_settings_gets_the_post_quantum_group() {
    let house = House::start(ListenerTls::Starttls, |_| {});
    assert_eq!(session(&house, &default_client()), HandshakeKind::Full);
    let facts = &house.record("connection", 0)["tls"];
    assert_eq!(facts["group"], "X25519MLKEM768");
    assert_eq!(facts["version"], "TLSv1.3");
}

#[test]
fn plaintext_behind_starttls_is_a_forgery() {
    let house = House::start(ListenerTls::Starttls, |_| {});
    let mut peer = connect(house.address());
    peer.reply();
    peer.say("EHLO client.example");
    let stream: &mut TcpStream = peer.0.get_mut();
    stream.write_all(b"STARTTLS\r\nMAIL FROM:<evil@client.example>\r\n").unwrap();
    assert!(peer.reply().starts_with("421 "));
    assert_eq!(peer.reply(), "", "and it is hung up on");
    assert_eq!(house.record("connection", 0)["tls"], serde_json::Value::Null);
}
