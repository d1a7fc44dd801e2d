//! TLS on both legs: our own certificates towards clients, encryption towards the backend.
//!
//! One crypto provider (aws-lc-rs), always named, so that no process-wide default can change under us.

mod certificate;
mod client;
mod client_certificate;
mod failure;
mod ledger;
mod possession;
mod resumption;
mod server;
mod store;
mod verified;
mod watch;

use std::sync::Arc;
use std::time::SystemTime;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::ServerConnection;
use rustls::crypto::{CryptoProvider, aws_lc_rs};

pub(crate) use client::opportunistic_client_config;
pub use client_certificate::ClientCertificate;
pub(crate) use failure::Cause;
pub(crate) use ledger::Ledger;
pub(crate) use server::ServerSide;
pub(crate) use store::{CertificateState, mistakes};
pub(crate) use verified::verified_client_config;
pub(crate) use watch::{tell, watch};

use crate::client_hello::ClientHello;
use crate::error::StartError;
use crate::message::TlsFacts;

/// A certificate for `hostname` and its key as PEM, made now: to try things out, never for the world.
///
/// # Errors
/// If `hostname` cannot stand in a certificate.
pub fn self_signed(hostname: &str) -> Result<(String, String), StartError> {
    let names =
        if hostname == "localhost" { vec!["localhost".into()] } else { vec![hostname.into(), "localhost".into()] };
    let failed = |error| StartError::settings("hostname", format!("no certificate can be made for it: {error}"));
    let mut parameters = CertificateParams::new(names).map_err(failed)?;
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, hostname.get(..COMMON_NAME).unwrap_or(hostname));
    let key = KeyPair::generate().map_err(failed)?;
    let made = parameters.self_signed(&key).map_err(failed)?;
    Ok((made.pem(), key.serialize_pem()))
}

/// What is known of a handshake that finished `now`.
pub(crate) fn facts(connection: &ServerConnection, hello: Option<Arc<ClientHello>>, now: SystemTime) -> TlsFacts {
    let name = |text: Option<&str>| text.unwrap_or("unknown").to_owned();
    let version = connection.protocol_version().and_then(|version| version.as_str());
    let suite = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    let group = connection.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name()));
    TlsFacts {
        version: name(version).replace('_', "."),
        // rustls writes `TLS13_` where the IANA registry has `TLS_`.
        cipher: name(suite).replace("TLS13_", "TLS_"),
        group: group.unwrap_or_else(|| "unknown".into()),
        sni: connection.server_name().map(str::to_owned),
        client_hello: hello,
        client_certificate: connection
            .peer_certificates()
            .and_then(<[_]>::first)
            .and_then(|leaf| ClientCertificate::read(leaf, now))
            .map(Box::new),
    }
}

/// Characters of a common name (RFC 5280, Appendix A.1); clients look at the other names.
const COMMON_NAME: usize = 64;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
