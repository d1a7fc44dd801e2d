//! What inspectors are shown: the session, the envelope, the message as far as it has arrived, its parts.
//!
//! Everything here is shared by `Arc` and never copied for an inspector. A [`Message`] grows while content
//! arrives (parts are appended, the raw content is set once at the end); what is there never changes.

use std::fs::File;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::RwLock;
// What an implementation of the seam shows of a message is named here, so that it needs no other crate of ours.
pub use smtpgw_mime::{Defect, Field, Header, charset};

pub use crate::real_type::real_type;
pub use crate::unscanned::Unscanned;

pub use crate::client_hello::ClientHello;
pub use crate::tls::ClientCertificate;

/// One connection of one client. Never changed in place: a new fact makes a new one.
#[derive(Clone, Debug)]
pub struct Session {
    /// Unique within this process, in every record of the connection.
    pub id: String,
    /// The remote side.
    pub client: SocketAddr,
    /// Our own address that it connected to.
    pub listener: SocketAddr,
    /// Whether it said EHLO rather than HELO.
    pub esmtp: bool,
    /// What EHLO or HELO said; empty before.
    pub helo: String,
    /// The facts of the client's TLS, once it stands; unknown of a client that was named by XCLIENT.
    pub tls: Option<TlsFacts>,
    /// What a proxy in front of us said, if one speaks for the client; `client` is then who it named.
    pub carried: Option<Arc<Carried>>,
    /// It spoke before our greeting went out, which no sender of mail does (RFC 5321 §4.3.1).
    pub early_talker: bool,
    /// It has authenticated with the backend, by AUTH that we handed on (RFC 4954).
    pub authenticated: bool,
}

impl Session {
    /// A connection of which no more is known than its two ends.
    pub fn new(id: impl Into<String>, client: SocketAddr, listener: SocketAddr) -> Self {
        let (client, listener) = (canonical(client), canonical(listener));
        let (helo, tls, carried) = (String::new(), None, None);
        Self {
            id: id.into(),
            client,
            listener,
            esmtp: false,
            helo,
            tls,
            carried,
            early_talker: false,
            authenticated: false,
        }
    }
}

impl Session {
    /// Where the client connected to, as far as is known: a proxy's address, or ours.
    pub fn destination(&self) -> SocketAddr {
        self.carried.as_ref().and_then(|carried| carried.destination).unwrap_or(self.listener)
    }
}

/// An IPv4 address in IPv6 clothes, as a socket for both families names it, undressed.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// What a proxy of ours said of its client, by PROXY or XCLIENT. Facts of the proxy's: as true as it is.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Carried {
    /// The proxy, as it is connected to us.
    pub proxied_by: SocketAddr,
    /// The proxy's own address that the client connected to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<SocketAddr>,
    /// The client's name by reverse DNS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// Who the client authenticated as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// Who said it by XCLIENT, if it was said so. A PROXY header leaves the connection to the client; this one is the
    /// speaker's own, and how it is encrypted says nothing of the client. Not in the facts of a record, which has it
    /// beside them.
    #[serde(skip)]
    pub speaker: Option<Arc<Session>>,
}

/// What is known of a finished TLS handshake.
#[derive(Clone, Debug, serde::Serialize)]
pub struct TlsFacts {
    /// `TLSv1.3`.
    pub version: String,
    /// IANA name of the cipher suite.
    pub cipher: String,
    /// IANA name of the key exchange group.
    pub group: String,
    /// The name the client asked for.
    pub sni: Option<String>,
    /// What the client said of itself; not in the facts of a record, which has it beside them.
    #[serde(skip)]
    pub client_hello: Option<Arc<ClientHello>>,
    /// The client's own certificate, if it was asked for one and showed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<Box<ClientCertificate>>,
}

/// Who sends and who receives.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    /// Sender without angle brackets; empty for the null reverse-path `<>`.
    pub reverse_path: String,
    /// Accepted recipients without angle brackets, in order.
    pub forward_paths: Vec<String>,
}

/// One message, as far as it has arrived.
#[derive(Debug)]
pub struct Message {
    /// The connection it came on, as it was at MAIL.
    pub session: Arc<Session>,
    /// Complete before the first octet of content.
    pub envelope: Envelope,
    /// What has been seen so far.
    pub progress: RwLock<Progress>,
}

/// The growing side of a [`Message`].
#[derive(Debug, Default)]
pub struct Progress {
    /// The message's own header; set before its first part ends.
    pub header: Option<Arc<Header>>,
    /// Leaf parts in the order in which they ended.
    pub parts: Vec<Arc<Part>>,
    /// What is odd about it.
    pub defects: Vec<Defect>,
    /// What of it could not be shown, so far: why, and which part.
    pub unscanned: Vec<(Unscanned, String)>,
    /// Which inspector, by its place in the roster, has looked at which part to the end, so far.
    pub inspected: Vec<(usize, Arc<Part>)>,
    /// The whole content, unstuffed, byte for byte; set at the end of data.
    pub raw: Option<Content>,
}

/// One decoded leaf: a MIME part or a member of a container.
#[derive(Debug)]
pub struct Part {
    /// Where it stands: `1.2`; for a member of a container `1.2/dir/a.exe`.
    pub path: String,
    /// Declared type in lower case without parameters: `text/plain`.
    pub media_type: String,
    /// The name a recipient's program would show.
    pub filename: Option<String>,
    /// Every name the message gave it, the shown one included; decoded, in order, without repetition.
    pub names: Vec<String>,
    /// Declared charset in lower case.
    pub charset: Option<String>,
    /// Declared encoding in lower case: `base64`.
    pub transfer_encoding: String,
    /// Its header; empty for a member of a container.
    pub header: Arc<Header>,
    /// Decoded octets.
    pub data: Content,
    /// SHA-256 of the decoded octets.
    pub sha256: [u8; 32],
    /// What is odd about it.
    pub defects: Vec<Defect>,
    /// What it is by its content, as a media type.
    pub real_type: &'static str,
    /// What it was packed in (`zip`), for a member of a container.
    pub container: Option<&'static str>,
    /// What shows it, if not the RFCs' reading of the message: `preamble`, `epilogue`, or choices of
    /// [`smtpgw_mime::Dialect`] (`delimiter=exact,nul=drop`).
    pub reading: Option<Arc<str>>,
    /// What it is seen to have when it is a container: `macros`, `external_target`, `decrypted`. Set when it has been
    /// opened, before anybody else sees the part.
    pub facts: OnceLock<Vec<&'static str>>,
}

/// Octets at rest: in memory, or a stretch of an unlinked file.
#[derive(Clone, Debug)]
pub enum Content {
    /// In memory.
    Memory(Bytes),
    /// In a file that has no name any more and that nobody else writes or truncates; the stretch is complete.
    File {
        /// The file.
        file: Arc<File>,
        /// Where the stretch begins, octets.
        offset: u64,
        /// How long it is, octets.
        len: u64,
    },
}

impl Content {
    /// Octets.
    pub fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { len, .. } => *len,
        }
    }

    /// What stands behind its first `octets`.
    pub(crate) fn skip(&self, octets: u64) -> Self {
        let octets = octets.min(self.len());
        match self {
            Self::Memory(bytes) => Self::Memory(bytes.slice(usize::try_from(octets).unwrap_or(bytes.len())..)),
            Self::File { file, offset, len } => {
                Self::File { file: Arc::clone(file), offset: offset + octets, len: len - octets }
            }
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
