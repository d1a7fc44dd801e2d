//! One certificate for the whole simulated world, and the two sides of TLS that its peers have.
//!
//! Its key is of Ed25519, whose signatures all have the same length: so what is written under TLS differs from run to
//! run, and how much is written, and when, does not. It is made once and kept beside the tests' other files.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use smtpgw_gateway::settings::Certificate;

pub type Client = Arc<ClientConfig>;
pub type Server = Arc<ServerConfig>;

/// The chain and its key, in one file.
pub fn file() -> &'static Path {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let file = folder.join("simulated-world.pem");
        if !file.exists() {
            let names = ["gateway.example".to_owned(), "backend.example".to_owned()];
            let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
            let made = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
            // Whole or not at all: another process may look for it, too.
            let mut written = tempfile::NamedTempFile::new_in(folder).unwrap();
            std::io::Write::write_all(&mut written, (made.pem() + &key.serialize_pem()).as_bytes()).unwrap();
            written.persist(&file).unwrap();
        }
        file
    })
}

pub fn files() -> Certificate {
    Certificate::Files { chain: file().to_owned(), key: file().to_owned() }
}

fn certificate() -> &'static CertificateDer<'static> {
    static CERTIFICATE: OnceLock<CertificateDer<'static>> = OnceLock::new();
    CERTIFICATE.get_or_init(|| CertificateDer::from_pem_file(file()).unwrap())
}

/// A client's side, which clients of one run share: the second of them may resume the first one's session.
pub fn client(only_12: bool) -> Client {
    let mut roots = RootCertStore::empty();
    roots.add(certificate().clone()).unwrap();
    let versions: &[_] = if only_12 { &[&TLS12] } else { &[&TLS12, &TLS13] };
    let config = ClientConfig::builder_with_provider(provider()).with_protocol_versions(versions).unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

/// A backend's side.
pub fn server() -> Server {
    static KEY: OnceLock<PrivateKeyDer<'static>> = OnceLock::new();
    let key = KEY.get_or_init(|| PrivateKeyDer::from_pem_file(file()).unwrap()).clone_key();
    let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate().clone()], key).unwrap())
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    static PROVIDER: OnceLock<Arc<rustls::crypto::CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider())))
}
