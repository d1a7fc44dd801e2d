//! Our side of TLS towards clients: TLS 1.2 and 1.3, the certificate chosen by the name the client asks for (SNI;
//! RFC 6066 §3), one ticket a handshake, since mail servers come back but rarely twice at once.

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificate::NamedKey;
use super::provider;
use crate::error::StartError;
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
        return Err(StartError::settings("listener.certificates", "TLS needs a certificate"));
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
