//! One certificate of ours: its chain and key, read from PEM, and the names it is good for.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use super::self_signed;
use crate::error::StartError;
use crate::settings::Certificate;

/// A certificate with its key and the names it is good for.
pub(super) struct NamedKey {
    pub(super) key: Arc<CertifiedKey>,
    /// DNS names in lower case; a wildcard as `*.example.org`.
    pub(super) names: Vec<String>,
}

impl NamedKey {
    pub(super) fn load(
        hostname: &str,
        certificate: &Certificate,
        provider: &CryptoProvider,
    ) -> Result<Self, StartError> {
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

    pub(super) fn is_for(&self, asked: &str) -> bool {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use super::*;
    use crate::tls::provider;

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
