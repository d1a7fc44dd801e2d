//! A gateway on loopback with a Maildir behind it, and clients that speak real TLS to it.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use smtpgw_gateway::settings::{Backend, Certificate, Listener, ListenerTls, SelfSigned, Settings};
use smtpgw_gateway::{Gateway, Record, RecordSink};

/// A running gateway, its records and its folder.
pub struct House {
    pub gateway: Gateway,
    /// What it was started with.
    pub settings: Settings,
    /// Kept until the gateway is gone.
    folder: tempfile::TempDir,
    records: Arc<Mutex<Vec<serde_json::Value>>>,
}

struct Records(Arc<Mutex<Vec<serde_json::Value>>>);

impl RecordSink for Records {
    fn write(&mut self, record: &Record) {
        self.0.lock().unwrap().push(serde_json::from_str(&record.json).unwrap());
    }
}

/// Settings with one listener that delivers into `folder`.
pub fn settings(folder: &tempfile::TempDir, tls: ListenerTls) -> Settings {
    let mut settings = Settings { hostname: "mx.example.org".into(), ..Settings::default() };
    settings.listener.push(Listener {
        tls,
        recipient_domains: vec!["example.org".into()],
        certificates: vec![Certificate::SelfSigned(SelfSigned::SelfSigned)],
        ..Listener::at("127.0.0.1:0", "mail")
    });
    settings.backend.insert("mail".into(), Backend::at(format!("maildir:{}", folder.path().join("mail").display())));
    settings.spool.path = folder.path().into();
    settings
}

impl House {
    /// Starts one, its settings changed by `change`.
    pub fn start(tls: ListenerTls, change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(&folder, tls);
        change(&mut settings);
        Self::with(folder, settings)
    }

    /// Starts one with these settings.
    pub fn with(folder: tempfile::TempDir, settings: Settings) -> Self {
        let records = Arc::default();
        let gateway = Gateway::start(settings.clone(), None, vec![Box::new(Records(Arc::clone(&records)))]).unwrap();
        Self { gateway, settings, folder, records }
    }

    pub fn address(&self) -> SocketAddr {
        self.gateway.addresses()[0]
    }

    /// What has been delivered, in no order.
    pub fn mail(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder.path().join("mail/new")).unwrap();
        let read = |file: std::fs::DirEntry| {
            let mail = std::fs::read_to_string(file.path()).unwrap();
            let name = file.file_name().into_string().unwrap();
            assert!(mail.contains(&format!(" id {name}\r\n")), "stored as {name}, which its trace field does not say");
            mail
        };
        files.map(|file| read(file.unwrap())).collect()
    }

    /// The `number`-th record (from 0) of this event, as soon as it is there.
    pub fn record(&self, event: &str, number: usize) -> serde_json::Value {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let records = self.records.lock().unwrap();
            if let Some(found) = records.iter().filter(|record| record["event"] == event).nth(number) {
                return found.clone();
            }
            drop(records);
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("no record {event} {number}: {:#?}", self.records.lock().unwrap());
    }
}

/// A connection that speaks SMTP line by line over anything.
pub struct Peer<S: Read + Write>(pub BufReader<S>);

/// A connection in clear.
pub fn connect(address: SocketAddr) -> Peer<TcpStream> {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    Peer(BufReader::new(stream))
}

impl<S: Read + Write> Peer<S> {
    /// The next reply, all lines of it; empty at the end of the stream.
    pub fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let begin = reply.len();
            if self.0.read_line(&mut reply).unwrap() == 0 || reply.as_bytes().get(begin + 3) != Some(&b'-') {
                return reply;
            }
        }
    }

    pub fn say(&mut self, line: &str) -> String {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
        self.0.get_mut().flush().unwrap();
        self.reply()
    }
}

impl Peer<TcpStream> {
    /// Greeting, EHLO, STARTTLS; what is left is a bare stream that awaits a ClientHello.
    pub fn starttls(mut self) -> TcpStream {
        assert!(self.reply().starts_with("220 "));
        assert!(self.say("EHLO client.example").contains("STARTTLS"));
        assert!(self.say("STARTTLS").starts_with("220 "));
        assert!(self.0.buffer().is_empty());
        self.0.into_inner()
    }
}

/// TLS over `stream`, the handshake done.
pub fn tls(
    mut stream: TcpStream,
    config: &Arc<ClientConfig>,
    name: &str,
) -> std::io::Result<Peer<StreamOwned<ClientConnection, TcpStream>>> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut connection = ClientConnection::new(Arc::clone(config), name).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(Peer(BufReader::new(StreamOwned::new(connection, stream))))
}

/// A client that takes any certificate.
pub fn client(
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let all = provider.signature_verification_algorithms.supported_schemes();
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anything(all)))
}

/// A client that can verify signatures of these kinds only.
pub fn client_that_verifies(
    version: &'static rustls::SupportedProtocolVersion,
    schemes: &[SignatureScheme],
) -> Arc<ClientConfig> {
    let mut config = client(&[version]).with_no_client_auth();
    config.dangerous().set_certificate_verifier(Arc::new(Anything(schemes.to_vec())));
    Arc::new(config)
}

/// The same, with all versions and no certificate of its own.
pub fn default_client() -> Arc<ClientConfig> {
    Arc::new(client(rustls::ALL_VERSIONS).with_no_client_auth())
}

/// Takes any certificate, and says that it can verify these.
#[derive(Debug)]
struct Anything(Vec<SignatureScheme>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}

/// Longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(20);
