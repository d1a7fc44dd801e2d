//! TLS towards a backend that must prove who it is: `tls = "verified"`.
//!
//! Two ways, and where both are configured both must hold. A CA file (`ca`): the chain leads to one of its
//! certificates, is in its time and names the backend (RFC 5280, RFC 9525). A pinned key (`pin`): SHA-256 of the
//! subject public key info is one of those listed; with pins alone neither name nor time are looked at, since the key
//! is the identity (RFC 7671 §5.1 reasons so). There is no built-in trust store: a mail server behind a gateway is
//! known to its administrator, and the world's several hundred authorities are not asked about it.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::certificate::of_pem;
use super::{possession, provider};
use crate::error::StartError;

/// The TLS side of a backend connection whose peer is checked against `ca`, `pins`, or both.
pub(crate) fn verified_client_config(ca: Option<&Path>, pins: &[String]) -> Result<Arc<ClientConfig>, StartError> {
    let verifier = Known::new(ca, pins)?;
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| StartError::settings("backend.tls", error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Takes the certificate of a peer that is known, and of no other.
#[derive(Debug)]
struct Known {
    authorities: Option<Arc<WebPkiServerVerifier>>,
    /// SHA-256 of public keys, in lower-case hexadecimal; empty: any.
    pins: Vec<String>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Known {
    fn new(ca: Option<&Path>, pins: &[String]) -> Result<Self, StartError> {
        if ca.is_none() && pins.is_empty() {
            return Err(StartError::settings("backend.tls", "\"verified\" needs ca or pin to verify against"));
        }
        let pins = pins.iter().map(|pin| pin.to_ascii_lowercase()).collect::<Vec<_>>();
        if pins.iter().any(|pin| pin.len() != 64 || !pin.bytes().all(|octet| octet.is_ascii_hexdigit())) {
            return Err(StartError::settings("backend.pin", "a pin is a SHA-256 in 64 hexadecimal digits"));
        }
        let authorities = ca.map(authorities).transpose()?;
        Ok(Self { authorities, pins, algorithms: provider().signature_verification_algorithms })
    }
}

fn authorities(path: &Path) -> Result<Arc<WebPkiServerVerifier>, StartError> {
    let unusable = |reason: String| StartError::Certificate { path: path.to_owned(), reason };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unusable(of_pem(&error)))? {
        let certificate = certificate.map_err(|error| unusable(of_pem(&error)))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable("there is no certificate in it".into()));
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| unusable(error.to_string()))
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if !self.pins.is_empty() && !self.pins.contains(&pin(certificate)?) {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        match &self.authorities {
            Some(authorities) => authorities.verify_server_cert(certificate, chain, name, ocsp, now),
            None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        possession::shown_in_tls12(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        possession::shown_in_tls13(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// SHA-256 of a certificate's subject public key info, in lower-case hexadecimal.
fn pin(certificate: &CertificateDer<'_>) -> Result<String, rustls::Error> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    Ok(Sha256::digest(parsed.tbs_certificate.subject_pki.raw).iter().fold(String::new(), |mut hex, octet| {
        let _ = write!(hex, "{octet:02x}"); // a String takes everything
        hex
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a failed step is a failed test
mod tests {
    use std::io::Write as _;

    use rustls::ServerConfig;

    use super::*;
    use crate::wire::Wire;

    struct Peer {
        made: rcgen::CertifiedKey<rcgen::KeyPair>,
        file: tempfile::NamedTempFile,
    }

    fn peer(name: &str) -> Peer {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(made.cert.pem().as_bytes()).unwrap();
        Peer { made, file }
    }

    /// Whether a handshake with `peer`, expected as `name`, stands.
    async fn shakes(peer: &Peer, config: Arc<ClientConfig>, name: &str) -> bool {
        let key = rustls_pki_types::PrivateKeyDer::try_from(peer.made.signing_key.serialize_der()).unwrap();
        let server = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![peer.made.cert.der().clone()], key)
            .unwrap();
        let (near, far) = tokio::io::duplex(64 << 10);
        let (mut near, far) = (Wire::new(near), tokio_rustls::TlsAcceptor::from(Arc::new(server)).accept(far));
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let (client, _) = tokio::join!(near.connect_tls(config, name), far);
        client.is_ok()
    }

    #[tokio::test]
    async fn the_peer_is_the_known_one_or_nobody() {
        let (good, other) = (peer("mail.example"), peer("mail.example"));
        let good_pin = pin(good.made.cert.der()).unwrap();
        let other_pin = pin(other.made.cert.der()).unwrap();
        let table: [(Option<&Peer>, Vec<&str>, &str, bool); 9] = [
            (Some(&good), vec![], "mail.example", true),
            (Some(&good), vec![], "elsewhere.example", false),
            (Some(&other), vec![], "mail.example", false),
            (None, vec![&good_pin], "mail.example", true),
            (None, vec![&good_pin], "elsewhere.example", true),
            (None, vec![&other_pin], "mail.example", false),
            (None, vec![&other_pin, &good_pin], "mail.example", true),
            (Some(&good), vec![&other_pin], "mail.example", false),
            (Some(&other), vec![&good_pin], "mail.example", false),
        ];
        for (ca, pins, name, stands) in table {
            let pins: Vec<_> = pins.into_iter().map(str::to_owned).collect();
            let config = verified_client_config(ca.map(|peer| peer.file.path()), &pins).unwrap();
            assert_eq!(shakes(&good, config, name).await, stands, "pins {pins:?}, name {name}");
        }
    }

    #[test]
    fn what_verifies_nothing_does_not_start() {
        let empty = tempfile::NamedTempFile::new().unwrap();
        assert!(verified_client_config(None, &[]).is_err());
        assert!(verified_client_config(Some(empty.path()), &[]).is_err());
        assert!(verified_client_config(None, &["abc".into()]).is_err());
        assert!(verified_client_config(None, &["z".repeat(64)]).is_err());
    }

    #[tokio::test]
    async fn what_a_backend_says_in_clear_behind_its_220_ends_the_leg() {
        let (near, _far) = tokio::io::duplex(1024);
        let mut wire = Wire::new(near);
        wire.input.extend_from_slice(b"250 injected\r\n");
        let config = verified_client_config(None, &["0".repeat(64)]).unwrap();
        assert!(wire.connect_tls(config, ServerName::try_from("mail.example").unwrap()).await.is_err());
    }
}
