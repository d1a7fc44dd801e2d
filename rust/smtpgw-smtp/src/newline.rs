//! What becomes of a CR without LF and of an LF without CR in content.

/// RFC 5321 §2.3.8 forbids both. Whatever is chosen, neither is ever passed on, and neither ends a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BareNewline {
    /// The message is refused behind its true end.
    #[default]
    Reject,
    /// It becomes CRLF, for devices that send nothing else. What it makes is a line of content like any other.
    Normalize,
}
