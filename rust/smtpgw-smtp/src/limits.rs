//! Every limit of this crate: its name, its default, its reason.
//!
//! [`Limits`] holds what an administrator may change. The constants below it are not for changing: they are
//! either far above anything that real mail needs, or what keeps a buffer of ours small.

/// What one connection may cost, in either role. The defaults suit a public mail exchanger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of one command line with its CRLF. RFC 5321 §4.5.3.1.4 asks for 512 at least and extensions add to
    /// it; 4 KiB leaves room for all of them and still fits one read. Values below 512 count as 512.
    pub command_line: usize,
    /// Octets of one line of content with its CRLF. RFC 5321 §4.5.3.1.6 asks for 1000 at least, real mail
    /// (HTML without breaks) goes far beyond, so the default only stops what no program writes.
    pub text_line: usize,
    /// Octets of content, counted without stuffed dots, with line ends (RFC 1870 §5).
    pub message_size: u64,
    /// Accepted recipients of one transaction; RFC 5321 §4.5.3.1.8 asks for 100 at least.
    pub recipients: usize,
    /// Transactions of one connection: then the client is asked to come again, so that load spreads.
    pub transactions: u32,
    /// Mistakes and refusals (5yz) since the last accepted message; at the limit we hang up. A client that has
    /// made so many is guessing addresses or is broken.
    pub errors: u32,
    /// Commands that bring no mail forward (NOOP, RSET, HELP, VRFY, another EHLO, what was pipelined behind a
    /// refused MAIL, recipients over the limit, whatever was refused for now) since the last accepted message; at
    /// the limit we hang up.
    pub junk: u32,
    /// Octets of a bad command line that are skipped before we hang up. Skipping costs no memory, but it must end.
    pub skipped_line: usize,
    /// Octets of refused content that are swallowed to find its end before we hang up. Only behind the true end is
    /// there a place for the reply, so this is generous; it must end none the less.
    pub swallowed_content: u64,
    /// Octets of one line of a backend's reply, with its CRLF. RFC 5321 §4.5.3.1.5 says 512; verbose servers
    /// exceed that.
    pub reply_line: usize,
    /// Lines of one reply of a backend. The longest real one is that to EHLO.
    pub reply_lines: usize,
    /// Octets of text of one reply of a backend, all lines together.
    pub reply_octets: usize,
    /// Commands to a backend that wait for their reply at a time.
    pub outstanding: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            command_line: 4_096,
            text_line: 1 << 20,
            message_size: 25 << 20,
            recipients: 1_000,
            transactions: 1_000,
            errors: 20,
            junk: 1_000,
            skipped_line: 1 << 20,
            swallowed_content: 256 << 20,
            reply_line: 4_096,
            reply_lines: 256,
            reply_octets: 32 << 10,
            outstanding: 2_048,
        }
    }
}

impl Limits {
    /// The length of a command line that is really used: never below what RFC 5321 §4.5.3.1.4 asks for.
    pub(crate) fn effective_command_line(&self) -> usize {
        self.command_line.max(COMMAND_LINE_FLOOR)
    }

    /// Octets of text, without CRLF, that one line of content may have (never below RFC 5321 §4.5.3.1.6).
    pub(crate) fn text_octets(&self) -> usize {
        self.text_line.max(TEXT_LINE_FLOOR) - 2
    }
}

/// Octets of a command line that are taken at least, whatever is set (RFC 5321 §4.5.3.1.4).
const COMMAND_LINE_FLOOR: usize = 512;

/// Octets of a line of content that are taken at least, whatever is set (RFC 5321 §4.5.3.1.6).
const TEXT_LINE_FLOOR: usize = 1_000;

/// Octets of replies that wait to be written. Above it the server role reads no further command: a client that
/// pipelines and never reads must fill its own socket, not our memory.
pub(crate) const OUTPUT: usize = 64 << 10;

/// Recipients that are looked at ahead of their turn. If MAIL is refused the backend counts each of them as a mistake
/// of ours, so they are few; more come one by one.
pub(crate) const AHEAD: usize = 32;

/// Octets of text in a reply of our own, so that the line stays below the 512 of RFC 5321 §4.5.3.1.5.
pub(crate) const REPLY_TEXT: usize = 480;

/// Octets of base64 in one line of an AUTH exchange, either way, and of the AUTH command: what RFC 4954 §4 considers
/// sufficient for every mechanism.
pub(crate) const AUTH_LINE: usize = 12_288;

/// Octets of `AUTH=` as it is written, RFC 4954 §3.
pub(crate) const SUBMITTER: usize = 500;

/// Octets of a local part. RFC 5321 §4.5.3.1.1 names 64 and asks for no limit where one can do without;
/// VERP, SRS and the bounce addresses of large senders exceed 64 daily.
pub(crate) const LOCAL_PART: usize = 256;

/// Octets of a domain, RFC 5321 §4.5.3.1.2.
pub(crate) const DOMAIN: usize = 255;

/// Octets of one label of a domain, RFC 1035 §2.3.4.
pub(crate) const LABEL: usize = 63;

/// Octets of one label of a domain that is not ASCII: what 63 octets of its A-label can stand for (RFC 5890 §4.2).
pub(crate) const U_LABEL: usize = 252;

/// Octets of `ENVID=` as it is written, RFC 3461 §4.4.
pub(crate) const ENVELOPE_ID: usize = 100;

/// Octets of `ORCPT=` as it is written, RFC 3461 §4.2.
pub(crate) const ORIGINAL_RECIPIENT: usize = 500;

/// Octets of the name in EHLO and HELO: a domain, or an address literal, which is shorter.
pub(crate) const HELLO_NAME: usize = DOMAIN;

/// Octets of the first word of a line that the protocol gate looks at; the longest registered field name is shorter.
pub(crate) const GATE: usize = 80;

/// Octets of one XCLIENT command with its CRLF (Postfix, `XCLIENT_README`).
pub(crate) const XCLIENT_LINE: usize = 512;

/// Octets of one coded value of XCLIENT; Postfix answers 501 to longer ones.
pub(crate) const XCLIENT_VALUE: usize = 255;
