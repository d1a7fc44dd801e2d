//! The decoder.

use crate::dialect::Dialect;
use crate::event::Sink;
use crate::limits::Limits;

/// Reads one message in pieces of any size.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    dialect: Dialect,
}

impl Decoder {
    /// A decoder at the beginning of a message.
    pub fn new(limits: Limits, dialect: Dialect) -> Self {
        Self { limits, dialect }
    }

    /// Reads the next octets of the message as received: unstuffed, lines ended by CRLF (LF is understood too).
    pub fn push<S: Sink + ?Sized>(&mut self, raw: &[u8], sink: &mut S) {
        let _ = (raw, sink, &self.limits, &self.dialect);
    }

    /// The message is complete: closes every open part. Further calls do nothing.
    pub fn finish<S: Sink + ?Sized>(&mut self, sink: &mut S) {
        let _ = sink;
    }
}
