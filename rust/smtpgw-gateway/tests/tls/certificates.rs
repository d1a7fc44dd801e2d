//! Certificates renewed in place, while the gateway runs and nobody tells it.

use std::path::Path;

use rustls_pki_types::CertificateDer;
use smtpgw_gateway::self_signed;
use smtpgw_gateway::settings::{Certificate, ListenerTls};

use crate::support::{House, connect, default_client, settings, tls};

fn write(folder: &Path, hostname: &str) {
    let (chain, key) = self_signed(hostname).unwrap();
    std::fs::write(folder.join("chain.pem"), chain).unwrap();
    std::fs::write(folder.join("key.pem"), key).unwrap();
}

/// What a client is shown.
fn shown(house: &House) -> CertificateDer<'static> {
    let peer = tls(connect(house.address()).starttls(), &default_client(), "mx.example.org").unwrap();
    peer.0.get_ref().conn.peer_certificates().unwrap()[0].clone().into_owned()
}

#[test]
fn a_renewed_certificate_is_shown_without_a_signal_and_a_bad_one_is_not() {
    let files = tempfile::tempdir().unwrap();
    write(files.path(), "mx.example.org");
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(&folder, ListenerTls::Starttls);
    let (chain, key) = (files.path().join("chain.pem"), files.path().join("key.pem"));
    settings.listener[0].certificates = vec![Certificate::Files { chain: chain.clone(), key }];
    let house = House::with(folder, settings);
    let record = house.record("certificates", 0);
    assert_eq!(record["level"], "info");
    assert_eq!(record["certificates"][0]["names"][0], "mx.example.org");
    let first = shown(&house);
    assert_eq!(shown(&house), first);

    write(files.path(), "other.example.org");
    let record = house.record("certificates", 1);
    assert_eq!((&record["level"], &record["last_good_kept"]), (&"warning".into(), &false.into()));
    assert!(record["concern"].as_str().unwrap().contains("hostname"));
    let second = shown(&house);
    assert_ne!(second, first);

    std::fs::write(&chain, "no certificate").unwrap();
    let record = house.record("certificates-refused", 0);
    assert_eq!((&record["level"], &record["last_good_kept"]), (&"error".into(), &true.into()));
    assert!(record["error"].as_str().unwrap().contains("chain.pem: "));
    assert_eq!(record["certificates"][0]["names"][0], "other.example.org");
    assert_eq!(shown(&house), second);
}
