//! Backends that offer STARTTLS and fail at it: gone round in clear where TLS is opportunistic, and nowhere else.

use std::net::SocketAddr;
use std::time::Duration;

use smtpgw_smtp::{MailParameters, ReversePath};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::task::JoinHandle;

use super::{Arc, Backend, BackendError, BackendTls, Identity, RealWorld, Settings, Site, Smtp};
use crate::world::{Instant, World as _, timeout};

/// What it does instead of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fails {
    Refuses,
    HangsUpAtOnce,
    /// What comes after its 220 is not TLS.
    Babbles,
    HangsUpAfter220,
    FallsSilent,
    /// A reply of somebody else's stands behind its 220.
    Forges,
}

/// A server that fails at STARTTLS on each connection, and takes mail in clear unless it `insists`. It ends with the
/// commands that it heard, connection for connection, when the test does not connect again.
async fn failing(how: Fails, insists: bool) -> (SocketAddr, JoinHandle<Vec<Vec<String>>>) {
    let listener = RealWorld.bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let mut heard = Vec::new();
        while let Ok(Ok((stream, _))) = timeout(Duration::from_millis(700), listener.accept()).await {
            let (mut stream, mut commands) = (BufReader::new(stream), Vec::new());
            let _ = stream.write_all(b"220 mx\r\n").await;
            let mut line = String::new();
            while stream.read_line(&mut line).await.unwrap_or(0) > 0 {
                let verb = line.split_whitespace().next().unwrap_or_default().to_owned();
                line.clear();
                let reply: &[u8] = match (verb.as_str(), how) {
                    // A header, to which nobody replies.
                    ("PROXY", _) => b"",
                    ("EHLO", _) => b"250-mx\r\n250-STARTTLS\r\n250 REQUIRETLS\r\n",
                    ("STARTTLS", Fails::Refuses) => b"454 4.7.0 not now\r\n",
                    ("STARTTLS", Fails::HangsUpAtOnce) => b"",
                    ("STARTTLS", Fails::Forges) => b"220 go\r\n250 forged\r\n",
                    ("STARTTLS", _) => b"220 go\r\n",
                    ("MAIL", _) if insists => b"530 5.7.0 Must issue a STARTTLS command first\r\n",
                    _ => b"250 ok\r\n",
                };
                let begins = verb == "STARTTLS";
                commands.push(verb);
                let _ = stream.write_all(reply).await;
                match how {
                    Fails::HangsUpAtOnce | Fails::HangsUpAfter220 if begins => break,
                    Fails::Babbles if begins => {
                        // Behind the ClientHello, or it would be a forgery.
                        let _ = stream.fill_buf().await;
                        let _ = stream.write_all(b"500 5.5.1 what is that?\r\n").await;
                    }
                    Fails::FallsSilent if begins => {
                        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
                    }
                    _ => {}
                }
            }
            heard.push(commands);
        }
        heard
    });
    (address, server)
}

fn site(tls: BackendTls, address: SocketAddr) -> Arc<Site> {
    let connect_s = Duration::from_millis(300);
    // What a pin pins does not matter: no certificate is shown.
    let pin = if tls == BackendTls::Verified { vec!["0".repeat(64)] } else { Vec::new() };
    let backend = Backend { tls, pin, connect_s, name: Some("mx".into()), ..Backend::at(address.to_string()) };
    Site::new(&Settings::default(), "mail", &backend).unwrap()
}

#[tokio::test]
async fn a_handshake_that_fails_is_gone_round_once_on_a_fresh_connection() {
    use Fails::{Babbles, FallsSilent, HangsUpAfter220, HangsUpAtOnce, Refuses};
    for how in [Refuses, HangsUpAtOnce, Babbles, HangsUpAfter220, FallsSilent] {
        let (address, server) = failing(how, false).await;
        let site = site(BackendTls::Opportunistic, address);
        let mut leg = Smtp::dial(&RealWorld, &site, address, None).await.unwrap();
        assert!(leg.fell_back.is_some(), "{how:?}");
        let mail = leg.mail(&ReversePath::parse("<a@b>").unwrap(), &MailParameters::default(), &[]).await.unwrap();
        assert!(mail.is_positive_completion(), "{how:?}");
        drop(leg);
        let heard = server.await.unwrap();
        assert_eq!(heard.len(), 2, "{how:?}: {heard:?}");
        assert_eq!((heard[0][..2].join(" "), heard[1].join(" ")), ("EHLO STARTTLS".into(), "EHLO MAIL".into()));
        assert!(!heard[0].iter().any(|verb| verb == "MAIL"), "{how:?}: {heard:?}");
    }
}

#[tokio::test]
async fn where_tls_is_required_it_is_not() {
    for tls in [BackendTls::Required, BackendTls::Verified] {
        for how in [Fails::Refuses, Fails::HangsUpAfter220, Fails::Babbles, Fails::FallsSilent] {
            let (address, server) = failing(how, false).await;
            let dialled = Smtp::dial(&RealWorld, &site(tls, address), address, None).await.map(drop);
            assert!(dialled.is_err_and(|error| !matches!(error, BackendError::Handshake(_))), "{tls:?} {how:?}");
            assert_eq!(server.await.unwrap().len(), 1, "{tls:?} {how:?}");
        }
    }
}

#[tokio::test]
async fn a_forgery_behind_the_220_is_no_failed_handshake() {
    let (address, server) = failing(Fails::Forges, false).await;
    let dialled = Smtp::dial(&RealWorld, &site(BackendTls::Opportunistic, address), address, None).await.map(drop);
    assert!(matches!(dialled, Err(BackendError::Protocol(_))), "{dialled:?}");
    assert_eq!(server.await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_remembered_address_pays_for_no_handshake_and_gets_nothing_that_requires_tls() {
    let (address, server) = failing(Fails::FallsSilent, false).await;
    let site = site(BackendTls::Opportunistic, address);
    site.clear.remember(address, Instant::now());
    let mut leg = Smtp::dial(&RealWorld, &site, address, None).await.unwrap();
    assert!(leg.fell_back.is_none(), "nothing new to tell");
    let mut parameters = MailParameters::default();
    parameters.require_tls = true;
    let mail = leg.mail(&ReversePath::parse("<a@b>").unwrap(), &parameters, &[]).await.unwrap();
    assert_eq!(mail.to_string().split(' ').next(), Some("550"), "{mail}");
    drop(leg);
    assert_eq!(server.await.unwrap(), [["EHLO"]]);
}

#[tokio::test]
async fn a_backend_that_insists_on_tls_loses_nobody_a_message_for_good() {
    let (address, server) = failing(Fails::Refuses, true).await;
    let site = site(BackendTls::Opportunistic, address);
    site.clear.remember(address, Instant::now());
    let mut leg = Smtp::dial(&RealWorld, &site, address, None).await.unwrap();
    let mail = leg.mail(&ReversePath::parse("<a@b>").unwrap(), &MailParameters::default(), &[]).await;
    assert!(matches!(mail, Err(BackendError::Tls(_))), "530 is no last word on the message: {mail:?}");
    drop(leg);
    // It fails again, and that is a failed dial, as where TLS is required.
    let dialled = Smtp::dial(&RealWorld, &site, address, None).await.map(drop);
    assert!(matches!(dialled, Err(BackendError::Tls(_))), "{dialled:?}");
    assert_eq!(server.await.unwrap(), [vec!["EHLO", "MAIL"], vec!["EHLO", "STARTTLS"]]);
}

#[tokio::test]
async fn behind_a_proxy_header_it_is_gone_round_as_well() {
    let (address, server) = failing(Fails::HangsUpAfter220, false).await;
    let settings = site(BackendTls::Opportunistic, address).settings.clone();
    let backend = Backend { identity: Identity::ProxyV1, ..settings };
    let site = Site::new(&Settings::default(), "mail", &backend).unwrap();
    let leg = Smtp::dial(&RealWorld, &site, address, Some(&super::someone())).await.unwrap();
    assert!(leg.fell_back.is_some());
    drop(leg);
    let heard = server.await.unwrap();
    assert_eq!(heard, [vec!["PROXY", "EHLO", "STARTTLS"], vec!["PROXY", "EHLO"]]);
}
