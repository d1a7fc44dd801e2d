//! What can go wrong, and whose fault it is.
//!
//! [`StartError`] stops a start (or keeps the last good state on a reload): one line that names the thing to mend.
//! [`BackendError`] ends a transaction with a 4yz reply of ours: the backend, or the way to it, failed. The
//! client's own faults never come here: `smtpgw-smtp` answers them with the reply that RFC 5321 names.

use std::io;
use std::path::PathBuf;

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The settings contradict themselves.
    #[error("{path}: {reason}")]
    Settings {
        /// Path of the key: `listener[0].backend`.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An address could not be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address as configured.
        address: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A certificate or key is unusable.
    #[error("{}: {reason}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder or file of ours is unusable.
    #[error("{}: {source}", path.display())]
    Path {
        /// The folder or file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The system refused something else.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

impl StartError {
    pub(crate) fn settings(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Settings { path: path.into(), reason: reason.into() }
    }

    /// About the backend of this name: `backend.tls` is `backend.NAME.tls`.
    pub(crate) fn of_backend(self, name: &str) -> Self {
        match self {
            Self::Settings { path, reason } => {
                let path = match path.strip_prefix("backend.") {
                    Some(key) => format!("backend.{name}.{key}"),
                    None => path,
                };
                Self::Settings { path, reason }
            }
            other => other,
        }
    }
}

/// Why the backend could not be used; always retryable for the client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// It did not answer a moment ago, and nobody tries again before a look has found it back.
    #[error("known to be down")]
    Down,
    /// Its name could not be looked up.
    #[error("look-up of its name: {0}")]
    Name(std::sync::Arc<str>),
    /// No connection.
    #[error("connect: {0}")]
    Connect(io::Error),
    /// It greeted with something else than 220.
    #[error("greeting was {0}")]
    Greeting(String),
    /// It refused EHLO.
    #[error("EHLO was answered {0}")]
    Hello(String),
    /// TLS is required and was not offered or failed.
    #[error("TLS: {0}")]
    Tls(String),
    /// It offered TLS and failed at it, where mail may go in clear as well.
    #[error("STARTTLS failed: {0}")]
    Handshake(Box<BackendError>),
    /// It does not offer, or refused, the identity extension it is configured for (rule O1).
    #[error("identity: {0}")]
    Identity(String),
    /// It was told who the client is, and then failed without an answer: perhaps because of the client, perhaps not.
    #[error("told who the client is: {0}")]
    Unanswered(Box<BackendError>),
    /// It broke the protocol.
    #[error("protocol: {0}")]
    Protocol(String),
    /// The connection broke.
    #[error("connection: {0}")]
    Io(#[from] io::Error),
    /// It closed the connection.
    #[error("it closed the connection")]
    Closed,
    /// It was sent a message in chunks, and did not let us make sure that it took it for that, or that its reply was to
    /// it.
    #[error("the reply to a chunk could not be made sure of: {0}")]
    Unconfirmed(Box<BackendError>),
    /// It took longer than the named wait allows.
    #[error("no answer within {0}")]
    Timeout(&'static str),
    /// Content at rest could not be read back.
    #[error("spool: {0}")]
    Spool(io::Error),
}
