//! Our side of TLS towards clients: TLS 1.2 and 1.3, certificates from a [`Store`], one ticket a handshake, since mail
//! servers come back but rarely twice at once. The keys of tickets are made anew every few hours, by rustls.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::NoClientAuth;
use rustls::server::danger::ClientCertVerifier;

use super::client_certificate::Possession;
use super::provider;
use super::store::Store;
use crate::error::StartError;
use crate::settings::{ClientAuth, Listener};

/// The TLS side of a listener.
pub(crate) struct ServerSide {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) certificates: Arc<Store>,
}

impl ServerSide {
    /// Reads the certificates and makes the rest.
    ///
    /// # Errors
    /// [`StartError::Certificate`] naming the file.
    pub(crate) fn new(hostname: &str, listener: &Listener) -> Result<Self, StartError> {
        let certificates = Arc::new(Store::open(hostname, &listener.certificates)?);
        let verifier: Arc<dyn ClientCertVerifier> = match listener.client_certificate {
            ClientAuth::Off => Arc::new(NoClientAuth),
            ClientAuth::Request => Possession::new(false),
            ClientAuth::Require => Possession::new(true),
        };
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| StartError::settings("listener.tls", error.to_string()))?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::<Store>::clone(&certificates));
        config.ticketer =
            aws_lc_rs::Ticketer::new().map_err(|error| StartError::settings("listener.tls", error.to_string()))?;
        config.send_tls13_tickets = 1;
        Ok(Self { config: Arc::new(config), certificates })
    }
}
