//! What the settings come to once certificates are read and backends are known: one immutable value.
//!
//! A reload builds a new one beside the old; connections keep the one they began with. Rule O1 is enforced here, a
//! second time after the configuration's own check, since a gateway can be started from Rust as well.

mod auth;
mod streams;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use smtpgw_smtp::{ForwardPath, ServerOptions};

use crate::backend::{Choice, Routes, Site};
use crate::domain::comparable;
use crate::error::StartError;
use crate::inspect::Inspect;
use crate::inspection::Panel;
use crate::reception::Desk;
use crate::settings::{Backends, ClientAuth, ClientLogin, Limits, Listener, ListenerTls, Network, Settings};
use crate::spool::Budget;
use crate::tls::ServerSide;

/// Everything connections need to know.
pub(crate) struct Setup {
    pub(crate) desk: Desk,
    /// What every connection's protocol machine goes by.
    pub(crate) server: Arc<ServerOptions>,
    /// In the order of the configuration.
    pub(crate) fronts: Vec<Arc<Front>>,
    /// By name.
    pub(crate) sites: BTreeMap<String, Arc<Site>>,
}

/// One listener's side of it.
pub(crate) struct Front {
    /// Rule B0: prepared when settings load.
    pub(crate) greeting: Bytes,
    pub(crate) tls: Option<ServerSide>,
    /// Whether TLS comes before the greeting.
    pub(crate) implicit_tls: bool,
    /// Whether STARTTLS is passed through to the backend.
    pub(crate) tunnel: bool,
    /// Whether mail in clear is refused: who need not shake hands could not be required to show a certificate.
    pub(crate) requires_tls: bool,
    /// Whether AUTH is handed on to the backend, under TLS.
    pub(crate) auth: bool,
    /// Whether a proxy's word on TLS counts, since it ends it for us.
    pub(crate) external_tls: bool,
    /// Whose connections begin with a PROXY header.
    pub(crate) proxies: Vec<Network>,
    /// Who speaks for others by XCLIENT.
    pub(crate) xclients: Vec<Network>,
    pub(crate) routes: Routes,
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
    /// Across a reload the budget is kept, to which the messages under way hold on, what resumes TLS sessions, and
    /// every backend whose settings are the same `before`, with what is known of it.
    pub(crate) fn new(
        settings: Settings,
        inspect: Option<Arc<dyn Inspect>>,
        before: Option<&Self>,
    ) -> Result<Self, StartError> {
        check_limits(&settings.limits)?;
        let settings = Arc::new(settings);
        let budget = before.map(|before| Arc::clone(&before.desk.budget));
        let budget = budget.unwrap_or_else(|| Budget::with_disk(settings.limits.memory, settings.spool.total));
        let mut sites = BTreeMap::new();
        for (name, backend) in &settings.backend {
            let known = before.and_then(|before| before.sites.get(name)).filter(|site| site.is_for(&settings, backend));
            let site = known.map_or_else(|| Site::new(&settings, name, backend), Site::read_again)?;
            sites.insert(name.clone(), site);
        }
        let mut fronts = Vec::with_capacity(settings.listener.len());
        for (at, listener) in settings.listener.iter().enumerate() {
            let key = |name: &str| format!("listener[{at}].{name}");
            let usual = choice(&listener.backend, &sites, &key("backend"))?;
            let mut others = HashMap::new();
            for (domain, names) in &listener.routes {
                others.insert(comparable(domain), choice(names, &sites, &key(&format!("routes.{domain}")))?);
            }
            let before = before.and_then(|before| before.fronts.get(at)).map(Arc::as_ref);
            fronts.push(Arc::new(Front::new(&settings, listener, Routes::new(usual, others), &key, before)?));
        }
        let folder = Arc::new(settings.spool.path.clone());
        check_folder(&folder)?;
        let panel = inspect.filter(|inspect| !inspect.roster().is_empty()).map(Panel::new);
        streams::check(&settings, panel.as_deref().map_or(&[], Panel::roster))?;
        let server = Arc::new(server_options(&settings));
        Ok(Self { desk: Desk { settings, panel, budget, folder }, server, fronts, sites })
    }

    /// Whether this may take the place of what was `before`: certificates that are out of date do not follow valid
    /// ones.
    pub(crate) fn succeeds(&self, before: &Self, now: SystemTime) -> Result<(), StartError> {
        for (front, before) in self.fronts.iter().zip(&before.fronts) {
            if let (Some(tls), Some(before)) = (&front.tls, &before.tls) {
                tls.succeeds(before, now)?;
            }
        }
        Ok(())
    }
}

fn server_options(settings: &Settings) -> ServerOptions {
    let mut limits = smtpgw_smtp::Limits::default();
    limits.command_line = settings.limits.command_line;
    limits.text_line = settings.limits.text_line;
    limits.message_size = settings.limits.message_size;
    limits.transactions = settings.limits.transactions;
    limits.recipients = settings.limits.recipients;
    limits.errors = settings.limits.errors;
    let (hostname, bare_newline) = (settings.hostname.as_str().into(), settings.limits.bare_newline.into());
    ServerOptions { hostname, limits, bare_newline }
}

impl Front {
    fn new(
        settings: &Settings,
        listener: &Listener,
        routes: Routes,
        key: &dyn Fn(&str) -> String,
        before: Option<&Self>,
    ) -> Result<Self, StartError> {
        let recipients = Recipients::of(&listener.recipient_domains);
        let trusts_us = routes.sites().any(|site| !site.settings.identity.decides());
        if recipients == Recipients::BackendDecides && trusts_us {
            let reason = "without recipient_domains the backend must learn the client's address (identity), or this \
                          is an open relay";
            return Err(StartError::settings(key("recipient_domains"), reason));
        }
        let tls = if listener.tls.ends_here() {
            let before = before.and_then(|before| before.tls.as_ref());
            Some(ServerSide::new(&settings.hostname, listener, before)?)
        } else {
            None
        };
        if tls.is_none() && listener.client_certificate != ClientAuth::Off {
            return Err(StartError::settings(key("client_certificate"), "a client shows its certificate under TLS"));
        }
        let proxied = !listener.proxy_protocol_from.is_empty() || !listener.xclient_from.is_empty();
        if listener.tls == ListenerTls::External && !proxied {
            let reason = "external TLS needs somebody who ends it: proxy_protocol_from, xclient_from";
            return Err(StartError::settings(key("tls"), reason));
        }
        let tunnel = listener.tls == ListenerTls::Tunnel;
        if tunnel && recipients != Recipients::Anybody && trusts_us {
            let reason = "recipients are not seen in a tunnel, so the backend must learn the client's address \
                          (identity), or this is an open relay";
            return Err(StartError::settings(key("tls"), reason));
        }
        if tunnel && routes.only().is_none() {
            return Err(StartError::settings(key("routes"), "recipients are not seen in a tunnel"));
        }
        if tunnel && routes.sites().any(|site| !site.is_remote()) {
            return Err(StartError::settings(key("tls"), "a tunnel leads to another server, and this is a Maildir"));
        }
        if listener.tls == ListenerTls::Implicit && listener.address.ends_with(":25") {
            return Err(StartError::settings(key("tls"), "senders speak plaintext on port 25 until they say STARTTLS"));
        }
        auth::check(listener, &routes, key)?;
        Ok(Self {
            auth: listener.auth == ClientLogin::Relay,
            greeting: greeting(&settings.hostname, tunnel),
            tls,
            tunnel,
            requires_tls: listener.client_certificate == ClientAuth::Require,
            implicit_tls: listener.tls == ListenerTls::Implicit,
            external_tls: listener.tls == ListenerTls::External,
            proxies: listener.proxy_protocol_from.clone(),
            xclients: listener.xclient_from.clone(),
            routes,
            recipients,
        })
    }
}

impl Front {
    /// Whether `peer` must say by a PROXY header whom it speaks for.
    pub(crate) fn is_proxy(&self, peer: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(peer))
    }

    /// Whether `peer` must say by XCLIENT whom it speaks for.
    pub(crate) fn is_xclient(&self, peer: IpAddr) -> bool {
        self.xclients.iter().any(|network| network.contains(peer))
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

fn check_limits(limits: &Limits) -> Result<(), StartError> {
    for (key, prefix, bits) in [
        ("limits.network_prefix_v4", limits.network_prefix_v4, 32),
        ("limits.network_prefix_v6", limits.network_prefix_v6, 128),
    ] {
        if prefix > bits {
            return Err(StartError::settings(key, format!("an address has {bits} bits")));
        }
    }
    Ok(())
}

/// Rule B0. Whoever reads the greeting of a tunnel knows what it is.
fn greeting(hostname: &str, tunnel: bool) -> Bytes {
    let mut greeting = smtpgw_smtp::replies::greeting(hostname);
    if tunnel {
        greeting.truncate(greeting.len().saturating_sub(2));
        greeting.extend_from_slice(b" uninspected\r\n");
    }
    greeting.into()
}

/// The backends of these names.
fn choice(names: &Backends, sites: &BTreeMap<String, Arc<Site>>, key: &str) -> Result<Choice, StartError> {
    let mut chosen: Vec<Arc<Site>> = Vec::new();
    for name in names.names() {
        let Some(site) = sites.get(name) else {
            return Err(StartError::settings(key, format!("there is no [backend.{name}]")));
        };
        if chosen.iter().any(|before| Arc::ptr_eq(before, site)) {
            return Err(StartError::settings(key, format!("names {name} twice")));
        }
        chosen.push(Arc::clone(site));
    }
    if chosen.is_empty() {
        return Err(StartError::settings(key, "names no backend"));
    }
    Ok(Choice::new(chosen))
}

fn check_folder(folder: &PathBuf) -> Result<(), StartError> {
    tempfile::tempfile_in(folder).map(drop).map_err(|source| StartError::Path { path: folder.clone(), source })
}
