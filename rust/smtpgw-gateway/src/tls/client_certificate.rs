//! The certificate a client shows of itself (`client_certificate` of a listener): asked for, read, written down.
//!
//! What is checked is that the client holds its key. Whom it belongs to nobody vouches for: there is no authority for
//! mail clients, so that a self-signed or expired one is a fact, not an error, and none of them is ever an exemption
//! from inspection. Only what is no X.509 at all fails the handshake, and with `require` a client that shows none; one
//! of before version 3 does not ([`super::possession`]).

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::certificate::{date, unix};
use super::{possession, provider};
use crate::record::{hex, shortened};

/// What a client's certificate says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClientCertificate {
    /// The certificate itself, DER, leaf only; not in records.
    #[serde(skip)]
    pub der: Bytes,
    /// Distinguished name of its holder, `CN=client.example`, as far as a record has room.
    pub subject: String,
    /// Distinguished name of who signed it.
    pub issuer: String,
    /// Of the certificate, lower-case hexadecimal.
    pub sha256: String,
    /// Of its subject public key info, lower-case hexadecimal: stays the same when it is renewed with the same key.
    pub spki_sha256: String,
    /// RFC 3339.
    pub not_before: String,
    /// RFC 3339.
    pub not_after: String,
    /// Whether the handshake was outside of that time.
    pub expired: bool,
    /// Whether it is signed with its own key.
    pub self_signed: bool,
    /// Whether anybody vouches for its names. Nobody does: no authority is configured for clients.
    pub verified: bool,
}

impl ClientCertificate {
    /// Reads one as it is at `now`; `None` if it is no certificate.
    pub(super) fn read(der: &CertificateDer<'_>, now: SystemTime) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let (validity, now) = (parsed.validity(), unix(now));
        let (not_before, not_after) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        Some(Self {
            der: Bytes::copy_from_slice(der),
            subject: shortened(parsed.subject().to_string()),
            issuer: shortened(parsed.issuer().to_string()),
            sha256: hex(&Sha256::digest(der)),
            spki_sha256: hex(&Sha256::digest(parsed.public_key().raw)),
            not_before: date(not_before),
            not_after: date(not_after),
            expired: now < not_before || now > not_after,
            self_signed: parsed.subject() == parsed.issuer() && parsed.verify_signature(None).is_ok(),
            verified: false,
        })
    }
}

/// Asks a client for a certificate, and insists that whoever shows one holds its key.
pub(super) struct Possession {
    required: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Possession {
    pub(super) fn new(required: bool) -> Arc<Self> {
        Arc::new(Self { required, algorithms: provider().signature_verification_algorithms })
    }
}

impl fmt::Debug for Possession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Possession").field("required", &self.required).finish_non_exhaustive()
    }
}

impl ClientCertVerifier for Possession {
    fn client_auth_mandatory(&self) -> bool {
        self.required
    }

    /// RFC 8446 §4.4.2.2: with none named any authority will do.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        match X509Certificate::from_der(certificate) {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(_) => Err(CertificateError::BadEncoding.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        possession::shown_in_tls12(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        possession::shown_in_tls13(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
