//! A message decoded and nothing else: its leaves as the first reading shows them, the one by the RFCs.
//!
//! No file in a leaf is opened, no further reading tried, nothing is hashed, judged or put to rest: for looking at a
//! message that is at hand, and for measuring the decoder beside others. What a gateway shows to inspectors is more;
//! see [`crate::Scanner`].

use bytes::Bytes;
use smtpgw_mime::{Decoder, Dialect, Event, Header, Limits, PartHead, PartKind, Sink};

/// What a decoder makes of one message.
#[derive(Debug, Default)]
pub struct Leaves {
    /// The message's own header.
    pub header: Header,
    /// Its leaves, in order.
    pub leaves: Vec<Leaf>,
}

/// One leaf.
#[derive(Debug)]
pub struct Leaf {
    /// All that its header says; that of the message if it is the message's only part.
    pub head: Box<PartHead>,
    /// Decoded.
    pub content: Bytes,
}

/// Decodes a message, within the decoder's own limits.
pub fn leaves(raw: &[u8]) -> Leaves {
    let mut gatherer = Gatherer::default();
    let mut decoder = Decoder::new(Limits::DEFAULT, Dialect::default());
    // In pieces that stay in the cache while they are read.
    for piece in raw.chunks(PIECE) {
        decoder.push(piece, &mut gatherer);
    }
    decoder.finish(&mut gatherer);
    gatherer.done
}

#[derive(Default)]
struct Gatherer {
    done: Leaves,
    is_begun: bool,
    open: Option<Box<PartHead>>,
    content: Vec<u8>,
}

impl Sink for Gatherer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::PartBegin(head) => {
                if !std::mem::replace(&mut self.is_begun, true) {
                    self.done.header = head.header.clone();
                }
                self.open = (head.kind == PartKind::Leaf).then_some(head);
            }
            Event::Data(octets) => self.content.extend_from_slice(octets),
            Event::PartEnd => {
                if let Some(head) = self.open.take() {
                    let content = std::mem::take(&mut self.content).into();
                    self.done.leaves.push(Leaf { head, content });
                }
            }
            _ => {}
        }
    }
}

/// Octets given to the decoder at a time.
const PIECE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_come_in_order_with_their_headers() {
        let raw = b"Subject: s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n\
            Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Transfer-Encoding: base64\r\n\r\naGk=\r\n--b--\r\n";
        let found = leaves(raw);
        assert_eq!(found.header.first("subject").map(|field| field.decoded()).as_deref(), Some("s"));
        let leaves: Vec<_> = found.leaves.iter().map(|leaf| (leaf.head.path.to_string(), &leaf.content[..])).collect();
        assert_eq!(leaves, [("1".to_owned(), &b"text"[..]), ("2.1".to_owned(), b"hi")]);
        assert!(super::leaves(b"").leaves.iter().all(|leaf| leaf.content.is_empty()));
    }
}
