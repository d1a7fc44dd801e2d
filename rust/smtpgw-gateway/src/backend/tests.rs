//! Legs over loopback against scripted servers: one that has a certificate, has none, or speaks behind its 220; one
//! that thinks ill of a client; one that takes its time.
#![allow(clippy::unwrap_used)] // a failed step is a failed test

mod one_chunk;
mod starttls;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use smtpgw_smtp::{ForwardPath, MailParameters, Offer, RecipientParameters, ReversePath};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use super::Site;
use super::smtp::Smtp;
use crate::error::BackendError;
use crate::message::{Content, Session};
use crate::outgoing::Outgoing;
use crate::settings::{Backend, BackendTls, Identity, Settings};
use crate::world::{Instant, RealWorld, World as _, sleep};

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

/// A server that says `greeting`, then to each line the next of `replies`, and nothing when there are no more.
async fn serve(greeting: &'static [u8], replies: impl Into<Vec<&'static [u8]>>) -> std::net::SocketAddr {
    let replies = replies.into();
    let listener = RealWorld.bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        stream.write_all(greeting).await.unwrap();
        for reply in replies {
            if stream.read_line(&mut String::new()).await.unwrap_or(0) == 0 {
                return;
            }
            stream.write_all(reply).await.unwrap();
        }
        // Slower than it would take, faster than any single wait.
        let mut piece = [0; 64 << 10];
        while stream.read(&mut piece).await.is_ok_and(|read| read > 0) {
            sleep(Duration::from_millis(40)).await;
        }
    });
    address
}

fn someone() -> Session {
    let client = "192.0.2.1:1".parse().unwrap();
    Session { esmtp: true, helo: "c.example".into(), ..Session::new(String::new(), client, client) }
}

#[tokio::test]
async fn what_a_backend_thinks_of_a_client_is_not_about_the_backend() {
    const XCLIENT: &[&[u8]] = &[b"250-mx\r\n250 XCLIENT ADDR\r\n"];
    let refused: &[u8] = b"554 5.7.1 not you\r\n";
    for (identity, greeting, replies, about_client) in [
        (Identity::ProxyV1, refused, &[][..], true),
        (Identity::ProxyV2, refused, &[][..], true),
        (Identity::None, refused, &[][..], false),
        // It says nothing to XCLIENT, until connect_s is over.
        (Identity::Xclient, b"220 mx\r\n", XCLIENT, true),
        (Identity::Xclient, b"220 mx\r\n", &[], false),
    ] {
        let address = serve(greeting, replies).await;
        let connect_s = Duration::from_millis(if greeting == refused { 10_000 } else { 1_000 });
        let backend = Backend { tls: BackendTls::None, identity, connect_s, ..Backend::at(address.to_string()) };
        let site = Site::new(&Settings::default(), "mail", &backend).unwrap();
        let session = someone();
        let dialled = Smtp::dial(&RealWorld, &site, address, Some(&session)).await.map(drop).unwrap_err();
        let spares_circuit = matches!(dialled, BackendError::Identity(_) | BackendError::Unanswered(_));
        assert_eq!(spares_circuit, about_client, "{identity:?} {dialled}");
        if identity != Identity::Xclient {
            // Without a client there is nobody else to blame.
            let address = serve(greeting, replies).await;
            let dialled = Smtp::dial(&RealWorld, &site, address, None).await.map(drop);
            assert!(matches!(dialled, Err(BackendError::Greeting(_))), "{identity:?}");
        }
    }
}

#[tokio::test]
async fn what_one_client_is_offered_is_not_everybodys() {
    const PLAIN: &[u8] = b"250-mx\r\n250 8BITMIME\r\n";
    const XCLIENT: &[&[u8]] =
        &[b"250-mx\r\n250-8BITMIME\r\n250 XCLIENT ADDR\r\n", b"220 mx\r\n", b"250-mx\r\n250 DSN\r\n"];
    for (identity, replies, offered) in [
        (Identity::None, &[PLAIN][..], Some(true)),
        (Identity::Xclient, XCLIENT, Some(true)),
        (Identity::ProxyV1, &[b"", PLAIN], None),
    ] {
        let address = serve(b"220 mx\r\n", replies).await;
        let backend = Backend { tls: BackendTls::None, identity, ..Backend::at(address.to_string()) };
        let site = Site::new(&Settings::default(), "mail", &backend).unwrap();
        let leg = Smtp::dial(&RealWorld, &site, address, Some(&someone())).await.unwrap();
        assert_eq!(leg.offered_to_all.map(|offer| offer.eight_bit_mime && !offer.dsn), offered, "{identity:?}");
    }
}

#[tokio::test]
async fn all_of_the_content_has_one_limit() {
    const REPLIES: &[&[u8]] = &[b"250 mx\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"];
    let address = serve(b"220 mx\r\n", REPLIES).await;
    let data_s = Duration::from_secs(1);
    let backend = Backend { tls: BackendTls::None, data_s, ..Backend::at(address.to_string()) };
    let site = Site::new(&Settings::default(), "mail", &backend).unwrap();
    let mut leg = Smtp::dial(&RealWorld, &site, address, None).await.unwrap();
    leg.mail(&ReversePath::parse("<a@b>").unwrap(), &MailParameters::default(), &[]).await.unwrap();
    leg.recipient(&ForwardPath::parse("<c@d>").unwrap(), &RecipientParameters::default()).await.unwrap();
    let content = Content::Memory(b"content\r\n".repeat(4 << 20).into());
    let begun = Instant::now();
    let delivered = leg.deliver(Outgoing::new(Vec::new(), None, content)).await;
    assert!(matches!(delivered, Err(BackendError::Timeout("data_s"))), "{delivered:?}");
    assert!(begun.elapsed() < 3 * data_s, "{:?}", begun.elapsed());
}
