//! Our side of TLS towards clients: TLS 1.2 and 1.3, certificates from a [`Store`], sessions that resume, and a
//! question for the client's own certificate where the listener has one.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::server::NoClientAuth;
use rustls::server::danger::ClientCertVerifier;

use super::client_certificate::Possession;
use super::provider;
use super::resumption::Resumption;
use super::store::Store;
use crate::error::StartError;
use crate::settings::{ClientAuth, Listener};

/// The TLS side of a listener.
pub(crate) struct ServerSide {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) certificates: Arc<Store>,
    client_auth: ClientAuth,
    resumption: Resumption,
}

impl ServerSide {
    /// Reads the certificates and makes the rest; `before` is the same listener's until now.
    ///
    /// # Errors
    /// [`StartError::Certificate`] naming the file.
    pub(crate) fn new(hostname: &str, listener: &Listener, before: Option<&Self>) -> Result<Self, StartError> {
        let opened = Store::open(hostname, &listener.certificates);
        if let (Err(error), Some(before)) = (&opened, before) {
            before.certificates.refuse(error);
        }
        let certificates = Arc::new(opened?);
        let client_auth = listener.client_certificate;
        let verifier: Arc<dyn ClientCertVerifier> = match client_auth {
            ClientAuth::Off => Arc::new(NoClientAuth),
            ClientAuth::Request => Possession::new(false),
            ClientAuth::Require => Possession::new(true),
        };
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| StartError::settings("listener.tls", error.to_string()))?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::<Store>::clone(&certificates));
        let resumption = match before {
            Some(before) if before.client_auth == client_auth => before.resumption.clone(),
            _ => Resumption::new()?,
        };
        resumption.serve(&mut config);
        Ok(Self { config: Arc::new(config), certificates, client_auth, resumption })
    }

    /// Whether its certificates may take the place of those `before`, which are told so if not.
    pub(crate) fn succeeds(&self, before: &Self, now: SystemTime) -> Result<(), StartError> {
        let verdict = self.certificates.succeeds(&before.certificates, now);
        verdict.inspect_err(|error| before.certificates.refuse(error))
    }
}
