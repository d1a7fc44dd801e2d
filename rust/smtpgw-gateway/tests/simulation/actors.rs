//! The clients and the backend of a scenario. Each writes down what it did and saw, and nothing else it
//! could not know.

mod backend;
mod client;
mod wire;
mod writing;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

pub use self::backend::backend;
pub use self::client::client;

/// What was done and seen in a run.
#[derive(Debug, Default)]
pub struct Witnessed {
    pub sent: Vec<Sent>,
    pub taken: Vec<Taken>,
    /// What each client heard: its number, what it had said, the reply.
    pub heard: Vec<(usize, String, String)>,
    /// Connections to the backend that have not ended.
    pub backend_open: usize,
    pub clients_open: usize,
    /// The gateway holds no connection, or has ended.
    pub gateway_at_rest: bool,
    /// Everything with its time, for people.
    pub transcript: Vec<String>,
}

/// A message a client tried to send.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The number of its client.
    pub client: usize,
    /// Its client's address and port, as the gateway was to know them.
    pub from: SocketAddr,
    /// As whom its client was known to the backend.
    pub login: Option<&'static str>,
    pub content: Vec<u8>,
    /// It was sent under TLS, and by the client itself: of how it comes to a proxy that says XCLIENT nobody knows.
    pub tls: bool,
    pub sender: String,
    /// Recipients for which the client heard 2yz.
    pub recipients: Vec<String>,
    /// Its dot may have gone out whole.
    pub ended: bool,
    pub reply: Option<String>,
}

/// A message the backend took.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Which backend.
    pub by: &'static str,
    /// The client's address and port as the backend was told.
    pub identity: Option<String>,
    /// With which credentials the session began.
    pub login: Option<String>,
    /// It came under TLS.
    pub tls: bool,
    pub content: Vec<u8>,
    pub sender: String,
    pub recipients: Vec<String>,
    /// What it answered, once it began to.
    pub reply: Option<String>,
}

pub type Log = Arc<Mutex<Witnessed>>;

pub fn note(log: &Log, who: &str, what: &str) {
    let at = turmoil::sim_elapsed().unwrap_or_default().as_millis();
    let (shown, more) = match what.char_indices().nth(SHOWN) {
        Some((end, _)) => (&what[..end], format!(" … {} octets", what.len())),
        None => (what, String::new()),
    };
    log.lock().unwrap().transcript.push(format!("{at:>6} {who}: {}{more}", shown.escape_debug()));
}

/// Characters of what was said that stand in the transcript.
const SHOWN: usize = 9_000;
