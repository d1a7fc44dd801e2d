//! Certificates renewed in place, while the gateway runs and nobody tells it, and by a reload; and which of several a
//! client is shown.

use std::path::Path;

use rustls::SignatureScheme;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use smtpgw_gateway::self_signed;
use smtpgw_gateway::settings::{Certificate, ListenerTls};

use crate::support::{House, client_that_verifies, connect, default_client, settings, tls};

fn write(folder: &Path, hostname: &str) {
    let (chain, key) = self_signed(hostname).unwrap();
    std::fs::write(folder.join("chain.pem"), chain).unwrap();
    std::fs::write(folder.join("key.pem"), key).unwrap();
}

/// What a client is shown.
fn shown(house: &House) -> CertificateDer<'static> {
    shown_to(house, "mx.example.org")
}

/// What a client is shown that asks for `name`.
fn shown_to(house: &House, name: &'static str) -> CertificateDer<'static> {
    let peer = tls(connect(house.address()).starttls(), &default_client(), name).unwrap();
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

/// A pair of files for mx.example.org, valid in these years, whose key is of this kind.
fn pair(folder: &Path, name: &str, years: (i32, i32), kind: &'static rcgen::SignatureAlgorithm) -> Certificate {
    pair_for(folder, name, "mx.example.org", years, kind)
}

fn pair_for(
    folder: &Path,
    name: &str,
    host: &str,
    years: (i32, i32),
    kind: &'static rcgen::SignatureAlgorithm,
) -> Certificate {
    let key = rcgen::KeyPair::generate_for(kind).unwrap();
    let mut parameters = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
    parameters.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    let files = (folder.join(format!("{name}-chain.pem")), folder.join(format!("{name}-key.pem")));
    std::fs::write(&files.0, parameters.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&files.1, key.serialize_pem()).unwrap();
    Certificate::Files { chain: files.0, key: files.1 }
}

#[test]
fn a_reload_does_not_put_a_bad_certificate_in_the_place_of_a_good_one() {
    let files = tempfile::tempdir().unwrap();
    let ecdsa = &rcgen::PKCS_ECDSA_P256_SHA256;
    let make = |name: &str, years| pair(files.path(), name, years, ecdsa);
    let (good, other) = (make("good", (2001, 2999)), make("other", (2001, 2999)));
    let (expired, early) = (make("expired", (2001, 2002)), make("early", (2998, 2999)));
    let (Certificate::Files { chain, .. }, Certificate::Files { key, .. }) = (&good, &other) else { panic!() };
    let mixed = Certificate::Files { chain: chain.clone(), key: key.clone() };
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(&folder, ListenerTls::Starttls);
    settings.listener[0].certificates = vec![good.clone()];
    let house = House::with(folder, settings.clone());
    let first = shown(&house);
    for (number, (bad, why)) in [
        (expired.clone(), "expired-chain.pem: it expired on 2002-01-01T00:00:00Z"),
        (early, "early-chain.pem: it is not valid before 2998-01-01T00:00:00Z"),
        (mixed, "other-key.pem: it is not the key of the certificate in "),
        (Certificate::Files { chain: files.path().join("none"), key: key.clone() }, "none: "),
    ]
    .into_iter()
    .enumerate()
    {
        settings.listener[0].certificates = vec![bad];
        let error = house.gateway.reload(settings.clone(), None).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        let record = house.record("certificates-refused", number);
        assert_eq!((&record["level"], &record["last_good_kept"]), (&"error".into(), &true.into()));
        assert_eq!(record["error"], error);
        assert_eq!(shown(&house), first);
    }
    settings.listener[0].certificates = vec![other];
    house.gateway.reload(settings, None).unwrap();
    assert_ne!(shown(&house), first);
    let state = &house.record("reloaded", 0)["certificates"][0];
    assert_eq!((&state["state"], &state["error"]), (&"good".into(), &serde_json::Value::Null));
}

#[test]
fn of_two_for_one_name_a_client_is_shown_the_one_that_it_can_verify() {
    let files = tempfile::tempdir().unwrap();
    let make = |name: &str, kind| pair(files.path(), name, (2001, 2999), kind);
    let certificates = [make("ecdsa", &rcgen::PKCS_ECDSA_P256_SHA256), make("rsa", &rcgen::PKCS_RSA_SHA256)];
    let leaf = |certificate: &Certificate| {
        let Certificate::Files { chain, .. } = certificate else { panic!() };
        <CertificateDer<'_> as rustls_pki_types::pem::PemObject>::from_pem_file(chain).unwrap()
    };
    let (ecdsa, rsa) = (leaf(&certificates[0]), leaf(&certificates[1]));
    let house = House::start(ListenerTls::Starttls, |settings| {
        settings.listener[0].certificates = certificates.to_vec();
    });
    let (for_rsa, for_ecdsa) = (
        [SignatureScheme::RSA_PSS_SHA256, SignatureScheme::RSA_PKCS1_SHA256],
        [SignatureScheme::ECDSA_NISTP256_SHA256],
    );
    for version in rustls::ALL_VERSIONS {
        for name in ["mx.example.org", "elsewhere.example"] {
            let shown = |schemes: &[SignatureScheme]| {
                let client = client_that_verifies(version, schemes);
                let peer = tls(connect(house.address()).starttls(), &client, name).unwrap();
                peer.0.get_ref().conn.peer_certificates().unwrap()[0].clone().into_owned()
            };
            assert_eq!(shown(&for_rsa), rsa, "{version:?}");
            assert_eq!(shown(&for_ecdsa), ecdsa, "{version:?}");
            assert_eq!(shown(&[&for_rsa[..], &for_ecdsa].concat()), ecdsa, "{version:?}: the first");
        }
    }
}

#[test]
fn a_client_is_shown_the_certificate_of_the_name_that_it_asks_for() {
    let files = tempfile::tempdir().unwrap();
    let hosts = ["mx.example.org", "*.example.net", "deep.example.net", "other.example.com"];
    let certificates: Vec<Certificate> = (0..)
        .zip(hosts)
        .map(|(number, host)| {
            pair_for(files.path(), &format!("{number}"), host, (2001, 2999), &rcgen::PKCS_ECDSA_P256_SHA256)
        })
        .collect();
    let pem = |number: usize| CertificateDer::from_pem_file(files.path().join(format!("{number}-chain.pem"))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(&folder, ListenerTls::Starttls);
    settings.listener[0].certificates = certificates;
    let house = House::with(folder, settings);
    for (asked, which) in [
        ("mx.example.org", 0),
        ("any.example.net", 1),
        ("ANY.Example.Net", 1),
        ("deep.example.net", 2),
        ("other.example.com", 3),
        // A wildcard stands for one label; whom no certificate fits sees the first.
        ("far.deep.example.net", 0),
        ("example.net", 0),
        ("nobody.example", 0),
    ] {
        assert_eq!(shown_to(&house, asked), pem(which), "{asked}");
    }
}
