//! Where `auth = "relay"` may stand: credentials come in under TLS and go out under TLS, or not at all.

use std::net::IpAddr;

use crate::backend::Routes;
use crate::error::StartError;
use crate::settings::{Backend, BackendTls, ClientLogin, Listener};

pub(super) fn check(listener: &Listener, routes: &Routes, key: &dyn Fn(&str) -> String) -> Result<(), StartError> {
    if listener.auth == ClientLogin::Off {
        return Ok(());
    }
    let refused = |reason: String| Err(StartError::settings(key("auth"), reason));
    if !listener.tls.ends_here() {
        return refused("credentials are taken under TLS alone, and this listener has none of its own".into());
    }
    for site in routes.usual().sites() {
        let name = &site.name;
        if !site.is_remote() {
            return refused(format!("backend.{name} is a Maildir, which knows nobody"));
        }
        let encrypted = matches!(site.settings.tls, BackendTls::Required | BackendTls::Verified);
        if !encrypted && !is_local(&site.settings) {
            return refused(format!(
                "credentials might go to backend.{name} in clear: set its tls to verified or required"
            ));
        }
    }
    Ok(())
}

/// Whether the way to it does not leave this machine.
fn is_local(backend: &Backend) -> bool {
    let host = backend.address.rsplit_once(':').map_or(backend.address.as_str(), |(host, _)| host);
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Certificate, ListenerTls, SelfSigned, Settings};
    use crate::setup::Setup;

    #[test]
    fn credentials_are_in_clear_nowhere() {
        let local = || Backend { tls: BackendTls::None, ..Backend::at("127.0.0.1:25") };
        let remote = |tls| Backend { tls, ..Backend::at("mail.example:25") };
        for (tls, backend, refused) in [
            (ListenerTls::Starttls, remote(BackendTls::Required), None),
            (ListenerTls::Implicit, Backend { address: "[::1]:25".into(), ..local() }, None),
            (ListenerTls::Starttls, Backend { address: "localhost:25".into(), ..local() }, None),
            (ListenerTls::None, local(), Some("under TLS alone")),
            (ListenerTls::Starttls, remote(BackendTls::Opportunistic), Some("in clear")),
            (ListenerTls::Starttls, remote(BackendTls::None), Some("in clear")),
            (ListenerTls::Starttls, Backend { address: "127.0.0.1.example:25".into(), ..local() }, Some("in clear")),
        ] {
            let mut settings = Settings::default();
            let listener = Listener {
                tls,
                auth: ClientLogin::Relay,
                recipient_domains: vec!["*".into()],
                certificates: vec![Certificate::SelfSigned(SelfSigned::SelfSigned)],
                ..Listener::at("127.0.0.1:0", "mail")
            };
            settings.listener.push(listener);
            settings.backend.insert("mail".into(), backend);
            settings.spool.path = std::env::temp_dir();
            let made = Setup::new(settings, None, None).map(drop).map_err(|error| error.to_string());
            match refused {
                None => assert_eq!(made, Ok(())),
                Some(why) => assert!(made.as_ref().is_err_and(|error| error.contains(why)), "{made:?}"),
            }
        }
    }
}
