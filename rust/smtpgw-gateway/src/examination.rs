//! What a gateway with some settings would say of its certificates, its keys and the authorities of its backends,
//! without being one: files are read by what reads them at start, nothing is bound, nothing is sent, no thread begins.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::backend;
use crate::error::StartError;
use crate::settings::{Certificate, Listener, Settings};
use crate::tls::{self, ServerSide};
use crate::world::{RealWorld, World as _};

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Path of the key: `listener[0].certificates[1].chain`.
    pub path: String,
    /// The file that it is about.
    pub file: Option<PathBuf>,
    /// What is wrong with it, as half a sentence.
    pub reason: String,
    /// Whether a gateway would not start; otherwise it would, and log this as a concern.
    pub stops: bool,
}

/// Everything about them that keeps a gateway from starting, and everything that it would log as a concern. May block.
pub fn examine(settings: &Settings) -> Vec<Finding> {
    examine_at(settings, RealWorld.now())
}

fn examine_at(settings: &Settings, now: SystemTime) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, listener) in settings.listener.iter().enumerate() {
        if listener.tls.ends_here() {
            certificates(&format!("listener[{at}].certificates"), &settings.hostname, listener, now, &mut findings);
        }
    }
    for (name, backend) in &settings.backend {
        if let Err(error) = backend::would_trust(name, backend) {
            findings.push(Finding::stopping(format!("backend.{name}.ca"), error));
        }
    }
    findings
}

fn certificates(path: &str, hostname: &str, listener: &Listener, now: SystemTime, findings: &mut Vec<Finding>) {
    let side = match ServerSide::new(hostname, listener, None) {
        Ok(side) => side,
        Err(error) => {
            let before = findings.len();
            for (at, error) in tls::mistakes(hostname, &listener.certificates) {
                let key = key_of(&listener.certificates, at, &error);
                findings.push(Finding::stopping(format!("{path}[{at}]{key}"), error));
                // Nobody looks at the key of a chain that is not good.
                if let (".chain", Some(Certificate::Files { key, .. })) = (key, listener.certificates.get(at))
                    && let Err(source) = std::fs::File::open(key)
                {
                    let error = StartError::Path { path: key.clone(), source };
                    findings.push(Finding::stopping(format!("{path}[{at}].key"), error));
                }
            }
            // It is about no single one of them.
            if findings.len() == before {
                findings.push(Finding::stopping(path.to_owned(), error));
            }
            return;
        }
    };
    let concern = |path: String, file, reason: &str| Finding { path, file, reason: reason.to_owned(), stops: false };
    for (at, (facts, certificate)) in side.certificates.facts(now).iter().zip(&listener.certificates).enumerate() {
        let file = match certificate {
            Certificate::Files { chain, .. } => Some(chain.clone()),
            Certificate::SelfSigned(_) => None,
        };
        findings.extend(facts.concerns.iter().map(|said| concern(format!("{path}[{at}]"), file.clone(), said)));
    }
    findings.extend(side.certificates.concern().map(|said| concern(path.to_owned(), None, said)));
}

/// Which of the two files an error is about.
fn key_of(certificates: &[Certificate], at: usize, error: &StartError) -> &'static str {
    match (certificates.get(at), file_of(error)) {
        (Some(Certificate::Files { chain, .. }), Some(file)) if file == chain => ".chain",
        (Some(Certificate::Files { key, .. }), Some(file)) if file == key => ".key",
        _ => "",
    }
}

fn file_of(error: &StartError) -> Option<&Path> {
    match error {
        StartError::Certificate { path, .. } | StartError::Path { path, .. } => Some(path),
        StartError::Settings { .. } | StartError::Bind { .. } | StartError::System(_) => None,
    }
}

impl Finding {
    /// `error` names its key itself, or a file that the key at `path` names.
    fn stopping(path: String, error: StartError) -> Self {
        let file = file_of(&error).map(Path::to_owned);
        let (path, reason) = match error {
            StartError::Settings { path, reason } => (path, reason),
            StartError::Certificate { reason, .. } => (path, reason),
            StartError::Path { source, .. } => (path, format!("cannot be read: {source}")),
            StartError::Bind { .. } | StartError::System(_) => (path, error.to_string()),
        };
        Self { path, file, reason, stops: true }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use super::*;
    use crate::settings::{Backend, BackendTls, ListenerTls};
    use crate::setup::Setup;
    use crate::tls::self_signed;

    /// A folder with `one.pem`, its `one.key`, and another pair `two`.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["one", "two"] {
            let (chain, key) = self_signed("mx.example.org").unwrap();
            std::fs::write(folder.path().join(format!("{name}.pem")), chain).unwrap();
            std::fs::write(folder.path().join(format!("{name}.key")), key).unwrap();
        }
        folder
    }

    fn settings(folder: &Path, pairs: &[(&str, &str)]) -> Settings {
        let mut settings = Settings { hostname: "mx.example.org".into(), ..Settings::default() };
        let files =
            |(chain, key): &(&str, &str)| Certificate::Files { chain: folder.join(chain), key: folder.join(key) };
        settings.listener.push(Listener {
            recipient_domains: vec!["example.org".into()],
            certificates: pairs.iter().map(files).collect(),
            ..Listener::at("127.0.0.1:0", "mail")
        });
        settings.backend.insert("mail".into(), Backend::at("mail.example:25"));
        settings.spool.path = folder.to_owned();
        settings
    }

    /// Path, name of the file, reason, whether it stops; and that a start agrees.
    fn found(settings: &Settings, now: SystemTime) -> Vec<(String, String, String, bool)> {
        let findings = examine_at(settings, now);
        let starts = Setup::new(settings.clone(), None, None).is_ok();
        assert_eq!(starts, !findings.iter().any(|finding| finding.stops), "{findings:?}");
        let name = |file: PathBuf| file.file_name().unwrap().to_string_lossy().into_owned();
        let plain = |it: Finding| (it.path, it.file.map(name).unwrap_or_default(), it.reason, it.stops);
        findings.into_iter().map(plain).collect()
    }

    #[test]
    fn every_bad_file_is_named_and_no_good_one() {
        let folder = folder();
        let path = |name: &str| folder.path().join(name);
        let one = std::fs::read_to_string(path("one.pem")).unwrap();
        let (foreign, _) = self_signed("mx2.example.org").unwrap();
        std::fs::write(path("both.pem"), one.clone() + &foreign).unwrap();
        std::fs::write(path("cut.pem"), &one[..one.len() / 2]).unwrap();
        std::fs::write(
            path("locked.key"),
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n",
        )
        .unwrap();
        let pairs = [
            ("one.pem", "one.key"),
            ("both.pem", "one.key"),
            ("cut.pem", "one.key"),
            ("one.pem", "two.key"),
            ("one.pem", "none.key"),
            ("one.pem", "locked.key"),
            ("one.key", "one.pem"),
            ("none.pem", "none.key"),
        ];
        let found = found(&settings(folder.path(), &pairs), SystemTime::now());
        let expected = [
            ("[1].chain", "both.pem", "out of order: certificate 2 is not the issuer"),
            ("[2].chain", "cut.pem", "not a PEM certificate chain: it breaks off before END CERTIFICATE"),
            ("[3].key", "two.key", "it is not the key of the certificate in"),
            ("[4].key", "none.key", "cannot be read: No such file"),
            ("[5].key", "locked.key", "the key is encrypted"),
            ("[6].chain", "one.key", "there is no certificate in it"),
            ("[7].chain", "none.pem", "cannot be read: No such file"),
            ("[7].key", "none.key", "cannot be read: No such file"),
        ];
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for ((path, file, reason, stops), (key, named, why)) in found.iter().zip(expected) {
            assert_eq!((path.as_str(), file.as_str()), (format!("listener[0].certificates{key}").as_str(), named));
            assert!(reason.starts_with(why) && *stops, "{reason}");
        }
    }

    #[test]
    fn what_no_client_is_shown_is_not_read() {
        let folder = folder();
        let mut settings = settings(folder.path(), &[("none.pem", "none.key")]);
        settings.listener[0].tls = ListenerTls::None;
        assert_eq!(found(&settings, SystemTime::now()), []);
        settings.listener[0].tls = ListenerTls::Implicit;
        settings.listener[0].certificates.clear();
        let [(path, _, reason, true)] = &found(&settings, SystemTime::now())[..] else { panic!("it would start") };
        assert_eq!((path.as_str(), reason.as_str()), ("listener.certificates", "TLS needs a certificate"));
    }

    #[test]
    fn concerns_are_those_that_a_gateway_has() {
        let folder = folder();
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec!["elsewhere.example".to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2001, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2002, 1, 1);
        std::fs::write(folder.path().join("old.pem"), parameters.self_signed(&key).unwrap().pem()).unwrap();
        std::fs::write(folder.path().join("old.key"), key.serialize_pem()).unwrap();
        let name = (
            "listener[0].certificates".to_owned(),
            String::new(),
            "the gateway's own name (hostname) is in none of them: senders that check will refuse it".to_owned(),
            false,
        );
        let concern = |reason: &str| ("listener[0].certificates[0]".into(), "old.pem".into(), reason.to_owned(), false);
        let settings = settings(folder.path(), &[("old.pem", "old.key")]);
        let at = |seconds| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        for (now, reason) in [
            (at(978_000_000), "it is not valid before 2001-01-01T00:00:00Z"),
            (at(1_009_800_000), "it expires on 2002-01-01T00:00:00Z"),
            (at(1_009_900_000), "it expired on 2002-01-01T00:00:00Z"),
        ] {
            assert_eq!(found(&settings, now), [concern(reason), name.clone()]);
        }
        assert_eq!(found(&settings, at(1_000_000_000)), [name]);
    }

    #[test]
    fn what_a_backend_is_known_by_is_read() {
        let folder = folder();
        std::fs::write(folder.path().join("garbage.pem"), "nothing").unwrap();
        let mut settings = settings(folder.path(), &[("one.pem", "one.key")]);
        let known = |ca: &str, name: &str| Backend {
            tls: BackendTls::Verified,
            ca: Some(folder.path().join(ca)),
            name: Some(name.into()),
            ..Backend::at("mail.example:25")
        };
        for (ca, name, path, file) in [
            ("garbage.pem", "mail.example", "backend.mail.ca", "garbage.pem"),
            ("none.pem", "mail.example", "backend.mail.ca", "none.pem"),
            ("two.pem", "not a name", "backend.mail.name", ""),
        ] {
            settings.backend.insert("mail".into(), known(ca, name));
            let [(said, named, _, true)] = &found(&settings, SystemTime::now())[..] else { panic!("it would start") };
            assert_eq!((said.as_str(), named.as_str()), (path, file));
        }
        settings.backend.insert("mail".into(), known("two.pem", "mail.example"));
        assert_eq!(found(&settings, SystemTime::now()), []);
    }
}
