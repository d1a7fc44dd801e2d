//! A stage for one client and backends that follow a script: a function from what they are told to what they say.
//!
//! For tests that are about single words and their time. Whole plans, with faults at every place, are in
//! [`crate::scenario`].

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::{PrivateKeyDer, ServerName};
use smtpgw_gateway::inspect::Inspect;
use smtpgw_gateway::service::Service;
use smtpgw_gateway::settings::{Certificate, Settings};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use turmoil::net::{TcpListener, TcpStream};

use crate::Records;
use crate::world::SimWorld;

/// What a backend says: on which connection (the first is the gateway's own look), and to which line. The line is empty
/// for the greeting, `.` for the end of content. An empty reply is silence, [`CLOSE`] closes.
pub type Script = Arc<dyn Fn(usize, &str) -> String + Send + Sync>;

pub const CLOSE: &str = "(closes)";

/// What stands for a line when the gateway has closed, or has gone.
pub const CLOSED: &str = "(closed)";

pub struct Stage {
    pub settings: Settings,
    pub inspect: Option<Arc<dyn Inspect>>,
    /// By the names of their hosts.
    pub backends: Vec<(&'static str, Script)>,
    /// Hosts on which nothing listens.
    pub deaf: Vec<&'static str>,
    /// How long a client that connects waits to be accepted.
    pub accepts_after: Duration,
    /// With what they answer a handshake, which comes behind a 220 to STARTTLS.
    pub tls: Option<Arc<ServerConfig>>,
}

/// A line that a backend was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub host: &'static str,
    pub connection: usize,
    /// Milliseconds since the beginning.
    pub at: u128,
    pub line: String,
}

#[derive(Debug, Default)]
pub struct Staged {
    pub told: Vec<Told>,
    pub records: Vec<String>,
}

impl Staged {
    /// What one connection was told.
    pub fn lines(&self, host: &str, connection: usize) -> Vec<&str> {
        let those = self.told.iter().filter(|told| told.host == host && told.connection == connection);
        those.map(|told| told.line.as_str()).collect()
    }

    /// How many connections there were.
    pub fn connections(&self, host: &str) -> usize {
        self.told.iter().filter(|told| told.host == host).map(|told| told.connection + 1).max().unwrap_or(0)
    }
}

impl Stage {
    /// One backend called `backend`.
    pub fn with(settings: Settings, script: impl Fn(usize, &str) -> String + Send + Sync + 'static) -> Self {
        let backends: Vec<(&'static str, Script)> = vec![("backend", Arc::new(script))];
        Self { settings, inspect: None, backends, deaf: Vec::new(), accepts_after: Duration::ZERO, tls: None }
    }

    /// Lets one client converse with the gateway.
    pub fn play<F: Future<Output = io::Result<()>> + 'static>(
        self,
        client: impl FnOnce(Caller) -> F + 'static,
    ) -> Staged {
        let mut builder = turmoil::Builder::new();
        builder.rng_seed(1).tick_duration(Duration::from_millis(1)).simulation_duration(Duration::from_secs(900));
        builder.min_message_latency(Duration::from_millis(1)).max_message_latency(Duration::from_millis(3));
        let mut sim = builder.build();
        let told: Arc<Mutex<Vec<Told>>> = Arc::default();
        for (host, script) in self.backends {
            let (told, tls) = (Arc::clone(&told), self.tls.clone());
            sim.host(host, move || {
                let (script, told, tls) = (Arc::clone(&script), Arc::clone(&told), tls.clone());
                async move { Ok(backend(host, script, told, tls).await?) }
            });
        }
        for host in self.deaf {
            sim.host(host, std::future::pending);
        }
        let records: Arc<Mutex<Vec<String>>> = Arc::default();
        let (settings, inspect, sink) = (self.settings, self.inspect, Arc::clone(&records));
        let mut world = SimWorld::new(1, None);
        world.accepts_after = self.accepts_after;
        sim.host("gateway", move || {
            let (settings, inspect, sink) = (settings.clone(), inspect.clone(), Arc::clone(&sink));
            let world = world.clone();
            async move {
                let service = Service::open(world, settings, inspect, vec![Box::new(Records(sink))]).await?;
                std::future::pending::<()>().await;
                drop(service);
                Ok(())
            }
        });
        sim.client("client", async move {
            // The gateway has had a look at its backends by then.
            tokio::time::sleep(Duration::from_millis(250)).await;
            client(Caller::connect().await?).await?;
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok(())
        });
        sim.run().unwrap();
        drop(sim);
        let told = std::mem::take(&mut *told.lock().unwrap());
        let records = std::mem::take(&mut *records.lock().unwrap());
        Staged { told, records }
    }
}

async fn backend(
    host: &'static str,
    script: Script,
    told: Arc<Mutex<Vec<Told>>>,
    tls: Option<Arc<ServerConfig>>,
) -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:25").await?;
    let count = AtomicUsize::new(0);
    loop {
        let (stream, _) = listener.accept().await?;
        let connection = count.fetch_add(1, Ordering::Relaxed);
        let served =
            Served { host, connection, script: Arc::clone(&script), told: Arc::clone(&told), tls: tls.clone() };
        tokio::spawn(async move { served.run(Box::new(stream)).await });
    }
}

struct Served {
    host: &'static str,
    connection: usize,
    script: Script,
    told: Arc<Mutex<Vec<Told>>>,
    tls: Option<Arc<ServerConfig>>,
}

impl Served {
    fn note(&self, line: &str) {
        let (host, connection, line) = (self.host, self.connection, line.to_owned());
        let at = turmoil::sim_elapsed().unwrap_or_default().as_millis();
        self.told.lock().unwrap().push(Told { host, connection, at, line });
    }

    async fn run(self, stream: Box<dyn Duplex>) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let (mut line, mut content) = (String::new(), false);
        loop {
            let reply = (self.script)(self.connection, &line);
            if reply == CLOSE {
                return Ok(());
            }
            if !reply.is_empty() {
                stream.get_mut().write_all(format!("{reply}\r\n").as_bytes()).await?;
                stream.get_mut().flush().await?;
            }
            if let Some(tls) = self.tls.as_ref().filter(|_| line == "STARTTLS" && reply.starts_with("220")) {
                let stream_now = TlsAcceptor::from(Arc::clone(tls)).accept(stream.into_inner()).await?;
                stream = BufReader::new(Box::new(stream_now));
            }
            content |= reply.starts_with("354");
            loop {
                line.clear();
                let closed = stream.read_line(&mut line).await.unwrap_or(0) == 0;
                line.truncate(line.trim_end_matches(['\r', '\n']).len());
                self.note(if closed { CLOSED } else { &line });
                if closed {
                    return Ok(());
                }
                if !content || line == "." {
                    content = false;
                    break;
                }
            }
        }
    }
}

/// What a backend says that finds everything in order; `words` stand in its reply to EHLO.
pub fn obliging(words: &[&str], line: &str) -> String {
    match line.split([' ', ':']).next().unwrap_or_default() {
        "" => "220 backend.example ESMTP".into(),
        "EHLO" => {
            let words: String = words.iter().map(|word| format!("250-{word}\r\n")).collect();
            format!("250-backend.example\r\n{words}250 SIZE 1000000")
        }
        "XCLIENT" => "220 backend.example ESMTP".into(),
        "DATA" => "354 go".into(),
        "." => "250 2.0.0 backend queued".into(),
        "QUIT" => "221 2.0.0 bye".into(),
        _ => "250 2.0.0 ok".into(),
    }
}

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

/// The client.
pub struct Caller {
    stream: Box<dyn Duplex>,
}

impl Caller {
    /// One more of them.
    pub async fn connect() -> io::Result<Self> {
        Ok(Self { stream: Box::new(TcpStream::connect("gateway:25").await?) })
    }

    /// One reply, all its lines; an error if there is no more.
    pub async fn hear(&mut self) -> io::Result<String> {
        let (mut reply, mut line) = (String::new(), String::new());
        loop {
            let octet = self.stream.read_u8().await?;
            line.push(char::from(octet));
            if octet == b'\n' {
                reply.push_str(&line);
                if line.as_bytes().get(3) != Some(&b'-') {
                    return Ok(reply);
                }
                line.clear();
            }
        }
    }

    pub async fn say(&mut self, octets: &str) -> io::Result<()> {
        self.stream.write_all(octets.as_bytes()).await?;
        self.stream.flush().await
    }

    /// One line, and the reply to it.
    pub async fn ask(&mut self, line: &str) -> io::Result<String> {
        self.say(&format!("{line}\r\n")).await?;
        self.hear().await
    }

    /// A message for `recipient`, step by step; the reply to its dot, or the first that is not 2yz or 3yz.
    pub async fn send(&mut self, recipient: &str) -> io::Result<String> {
        let recipient = format!("RCPT TO:<{recipient}>");
        for line in ["MAIL FROM:<a@client.example>", &recipient, "DATA", "Subject: x\r\n\r\nbody\r\n."] {
            let reply = self.ask(line).await?;
            if line.ends_with('.') || !reply.starts_with(['2', '3']) {
                return Ok(reply);
            }
        }
        Ok(String::new())
    }

    /// STARTTLS with a server that `roots` vouch for, and EHLO; what is offered then.
    pub async fn start_tls(mut self, roots: RootCertStore) -> io::Result<(Self, String)> {
        let reply = self.ask("STARTTLS").await?;
        assert!(reply.starts_with("220 "), "{reply}");
        let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("gateway.example").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, self.stream).await?;
        let mut caller = Self { stream: Box::new(stream) };
        let offer = caller.ask("EHLO c.example").await?;
        Ok((caller, offer))
    }
}

/// A certificate of both the gateway and its backends, as files and as something to trust.
pub struct Identity {
    folder: tempfile::TempDir,
    made: rcgen::CertifiedKey<rcgen::KeyPair>,
}

impl Identity {
    pub fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["gateway.example".to_owned(), "backend".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("chain.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        Self { folder, made }
    }

    pub fn files(&self) -> Certificate {
        let file = |name| self.folder.path().join(name);
        Certificate::Files { chain: file("chain.pem"), key: file("key.pem") }
    }

    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.made.cert.der().clone()).unwrap();
        roots
    }

    pub fn server(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::try_from(self.made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![self.made.cert.der().clone()], key);
        Arc::new(config.unwrap())
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
