//! STARTTLS passed through: the client shakes hands with the server behind, which here is another gateway.

use rustls_pki_types::CertificateDer;
use smtpgw_gateway::Gateway;
use smtpgw_gateway::settings::{Backend, BackendTls, ListenerTls};

use crate::support::{House, connect, default_client, settings, tls};

/// A gateway that tunnels to `backend`.
fn tunnel_to(backend: &str) -> House {
    House::start(ListenerTls::Tunnel, |settings| {
        settings.listener[0].certificates.clear();
        settings.listener[0].recipient_domains = vec!["*".into()];
        let direct = Backend { tls: BackendTls::None, ..Backend::at(backend) };
        settings.backend.insert("mail".into(), direct);
    })
}

#[test]
fn the_client_shakes_hands_with_the_server_behind() {
    let behind = House::start(ListenerTls::Starttls, |_| {});
    let house = tunnel_to(&behind.address().to_string());
    let mut greeted = connect(house.address());
    assert_eq!(greeted.reply(), "220 mx.example.org ESMTP uninspected\r\n");

    let shown = |house: &House| {
        let mut peer = tls(connect(house.address()).starttls(), &default_client(), "mx.example.org").unwrap();
        let shown: CertificateDer<'_> = peer.0.get_ref().conn.peer_certificates().unwrap()[0].clone().into_owned();
        assert!(peer.say("EHLO client.example").starts_with("250-"));
        peer.say("MAIL FROM:<a@client.example>");
        peer.say("RCPT TO:<b@example.org>");
        assert!(peer.say("DATA").starts_with("354 "));
        assert!(peer.say("Subject: x\r\n\r\nx\r\n.").starts_with("250 "));
        assert!(peer.say("QUIT").starts_with("221 "));
        shown
    };
    assert_eq!(shown(&house), shown(&behind));
    let record = house.record("connection", 0);
    assert_eq!((&record["level"], &record["end"]), (&"warning".into(), &"tunnel-closed".into()));
    assert!(record["uninspected"]["to_backend"].as_u64().unwrap() > 100, "{record}");
    assert_eq!(record["client_hello"]["sni"], "mx.example.org");
    assert_eq!((&record["tls"], &record["relayed"]), (&serde_json::Value::Null, &0.into()));
    assert!(behind.record("connection", 0)["relayed"] == 1 || behind.record("connection", 1)["relayed"] == 1);
}

#[test]
fn mail_in_clear_is_inspected_as_always() {
    let behind = House::start(ListenerTls::Starttls, |_| {});
    let house = tunnel_to(&behind.address().to_string());
    let mut peer = connect(house.address());
    peer.reply();
    peer.say("EHLO client.example");
    peer.say("MAIL FROM:<a@client.example>");
    peer.say("RCPT TO:<b@example.org>");
    peer.say("DATA");
    assert!(peer.say("Subject: in clear\r\n\r\nx\r\n.").starts_with("250 "));
    let record = house.record("transaction", 0);
    assert_eq!((&record["outcome"], &record["subject"]), (&"relayed".into(), &"in clear".into()));
}

#[test]
fn a_server_behind_without_starttls_or_without_life_is_a_454_and_the_client_may_go_on() {
    let behind = House::start(ListenerTls::None, |_| {});
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (address, goes_on) in [(behind.address(), true), (nobody, false)] {
        let house = tunnel_to(&address.to_string());
        let mut peer = connect(house.address());
        peer.reply();
        assert!(peer.say("EHLO client.example").contains("STARTTLS"));
        assert!(peer.say("STARTTLS").starts_with("454 4.7.0 "));
        assert_eq!(house.record("backend-failed", 0)["level"], "warning");
        assert_eq!(peer.say("MAIL FROM:<a@client.example>").starts_with("250 "), goes_on, "{address}");
    }
}

#[test]
fn plaintext_behind_starttls_goes_nowhere() {
    let behind = House::start(ListenerTls::Starttls, |_| {});
    let house = tunnel_to(&behind.address().to_string());
    let mut peer = connect(house.address());
    peer.reply();
    peer.say("EHLO client.example");
    std::io::Write::write_all(peer.0.get_mut(), b"STARTTLS\r\nMAIL FROM:<evil@client.example>\r\n").unwrap();
    let heard = std::iter::from_fn(|| Some(peer.reply()).filter(|reply| !reply.is_empty())).collect::<String>();
    assert!(!heard.contains("220 "), "{heard}");
    assert!(house.record("connection", 0)["uninspected"].is_null());
}

#[test]
fn a_tunnel_that_would_relay_for_anybody_or_lead_nowhere_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut unnamed = settings(&folder, ListenerTls::Tunnel);
    let maildir = unnamed.clone();
    unnamed.backend.insert("mail".into(), Backend::at("127.0.0.1:1"));
    for (settings, reason) in [(unnamed, "open relay"), (maildir, "Maildir")] {
        let mut settings = settings;
        if reason == "Maildir" {
            settings.listener[0].recipient_domains = vec!["*".into()];
        }
        let error = Gateway::start(settings, None, Vec::new()).unwrap_err().to_string();
        assert!(error.starts_with("listener[0].tls: ") && error.contains(reason), "{error}");
    }
}
