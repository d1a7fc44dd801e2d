//! Whether who shows a certificate holds its key: the signature that a handshake carries, under the certificate's key.
//!
//! rustls reads certificates of version 3 alone (RFC 5280 §4.1.2.1), and of those none with a critical extension that
//! it does not know. Mail servers of old show others, and where nobody asks who a peer is that is no reason to have no
//! TLS with it. So of a certificate that rustls cannot read the key is taken (RFC 7250 §3: the subject public key info)
//! and the signature checked under that. This proves possession and nothing else: whether a certificate is believed is
//! decided elsewhere, and never on one that rustls cannot read but by its pinned key.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved};
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use x509_parser::der_parser::asn1_rs::Any;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// In TLS 1.2.
pub(super) fn shown_in_tls12(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    if ParsedCertificate::try_from(certificate).is_ok() {
        return verify_tls12_signature(message, certificate, signed, algorithms);
    }
    with_raw_key(message, raw_key(certificate)?, signed, algorithms)
}

/// In TLS 1.3.
pub(super) fn shown_in_tls13(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    if ParsedCertificate::try_from(certificate).is_ok() {
        return verify_tls13_signature(message, certificate, signed, algorithms);
    }
    let key = SubjectPublicKeyInfoDer::from(raw_key(certificate)?);
    verify_tls13_signature_with_raw_key(message, &key, signed, algorithms)
}

/// RFC 5246 §7.4.3: a scheme of TLS 1.2 does not name the curve, so each algorithm that it may stand for and that is
/// for keys of this kind is tried.
fn with_raw_key(
    message: &[u8],
    key: &[u8],
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let candidates = algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme).map(|(_, found)| *found);
    let candidates = candidates.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    let (kind, key) = kind_and_key(key).ok_or(CertificateError::BadEncoding)?;
    let mut candidates = candidates.iter().filter(|candidate| candidate.public_key_alg_id().as_ref() == kind);
    match candidates.any(|candidate| candidate.verify_signature(key, message, signed.signature()).is_ok()) {
        true => Ok(HandshakeSignatureValid::assertion()),
        false => Err(CertificateError::BadSignature.into()),
    }
}

/// The subject public key info of a certificate of any version, as it stands there.
fn raw_key<'a>(certificate: &'a CertificateDer<'_>) -> Result<&'a [u8], CertificateError> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    Ok(parsed.tbs_certificate.subject_pki.raw)
}

/// RFC 5280 §4.1: `SEQUENCE { algorithm SEQUENCE, subjectPublicKey BIT STRING }`. What the sequence of the algorithm
/// holds, and the key without the count of its unused bits, of which a key has none.
fn kind_and_key(info: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, info) = Any::from_der(info).ok()?;
    let (rest, kind) = Any::from_der(info.data).ok()?;
    let (_, key) = Any::from_der(rest).ok()?;
    Some((kind.data, key.data.strip_prefix(&[0])?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a failed step is a failed test
mod tests {
    use std::sync::Arc;

    use rcgen::{CertificateParams, KeyPair, SignatureAlgorithm};
    use rustls::sign::{CertifiedKey, SingleCertAndKey};
    use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};
    use rustls_pki_types::{PrivateKeyDer, ServerName};

    use super::*;
    use crate::tls::client_certificate::Possession;
    use crate::tls::{opportunistic_client_config, provider};

    /// A certificate as it was before there were extensions: without the version, and without what stands behind the
    /// key. Its signature is no longer good, which nobody here looks at.
    fn of_version_1(certificate: &[u8]) -> Vec<u8> {
        let (_, whole) = Any::from_der(certificate).unwrap();
        let (rest, signed) = Any::from_der(whole.data).unwrap();
        let mut fields = Vec::new();
        let mut left = signed.data;
        while let Ok((behind, field)) = Any::from_der(left) {
            if !field.header.is_contextspecific() {
                fields.extend_from_slice(&left[..left.len() - behind.len()]);
            }
            left = behind;
        }
        sequence(&[sequence(&fields), rest.to_vec()].concat())
    }

    fn sequence(content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[0x30, 0x82], &length[..], content].concat()
    }

    struct Shown {
        certificate: CertificateDer<'static>,
        key: KeyPair,
    }

    fn shown(algorithm: &'static SignatureAlgorithm) -> Shown {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let made = CertificateParams::new(vec!["old.example".to_owned()]).unwrap().self_signed(&key).unwrap();
        Shown { certificate: of_version_1(made.der()).into(), key }
    }

    /// Shows this certificate and signs with that key.
    fn shows(certificate: &Shown, key: &Shown) -> Arc<SingleCertAndKey> {
        let key = PrivateKeyDer::try_from(key.key.serialize_der()).unwrap();
        let key = provider().key_provider.load_private_key(key).unwrap();
        Arc::new(SingleCertAndKey::from(CertifiedKey::new(vec![certificate.certificate.clone()], key)))
    }

    /// Whether a handshake between the two stands at both ends.
    async fn shake(client: Arc<ClientConfig>, server: ServerConfig) -> bool {
        let (near, far) = tokio::io::duplex(64 << 10);
        let name = ServerName::try_from("old.example").unwrap();
        let client = tokio_rustls::TlsConnector::from(client).connect(name, near);
        let server = tokio_rustls::TlsAcceptor::from(Arc::new(server)).accept(far);
        let (client, server) = tokio::join!(client, server);
        client.is_ok() && server.is_ok()
    }

    const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];
    const KEYS: [&SignatureAlgorithm; 4] =
        [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519, &rcgen::PKCS_RSA_SHA256];

    #[tokio::test]
    async fn an_old_certificate_of_a_backend_is_as_good_as_its_key() {
        for (algorithm, version) in KEYS.iter().flat_map(|key| VERSIONS.map(|version| (*key, version))) {
            let (one, other) = (shown(algorithm), shown(algorithm));
            assert!(ParsedCertificate::try_from(&one.certificate).is_err(), "rustls reads it: nothing is tested here");
            for (key, stands) in [(&one, true), (&other, false)] {
                let server = ServerConfig::builder_with_provider(provider())
                    .with_protocol_versions(&[version])
                    .unwrap()
                    .with_no_client_auth()
                    .with_cert_resolver(shows(&one, key));
                let client = opportunistic_client_config().unwrap();
                assert_eq!(shake(client, server).await, stands, "{algorithm:?} {version:?}");
            }
        }
    }

    #[tokio::test]
    async fn an_old_certificate_of_a_client_is_as_good_as_its_key() {
        for (algorithm, version) in KEYS.iter().flat_map(|key| VERSIONS.map(|version| (*key, version))) {
            let (one, other) = (shown(algorithm), shown(algorithm));
            for (key, stands) in [(&one, true), (&other, false)] {
                let server = ServerConfig::builder_with_provider(provider())
                    .with_protocol_versions(&[version])
                    .unwrap()
                    .with_client_cert_verifier(Possession::new(true))
                    .with_cert_resolver(shows(&one, &one));
                let mut client = ClientConfig::clone(&*opportunistic_client_config().unwrap());
                client.client_auth_cert_resolver = shows(&one, key);
                assert_eq!(shake(Arc::new(client), server).await, stands, "{algorithm:?} {version:?}");
            }
        }
    }

    #[tokio::test]
    async fn an_old_certificate_is_known_by_its_pin_and_by_no_authority() {
        let one = shown(&rcgen::PKCS_ECDSA_P256_SHA256);
        let server = || {
            ServerConfig::builder_with_provider(provider())
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_cert_resolver(shows(&one, &one))
        };
        let pin = crate::record::hex(&<sha2::Sha256 as sha2::Digest>::digest(raw_key(&one.certificate).unwrap()));
        for (pin, stands) in [(pin, true), ("0".repeat(64), false)] {
            let client = crate::tls::verified_client_config(None, &[pin]).unwrap();
            assert_eq!(shake(client, server()).await, stands);
        }
        let authority = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(authority.path(), crate::tls::self_signed("old.example").unwrap().0).unwrap();
        let client = crate::tls::verified_client_config(Some(authority.path()), &[]).unwrap();
        assert!(!shake(client, server()).await);
    }
}
