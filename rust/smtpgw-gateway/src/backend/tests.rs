//! Dialling a backend that must prove who it is: the whole introduction over loopback, against a server that has a
//! certificate, that has none, and that speaks behind its 220.
#![allow(clippy::unwrap_used)] // a failed step is a failed test

use std::io::Write as _;
use std::sync::Arc;

use rustls::ServerConfig;
use smtpgw_smtp::Offer;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use super::Site;
use super::smtp::Smtp;
use crate::error::BackendError;
use crate::settings::{Backend, BackendTls, Settings};
use crate::world::{RealWorld, World as _};

/// What the scripted backend does about STARTTLS.
#[derive(Clone, Copy, Debug)]
enum Tls {
    Offered,
    NotOffered,
    /// `220`, and a reply in clear behind it in the same segment.
    Injected,
}

/// One dial with `tls = "verified"` and the certificate of `localhost` as authority, expecting `name`.
async fn dial(how: Tls, name: &str) -> Result<Offer, BackendError> {
    dial_trusting(BackendTls::Verified, how, name).await
}

/// The same with as much trust as `tls` says; what a client could be offered then.
async fn dial_trusting(tls: BackendTls, how: Tls, name: &str) -> Result<Offer, BackendError> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let mut ca = tempfile::NamedTempFile::new().unwrap();
    ca.write_all(made.cert.pem().as_bytes()).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = RealWorld.bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let offer: &[u8] = match how {
            Tls::NotOffered => b"250 localhost\r\n",
            Tls::Offered | Tls::Injected => b"250-localhost\r\n250 STARTTLS\r\n",
        };
        let go: &[u8] = if matches!(how, Tls::Injected) { b"220 go\r\n250 forged\r\n" } else { b"220 go\r\n" };
        stream.write_all(b"220 localhost\r\n").await.unwrap();
        for answer in [offer, go] {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            let _ = stream.write_all(answer).await;
        }
        let accepted = tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(stream.into_inner()).await;
        let Ok(stream) = accepted else { return };
        let mut stream = BufReader::new(stream);
        let _ = stream.read_line(&mut String::new()).await;
        let _ = stream.write_all(b"250-localhost\r\n250 REQUIRETLS\r\n").await;
        let _ = stream.flush().await;
    });
    let backend = Backend {
        tls,
        ca: Some(ca.path().to_owned()),
        name: Some(name.to_owned()),
        ..Backend::at(address.to_string())
    };
    let site = Site::new(&Settings::default(), "mail", &backend).unwrap();
    let dialled = Smtp::dial(&RealWorld, &site, address, None).await.map(|leg| leg.offer(1));
    server.await.unwrap();
    dialled
}

#[tokio::test]
async fn a_verified_backend_is_the_expected_one_under_tls() {
    dial(Tls::Offered, "localhost").await.unwrap();
    let stranger = dial(Tls::Offered, "elsewhere.example").await;
    assert!(matches!(stranger, Err(BackendError::Tls(_))), "{stranger:?}");
    let clear = dial(Tls::NotOffered, "localhost").await;
    assert!(matches!(clear, Err(BackendError::Tls(_))), "{clear:?}");
}

#[tokio::test]
async fn only_a_verified_backend_can_promise_tls() {
    for (tls, promised) in [(BackendTls::Verified, true), (BackendTls::Required, false)] {
        let offer = dial_trusting(tls, Tls::Offered, "localhost").await.unwrap();
        assert_eq!(offer.require_tls, promised, "{tls:?}");
    }
}

#[tokio::test]
async fn a_reply_behind_220_ends_the_dial() {
    let forged = dial(Tls::Injected, "localhost").await;
    assert!(matches!(forged, Err(BackendError::Protocol(_) | BackendError::Tls(_))), "{forged:?}");
}

#[test]
fn a_verified_backend_needs_something_to_verify_against() {
    let backend = Backend { tls: BackendTls::Verified, ..Backend::at("backend:25") };
    assert!(Site::new(&Settings::default(), "mail", &backend).is_err());
}
