//! One certificate of ours: its chain and key, read from PEM and checked, the names and the time it is good for.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use x509_parser::certificate::{Validity, X509Certificate};
use x509_parser::error::X509Error;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use super::self_signed;
use crate::error::StartError;
use crate::record::hex;
use crate::settings::Certificate;

/// A certificate with its key and the names it is good for.
pub(super) struct NamedKey {
    pub(super) key: Arc<CertifiedKey>,
    /// DNS names in lower case; a wildcard as `*.example.org`.
    pub(super) names: Vec<String>,
    /// Seconds since 1970.
    not_before: i64,
    not_after: i64,
    /// The first of the certificates behind it to expire.
    chain_not_after: i64,
    sha256: String,
}

/// What records say of one.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CertificateFacts {
    /// DNS names in lower case.
    pub(crate) names: Vec<String>,
    /// RFC 3339.
    pub(crate) not_after: String,
    /// Seconds until then; negative afterwards.
    pub(crate) expires_s: i64,
    /// Of the certificate itself, lower-case hexadecimal.
    pub(crate) sha256: String,
    /// What an administrator should do something about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) concerns: Vec<String>,
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
            .map_err(|error| fail(chain.0, format!("not a PEM certificate chain: {}", of_pem(&error))))?;
        let leaf = certificates.first().ok_or_else(|| fail(chain.0, "there is no certificate in it".into()))?;
        let (names, validity) =
            read_leaf(leaf).ok_or_else(|| fail(chain.0, "its first certificate is malformed".into()))?;
        let sha256 = hex(&Sha256::digest(leaf));
        let chain_not_after = check_chain(&certificates).map_err(|reason| fail(chain.0, reason))?;
        let private = PrivateKeyDer::from_pem_slice(key.1).map_err(|error| fail(key.0, no_key(key.1, &error)))?;
        let signer = provider
            .key_provider
            .load_private_key(private)
            .map_err(|error| fail(key.0, format!("unusable private key: {error}")))?;
        let certified = CertifiedKey::new(certificates, signer);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                let other = format!("it is not the key of the certificate in {}", chain.0.display());
                return Err(fail(key.0, other));
            }
            // Not of version 3, or with a critical extension that clients would not know either.
            Err(error) => return Err(fail(chain.0, format!("its first certificate cannot be shown: {error}"))),
        }
        Ok(Self {
            key: Arc::new(certified),
            names,
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
            chain_not_after,
            sha256,
        })
    }

    /// Whether it may be shown at `now` (seconds since 1970), or why not.
    pub(super) fn validity(&self, now: i64) -> Result<(), String> {
        if now > self.not_after {
            return Err(format!("it expired on {}", date(self.not_after)));
        }
        if now < self.not_before {
            return Err(format!("it is not valid before {}", date(self.not_before)));
        }
        Ok(())
    }

    pub(super) fn facts(&self, now: i64) -> CertificateFacts {
        let expires_s = self.not_after.saturating_sub(now);
        let concern = match self.validity(now) {
            Err(reason) => Some(reason),
            Ok(()) if expires_s < SOON => Some(format!("it expires on {}", date(self.not_after))),
            Ok(()) => None,
        };
        let behind = match self.chain_not_after.saturating_sub(now) {
            left if left < 0 => Some("expired"),
            left if left < SOON && self.chain_not_after < self.not_after => Some("expires"),
            _ => None,
        };
        let behind = behind.map(|verb| format!("its chain {verb} on {}", date(self.chain_not_after)));
        CertificateFacts {
            names: self.names.clone(),
            not_after: date(self.not_after),
            expires_s,
            sha256: self.sha256.clone(),
            concerns: concern.into_iter().chain(behind).collect(),
        }
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

fn read_leaf(leaf: &CertificateDer<'_>) -> Option<(Vec<String>, Validity)> {
    let (_, parsed) = X509Certificate::from_der(leaf).ok()?;
    let names = match parsed.subject_alternative_name() {
        Ok(Some(alternative)) => alternative.value.general_names.iter().filter_map(dns_name).collect(),
        _ => Vec::new(),
    };
    Some((names, parsed.validity().clone()))
}

fn dns_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    }
}

/// Why there is no private key in a file: of PKCS #8, or of OpenSSL's older form (RFC 1421 §4.6.1.1), it may be locked.
fn no_key(pem: &[u8], error: &pem::Error) -> String {
    if pem.windows(ENCRYPTED.len()).any(|octets| octets == ENCRYPTED) {
        return "the key is encrypted: store it in clear, readable by the gateway alone".into();
    }
    format!("there is no private key in it: {}", of_pem(error))
}

/// What is wrong with a PEM file, without the octets of it.
pub(super) fn of_pem(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { end_marker } => {
            format!("it breaks off before END {}", String::from_utf8_lossy(end_marker))
        }
        pem::Error::IllegalSectionStart { .. } => "a line that begins a section is malformed".into(),
        other => other.to_string(),
    }
}

/// RFC 5246 §7.4.2: each certificate certifies the one before it, by name and by signature. What is out of time, or
/// signed in a way that cannot be checked here, is for clients to judge. Seconds since 1970 until when all of those
/// behind the first are good.
fn check_chain(chain: &[CertificateDer<'_>]) -> Result<i64, String> {
    let mut before: Option<X509Certificate<'_>> = None;
    let mut not_after = i64::MAX;
    for (at, certificate) in chain.iter().enumerate() {
        let malformed = |_| format!("certificate {} of it is malformed", at + 1);
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(malformed)?;
        if let Some(before) = &before {
            if before.issuer().as_raw() != parsed.subject().as_raw() {
                return Err(format!("out of order: certificate {} is not the issuer of the one before it", at + 1));
            }
            if let Err(X509Error::SignatureVerificationError) = before.verify_signature(Some(parsed.public_key())) {
                return Err(format!(
                    "certificate {} has the issuer's name, and did not sign the one before it",
                    at + 1
                ));
            }
            not_after = not_after.min(parsed.validity().not_after.timestamp());
        }
        before = Some(parsed);
    }
    Ok(not_after)
}

/// Seconds since 1970.
pub(super) fn unix(now: SystemTime) -> i64 {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// RFC 3339; a date beyond what that can say is as good as never.
pub(super) fn date(seconds: i64) -> String {
    let seconds = u64::try_from(seconds).unwrap_or_default().min(LAST_DATE);
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}

/// In the label of a locked key, or in a field above it.
const ENCRYPTED: &[u8] = b"ENCRYPTED";

/// The end of the year 9999.
const LAST_DATE: u64 = 253_402_300_799;

/// A certificate that expires within a month is a concern: whoever renews one of three months does so by then.
const SOON: i64 = 30 * 86_400;

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

    struct Authority {
        pem: String,
        issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    }

    /// One that expires on 1 January of `year`.
    fn authority(year: i32) -> Authority {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "an authority");
        parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
        let pem = parameters.self_signed(&key).unwrap().pem();
        Authority { pem, issuer: rcgen::Issuer::new(parameters, key) }
    }

    /// A leaf of it and its key.
    fn leaf(authority: &Authority) -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let parameters = rcgen::CertificateParams::new(vec!["mx.example.org".to_owned()]).unwrap();
        (parameters.signed_by(&key, &authority.issuer).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn a_chain_is_in_order() {
        let authority = authority(2999);
        let (leaf, key) = leaf(&authority);
        let (other, _) = self_signed("mx.example.org").unwrap();
        assert!(load(&(leaf.clone() + &authority.pem), &key).is_ok());
        assert!(load(&leaf, &key).is_ok());
        let error = load(&(leaf + &other), &key).err().unwrap().to_string();
        let expected = "chain.pem: out of order: certificate 2 is not the issuer of the one before it";
        assert_eq!(error, expected);
    }

    #[test]
    fn a_name_alone_is_no_issuer() {
        let (ours, namesake) = (authority(2999), authority(2999));
        let (leaf, key) = leaf(&ours);
        let error = load(&(leaf + &namesake.pem), &key).err().unwrap().to_string();
        assert!(error.ends_with("certificate 2 has the issuer's name, and did not sign the one before it"), "{error}");
    }

    #[test]
    fn a_chain_expires_with_its_first() {
        let authority = authority(2030);
        let (leaf, key) = leaf(&authority);
        let loaded = load(&(leaf + &authority.pem), &key).unwrap();
        let expiry = 1_893_456_000;
        let concerns = |now: i64| loaded.facts(now).concerns;
        assert_eq!(concerns(expiry - SOON - 1), [""; 0]);
        assert_eq!(concerns(expiry - SOON + 1), ["its chain expires on 2030-01-01T00:00:00Z"]);
        assert_eq!(concerns(expiry + 1), ["its chain expired on 2030-01-01T00:00:00Z"]);
    }
}
