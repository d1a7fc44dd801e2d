//! What one client may cost, and all of them together.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::seconds;

/// What becomes of content with a CR without LF or an LF without CR; neither is ever passed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BareNewline {
    /// It is refused with 550.
    #[default]
    Reject,
    /// Each becomes CRLF.
    Normalize,
}

impl From<BareNewline> for smtpgw_smtp::BareNewline {
    fn from(setting: BareNewline) -> Self {
        match setting {
            BareNewline::Reject => Self::Reject,
            BareNewline::Normalize => Self::Normalize,
        }
    }
}

/// What one client may cost, and all of them together.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections at a time, all listeners together.
    pub connections: usize,
    /// Connections at a time on one listener.
    pub connections_per_listener: usize,
    /// Connections at a time from one address.
    pub connections_per_client: usize,
    /// Connections at a time from one network.
    pub connections_per_network: usize,
    /// Bits of an IPv4 address that name its network.
    pub network_prefix_v4: u8,
    /// Bits of an IPv6 address that name its network.
    pub network_prefix_v6: u8,
    /// Transactions on one connection.
    pub transactions: u32,
    /// Accepted recipients of one transaction (RFC 5321 §4.5.3.1.8 asks for 100 at least).
    pub recipients: usize,
    /// `Received` fields of a message; one with more is going round in a loop (RFC 5321 §6.3 asks for 100 at least).
    pub hops: usize,
    /// Octets of one command line with its CRLF (RFC 5321 §4.5.3.1.4 asks for 512 at least, extensions add more).
    pub command_line: usize,
    /// Octets of one line of content with its CRLF; RFC 5321 §4.5.3.1.6 asks for 1000 at least.
    pub text_line: usize,
    /// Octets of content.
    pub message_size: u64,
    /// What becomes of content with a bare CR or LF.
    pub bare_newline: BareNewline,
    /// Whether binary content is taken (BINARYMIME, RFC 3030), which may have bare CR and LF and keeps them.
    pub binary_mime: bool,
    /// One whole command, from the first wait to its CRLF.
    #[serde(with = "seconds")]
    pub command_s: Duration,
    /// The PROXY header, before anything is said.
    #[serde(with = "seconds")]
    pub proxy_header_s: Duration,
    /// The TLS handshake.
    #[serde(with = "seconds")]
    pub handshake_s: Duration,
    /// Octets of content a second below which the client is cut off.
    pub data_rate: u64,
    /// Rejected or unknown commands on one connection.
    pub errors: u32,
    /// Octets of memory that the content of all messages may take together.
    pub memory: u64,
    /// How long SIGTERM waits for messages under way.
    #[serde(with = "seconds")]
    pub drain_s: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_listener: 10_000,
            connections_per_client: 1_000,
            connections_per_network: 10_000,
            network_prefix_v4: 32,
            network_prefix_v6: 64,
            transactions: 1_000,
            recipients: 1_000,
            hops: 100,
            command_line: 4_096,
            text_line: 1_048_576,
            message_size: 25 << 20,
            bare_newline: BareNewline::Reject,
            binary_mime: false,
            command_s: Duration::from_secs(300),
            proxy_header_s: Duration::from_secs(5),
            handshake_s: Duration::from_secs(30),
            data_rate: 500,
            errors: 20,
            memory: 1 << 30,
            drain_s: Duration::from_secs(30),
        }
    }
}
