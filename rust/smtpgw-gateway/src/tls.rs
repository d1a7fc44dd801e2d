//! TLS on both legs: our own certificates towards clients, opportunistic encryption towards the backend.
//!
//! One crypto provider (aws-lc-rs), always named, so that no process-wide default can change under us. Towards
//! clients: TLS 1.2 and 1.3, the certificate chosen by the name the client asks for (SNI; RFC 6066 §3), one ticket
//! a handshake, since mail servers come back but rarely twice at once. Towards the backend nothing is verified
//! here: opportunistic TLS (RFC 7435) hides content from listeners and proves nothing.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, CommonState, DigitallySignedStruct, ServerConfig, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use crate::error::StartError;
use crate::message::TlsFacts;
use crate::settings::Certificate;

/// The TLS side of a listener.
///
/// # Errors
/// [`StartError::Certificate`] naming the file: unreadable, not PEM, or a key that is another certificate's.
pub(crate) fn server_config(hostname: &str, certificates: &[Certificate]) -> Result<Arc<ServerConfig>, StartError> {
    let provider = provider();
    let keys = certificates
        .iter()
        .map(|certificate| NamedKey::load(hostname, certificate, &provider))
        .collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() {
        return Err(StartError::settings("listener.certificates", "STARTTLS needs a certificate"));
    }
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StartError::settings("listener.tls", error.to_string()))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ByName { keys }));
    config.ticketer =
        aws_lc_rs::Ticketer::new().map_err(|error| StartError::settings("listener.tls", error.to_string()))?;
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
}

/// The TLS side of a backend connection whose certificate is not checked.
pub(crate) fn opportunistic_client_config() -> Result<Arc<ClientConfig>, StartError> {
    let provider = provider();
    let algorithms = provider.signature_verification_algorithms;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StartError::settings("backend.tls", error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate { algorithms }))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// A certificate for `hostname` and its key as PEM, made now: to try things out, never for the world.
///
/// # Errors
/// If `hostname` cannot stand in a certificate.
pub fn self_signed(hostname: &str) -> Result<(String, String), StartError> {
    let names =
        if hostname == "localhost" { vec!["localhost".into()] } else { vec![hostname.into(), "localhost".into()] };
    let made = rcgen::generate_simple_self_signed(names)
        .map_err(|error| StartError::settings("hostname", format!("no certificate can be made for it: {error}")))?;
    Ok((made.cert.pem(), made.signing_key.serialize_pem()))
}

/// What is known of a finished handshake.
pub(crate) fn facts(connection: &CommonState, sni: Option<&str>) -> TlsFacts {
    let name = |text: Option<&str>| text.unwrap_or("unknown").to_owned();
    let version = connection.protocol_version().and_then(|version| version.as_str());
    let suite = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    let group = connection.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name()));
    TlsFacts {
        version: name(version).replace('_', "."),
        // rustls writes `TLS13_` where the IANA registry has `TLS_`.
        cipher: name(suite).replace("TLS13_", "TLS_"),
        group: group.unwrap_or_else(|| "unknown".into()),
        sni: sni.map(str::to_owned),
        client_certificate: connection
            .peer_certificates()
            .and_then(<[_]>::first)
            .map(|leaf| Bytes::copy_from_slice(leaf)),
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// A certificate with its key and the names it is good for.
struct NamedKey {
    key: Arc<CertifiedKey>,
    /// DNS names in lower case; a wildcard as `*.example.org`.
    names: Vec<String>,
}

impl NamedKey {
    fn load(hostname: &str, certificate: &Certificate, provider: &CryptoProvider) -> Result<Self, StartError> {
        match certificate {
            Certificate::Files { chain, key } => {
                let chain_pem = read(chain)?;
                let key_pem = read(key)?;
                Self::from_pem((chain, &chain_pem), (key, &key_pem), provider)
            }
            Certificate::SelfSigned(_) => {
                let (chain, key) = self_signed(hostname)?;
                let name = Path::new("self-signed");
                Self::from_pem((name, chain.as_bytes()), (name, key.as_bytes()), provider)
            }
        }
    }

    fn from_pem(chain: (&Path, &[u8]), key: (&Path, &[u8]), provider: &CryptoProvider) -> Result<Self, StartError> {
        let fail = |path: &Path, reason: String| StartError::Certificate { path: path.into(), reason };
        let certificates = CertificateDer::pem_slice_iter(chain.1)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| fail(chain.0, format!("not a PEM certificate chain: {error}")))?;
        let leaf = certificates.first().ok_or_else(|| fail(chain.0, "there is no certificate in it".into()))?;
        let names = dns_names(leaf).ok_or_else(|| fail(chain.0, "its first certificate is malformed".into()))?;
        let private = PrivateKeyDer::from_pem_slice(key.1)
            .map_err(|error| fail(key.0, format!("there is no private key in it: {error}")))?;
        let signer = provider
            .key_provider
            .load_private_key(private)
            .map_err(|error| fail(key.0, format!("unusable private key: {error}")))?;
        let certified = CertifiedKey::new(certificates, signer);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(_) => {
                let other = format!("it is not the key of the certificate in {}", chain.0.display());
                return Err(fail(key.0, other));
            }
        }
        Ok(Self { key: Arc::new(certified), names })
    }

    fn is_for(&self, asked: &str) -> bool {
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            // RFC 6125 §6.4.3: a wildcard stands for exactly one label.
            Some(parent) => asked.split_once('.').is_some_and(|(_, rest)| rest == parent),
            None => name == asked,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, StartError> {
    std::fs::read(path).map_err(|source| StartError::Path { path: path.into(), source })
}

fn dns_names(certificate: &CertificateDer<'_>) -> Option<Vec<String>> {
    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(certificate).ok()?;
    let Ok(Some(alternative)) = parsed.subject_alternative_name() else { return Some(Vec::new()) };
    let names = alternative.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    });
    Some(names.collect())
}

/// Chooses by SNI; the first certificate serves who asks for none of ours, since a client that checks names will
/// say so, and most mail servers do not check.
struct ByName {
    keys: Vec<NamedKey>,
}

impl fmt::Debug for ByName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.keys.iter().map(|key| &key.names)).finish()
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked = hello.server_name().map(str::to_ascii_lowercase);
        let fitting = asked.and_then(|asked| self.keys.iter().find(|key| key.is_for(&asked)));
        fitting.or(self.keys.first()).map(|key| Arc::clone(&key.key))
    }
}

/// Takes any certificate, but insists that the peer holds its key.
#[derive(Debug)]
struct AnyCertificate {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use super::*;

    fn load(chain: &str, key: &str) -> Result<NamedKey, StartError> {
        NamedKey::from_pem(
            (Path::new("chain.pem"), chain.as_bytes()),
            (Path::new("key.pem"), key.as_bytes()),
            &provider(),
        )
    }

    #[test]
    fn a_certificate_knows_its_names() {
        let made = rcgen::generate_simple_self_signed(vec!["MX.example.org".into(), "*.example.net".into()]).unwrap();
        let key = load(&made.cert.pem(), &made.signing_key.serialize_pem()).unwrap();
        assert!(key.is_for("mx.example.org"));
        assert!(key.is_for("a.example.net"));
        assert!(!key.is_for("example.net"));
        assert!(!key.is_for("a.b.example.net"));
    }

    #[test]
    fn another_certificates_key_is_refused_by_name() {
        let (chain, _) = self_signed("mx.example.org").unwrap();
        let (_, key) = self_signed("mx.example.org").unwrap();
        let error = load(&chain, &key).err().unwrap();
        assert_eq!(error.to_string(), "key.pem: it is not the key of the certificate in chain.pem");
        assert!(load("", &key).err().unwrap().to_string().starts_with("chain.pem: there is no certificate"));
        assert!(load(&chain, "").err().unwrap().to_string().starts_with("key.pem: there is no private key"));
    }
}
