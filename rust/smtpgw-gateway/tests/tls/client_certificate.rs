//! Certificates of clients: asked for, read, in the record; required where a listener says so.

use std::sync::Arc;

use rustls::{ClientConfig, SupportedProtocolVersion};
use rustls_pki_types::PrivateKeyDer;
use serde_json::Value;
use smtpgw_gateway::Gateway;
use smtpgw_gateway::settings::{ClientAuth, ListenerTls};

use crate::support::{House, client, connect, default_client, settings, tls};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// A client that shows a certificate of its own, signed by itself, expired in 2002.
fn with_certificate(version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(vec!["client.example".to_owned()]).unwrap();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "client.example");
    parameters.not_before = rcgen::date_time_ymd(2001, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2002, 1, 1);
    let made = parameters.self_signed(&key).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    Arc::new(client(&[version]).with_client_auth_cert(vec![made.der().clone()], key).unwrap())
}

fn asking(asks: ClientAuth) -> House {
    House::start(ListenerTls::Starttls, |settings| settings.listener[0].client_certificate = asks)
}

/// Sends a message; what the client hears at its end.
fn send(house: &House, config: &Arc<ClientConfig>) -> String {
    let mut peer = tls(connect(house.address()).starttls(), config, "mx.example.org").unwrap();
    peer.say("EHLO client.example");
    peer.say("MAIL FROM:<a@client.example>");
    peer.say("RCPT TO:<b@example.org>");
    assert!(peer.say("DATA").starts_with("354 "));
    let end = peer.say("Subject: x\r\n\r\nx\r\n.");
    peer.say("QUIT");
    end
}

#[test]
fn what_a_client_shows_is_in_the_record_and_the_trace() {
    for version in VERSIONS {
        let house = asking(ClientAuth::Request);
        let config = with_certificate(version);
        assert!(send(&house, &config).starts_with("250 "));
        let shown = house.record("connection", 0)["tls"]["client_certificate"].clone();
        assert_eq!((&shown["subject"], &shown["issuer"]), (&"CN=client.example".into(), &"CN=client.example".into()));
        assert_eq!((&shown["self_signed"], &shown["verified"]), (&true.into(), &false.into()));
        assert_eq!((&shown["not_after"], &shown["expired"]), (&"2002-01-01T00:00:00Z".into(), &true.into()));
        assert_eq!(shown["sha256"].as_str().map(str::len), Some(64));
        assert_ne!(shown["sha256"], shown["spki_sha256"]);
        let mail = house.mail();
        let sha256 = shown["sha256"].as_str().unwrap();
        assert!(mail[0].contains(&format!("(client certificate {sha256}, not verified)")), "{}", mail[0]);
        // The second handshake resumes, and the certificate is remembered.
        assert!(send(&house, &config).starts_with("250 "));
        assert_eq!(house.record("connection", 1)["tls"]["client_certificate"], shown, "{version:?}");
    }
}

#[test]
fn a_client_without_one_is_welcome_where_it_is_only_asked() {
    let house = asking(ClientAuth::Request);
    assert!(send(&house, &default_client()).starts_with("250 "));
    assert_eq!(house.record("connection", 0)["tls"]["client_certificate"], Value::Null);
}

#[test]
fn nobody_is_asked_by_default() {
    let house = asking(ClientAuth::Off);
    assert!(send(&house, &with_certificate(VERSIONS[1])).starts_with("250 "));
    assert_eq!(house.record("connection", 0)["tls"]["client_certificate"], Value::Null);
}

#[test]
fn where_it_is_required_there_is_no_tls_without_it() {
    for version in VERSIONS {
        let house = asking(ClientAuth::Require);
        let without = Arc::new(client(&[version]).with_no_client_auth());
        let failed = match tls(connect(house.address()).starttls(), &without, "mx.example.org") {
            Err(error) => error,
            // In TLS 1.3 a client has finished before the server has seen its certificate.
            Ok(mut peer) => std::io::Read::read(peer.0.get_mut(), &mut [0]).unwrap_err(),
        };
        assert!(failed.to_string().to_lowercase().contains("certificaterequired"), "{version:?}: {failed}");
        let record = house.record("connection", 0);
        assert_eq!((&record["end"], &record["tls_failure"]), (&"tls-failed".into(), &"no-client-certificate".into()));
        assert!(send(&house, &with_certificate(version)).starts_with("250 "));
    }
}

#[test]
fn where_it_is_required_there_is_no_mail_in_clear() {
    let house = asking(ClientAuth::Require);
    let mut peer = connect(house.address());
    peer.reply();
    assert!(peer.say("EHLO client.example").contains("STARTTLS"));
    assert!(peer.say("MAIL FROM:<a@client.example>").starts_with("530 5.7.0 "));
    assert!(peer.say("RCPT TO:<b@example.org>").starts_with("503 "));
    // A client whose TLS is too old is not sent away from STARTTLS either: nothing else is open to it.
    let mut stream = connect(house.address()).starttls();
    std::io::Write::write_all(&mut stream, &crate::hello::old_hello()).unwrap();
    let _ = std::io::Read::read_to_end(&mut stream, &mut Vec::new());
    house.record("connection", 0);
    connect(house.address()).starttls();
}

#[test]
fn it_takes_tls() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(&folder, ListenerTls::None);
    settings.listener[0].client_certificate = ClientAuth::Request;
    let error = Gateway::start(settings, None, Vec::new()).unwrap_err().to_string();
    assert!(error.starts_with("listener[0].client_certificate: "), "{error}");
}
