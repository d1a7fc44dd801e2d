//! What the settings come to once certificates are read and backends are known: one immutable value.
//!
//! A reload builds a new one beside the old; connections keep the one they began with. Rule O1 is enforced here, a
//! second time after the configuration's own check, since a gateway can be started from Rust as well.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use smtpgw_smtp::ForwardPath;

use crate::backend;
use crate::domain::comparable;
use crate::error::StartError;
use crate::inspect::Inspect;
use crate::inspection::Panel;
use crate::reception::Desk;
use crate::settings::{ClientAuth, Identity, Listener, ListenerTls, Settings};
use crate::spool::Budget;
use crate::tls::ServerSide;

/// Everything connections need to know.
pub(crate) struct Setup {
    pub(crate) desk: Desk,
    /// In the order of the configuration.
    pub(crate) fronts: Vec<Arc<Front>>,
}

/// One listener's side of it.
pub(crate) struct Front {
    /// Rule B0: prepared when settings load.
    pub(crate) greeting: Bytes,
    pub(crate) tls: Option<ServerSide>,
    /// Whether TLS comes before the greeting.
    pub(crate) implicit_tls: bool,
    /// Whether mail in clear is refused: who need not shake hands could not be required to show a certificate.
    pub(crate) requires_tls: bool,
    pub(crate) backend: Arc<backend::Site>,
    pub(crate) recipients: Recipients,
}

/// Whom a listener takes mail for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Recipients {
    /// The backend decides by the client's address.
    BackendDecides,
    /// Anybody; spelled out in the configuration.
    Anybody,
    /// These domains, as they can be compared.
    Domains(HashSet<String>),
}

impl Setup {
    /// Across a reload the budget is kept, to which the messages under way hold on, and what resumes TLS sessions.
    pub(crate) fn new(
        settings: Settings,
        inspect: Option<Arc<dyn Inspect>>,
        before: Option<&Self>,
    ) -> Result<Self, StartError> {
        let settings = Arc::new(settings);
        let budget = before.map(|before| Arc::clone(&before.desk.budget));
        let budget = budget.unwrap_or_else(|| Budget::new(settings.limits.memory));
        let mut backends: BTreeMap<&str, Arc<backend::Site>> = BTreeMap::new();
        for (name, backend) in &settings.backend {
            backends.insert(name, backend::Site::new(&settings, backend)?);
        }
        let mut fronts = Vec::with_capacity(settings.listener.len());
        for (at, listener) in settings.listener.iter().enumerate() {
            let key = |name: &str| format!("listener[{at}].{name}");
            let Some(backend) = backends.get(listener.backend.as_str()) else {
                return Err(StartError::settings(
                    key("backend"),
                    format!("there is no [backend.{}]", listener.backend),
                ));
            };
            let before = before.and_then(|before| before.fronts.get(at)).map(Arc::as_ref);
            fronts.push(Arc::new(Front::new(&settings, listener, Arc::clone(backend), &key, before)?));
        }
        let folder = Arc::new(settings.spool.path.clone());
        check_folder(&folder)?;
        let panel = inspect.filter(|inspect| !inspect.roster().is_empty()).map(Panel::new);
        Ok(Self { desk: Desk { settings, panel, budget, folder }, fronts })
    }
}

impl Front {
    fn new(
        settings: &Settings,
        listener: &Listener,
        backend: Arc<backend::Site>,
        key: &dyn Fn(&str) -> String,
        before: Option<&Self>,
    ) -> Result<Self, StartError> {
        let recipients = Recipients::of(&listener.recipient_domains);
        if recipients == Recipients::BackendDecides && backend.settings.identity == Identity::None {
            let reason = "without recipient_domains the backend must learn the client's address (identity), or this \
                          is an open relay";
            return Err(StartError::settings(key("recipient_domains"), reason));
        }
        let tls = match listener.tls {
            ListenerTls::Starttls | ListenerTls::Implicit => {
                let before = before.and_then(|before| before.tls.as_ref());
                Some(ServerSide::new(&settings.hostname, listener, before)?)
            }
            ListenerTls::None => None,
        };
        if tls.is_none() && listener.client_certificate != ClientAuth::Off {
            return Err(StartError::settings(key("client_certificate"), "a client shows its certificate under TLS"));
        }
        if listener.tls == ListenerTls::Implicit && listener.address.ends_with(":25") {
            return Err(StartError::settings(key("tls"), "senders speak plaintext on port 25 until they say STARTTLS"));
        }
        Ok(Self {
            greeting: smtpgw_smtp::replies::greeting(&settings.hostname).into(),
            tls,
            requires_tls: listener.client_certificate == ClientAuth::Require,
            implicit_tls: listener.tls == ListenerTls::Implicit,
            backend,
            recipients,
        })
    }
}

impl Recipients {
    fn of(domains: &[String]) -> Self {
        if domains.is_empty() {
            Self::BackendDecides
        } else if domains.iter().any(|domain| domain == "*") {
            Self::Anybody
        } else {
            Self::Domains(domains.iter().map(|domain| comparable(domain)).collect())
        }
    }

    /// Whether mail for `path` is ours to take. `Postmaster` without a domain always is (RFC 5321 §4.5.1).
    pub(crate) fn include(&self, path: &ForwardPath) -> bool {
        match self {
            Self::BackendDecides | Self::Anybody => true,
            Self::Domains(domains) => match path.domain() {
                Some(domain) => domains.contains(&comparable(domain)),
                None => true,
            },
        }
    }
}

fn check_folder(folder: &PathBuf) -> Result<(), StartError> {
    tempfile::tempfile_in(folder).map(drop).map_err(|source| StartError::Path { path: folder.clone(), source })
}
