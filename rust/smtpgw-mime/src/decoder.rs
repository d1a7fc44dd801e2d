//! The decoder of one message: the public face of the machine.

use crate::context::Context;
use crate::dialect::Dialect;
use crate::event::{Event, Sink};
use crate::limits::Limits;
use crate::machine::Machine;
use crate::readings::Observed;

/// Reads one message in pieces of any size.
///
/// ```
/// use smtpgw_mime::{Decoder, Dialect, Event, Limits, Sink};
///
/// struct Text(Vec<u8>);
///
/// impl Sink for Text {
///     fn event(&mut self, event: Event<'_>) {
///         if let Event::Data(octets) = event {
///             self.0.extend_from_slice(octets);
///         }
///     }
/// }
///
/// let mut text = Text(Vec::new());
/// let mut decoder = Decoder::new(Limits::DEFAULT, Dialect::default());
/// decoder.push(b"Content-Transfer-Encoding: base64\r\n\r\naGVs", &mut text);
/// decoder.push(b"bG8=\r\n", &mut text);
/// decoder.finish(&mut text);
/// assert_eq!(text.0, b"hello");
/// ```
#[derive(Debug)]
pub struct Decoder {
    context: Context,
    machine: Machine,
    finished: bool,
}

impl Decoder {
    /// A decoder at the beginning of a message.
    pub fn new(limits: Limits, dialect: Dialect) -> Self {
        Self { context: Context::new(limits, dialect), machine: Machine::for_message(), finished: false }
    }

    /// Reads the next octets of the message as received: unstuffed, lines ended by CRLF (LF is understood too).
    pub fn push<S: Sink + ?Sized>(&mut self, raw: &[u8], sink: &mut S) {
        if !self.finished {
            self.machine.push(raw, &mut self.context, &mut Erased(sink));
        }
    }

    /// What was seen so far that is a reason to read the message in another way.
    pub fn observed(&self) -> Observed {
        self.context.observed
    }

    /// Parts begun and octets delivered so far, with what was charged.
    pub fn used(&self) -> (usize, u64) {
        (self.context.parts, self.context.decoded)
    }

    /// Parts and octets that come from elsewhere, such as members of an archive in the message, count towards
    /// [`Limits::parts`] and [`Limits::decoded_total`] as well.
    pub fn charge(&mut self, parts: usize, octets: u64) {
        self.context.parts = self.context.parts.saturating_add(parts);
        self.context.decoded = self.context.decoded.saturating_add(octets);
    }

    /// The message is complete: closes every open part. Further calls do nothing.
    pub fn finish<S: Sink + ?Sized>(&mut self, sink: &mut S) {
        if !self.finished {
            self.finished = true;
            self.machine.finish(&mut self.context, &mut Erased(sink));
        }
    }
}

/// Any sink as one type, so that the machine is compiled once.
struct Erased<'a, S: ?Sized>(&'a mut S);

impl<S: Sink + ?Sized> Sink for Erased<'_, S> {
    fn event(&mut self, event: Event<'_>) {
        self.0.event(event);
    }
}
