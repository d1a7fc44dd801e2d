//! Collects the events of a message as a list of parts, and shows it as text that a table can hold.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its share")]

use smtpgw_mime::{Decoder, Dialect, Event, Limits, PartHead, PartKind, Region, Sink};
use smtpgw_testkit::splits::every_split;

/// One part with all that belongs to it.
#[derive(Clone, Debug)]
pub struct Part {
    pub head: PartHead,
    pub data: Vec<u8>,
    /// Containers around it.
    pub depth: usize,
}

/// A whole message. Checks as it goes that events nest.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    pub parts: Vec<Part>,
    /// `kind@offset path`
    pub defects: Vec<String>,
    pub limits: Vec<&'static str>,
    /// `limit path`
    pub limits_at: Vec<String>,
    /// What stands outside the parts of multiparts: `region path "data"`.
    pub outside: Vec<String>,
    open: Vec<usize>,
    /// The one that is open.
    region: Option<(PartHead, Vec<u8>)>,
    pub events: usize,
}

impl Sink for Tree {
    fn event(&mut self, event: Event<'_>) {
        self.events += 1;
        match event {
            Event::PartBegin(head) if head.region != Region::Body => {
                let &around = self.open.last().expect("it is that of a multipart");
                assert_eq!(
                    (self.parts[around].head.kind, &self.parts[around].head.path),
                    (PartKind::Multipart, &head.path)
                );
                assert!(self.region.replace((*head, Vec::new())).is_none(), "they are leaves");
            }
            Event::Data(octets) if let Some((_, data)) = &mut self.region => data.extend_from_slice(octets),
            Event::PartEnd if let Some((head, data)) = self.region.take() => {
                self.outside.push(format!("{:?} {} \"{}\"", head.region, head.path, show(&data)));
            }
            Event::PartBegin(head) => {
                if let Some(&around) = self.open.last() {
                    assert_ne!(self.parts[around].head.kind, PartKind::Leaf, "a leaf has no children");
                } else {
                    assert!(self.parts.is_empty(), "there is one root");
                }
                self.open.push(self.parts.len());
                self.parts.push(Part { head: *head, data: Vec::new(), depth: self.open.len() - 1 });
            }
            Event::Data(octets) => {
                let &at = self.open.last().expect("data belong to a part");
                assert_eq!(self.parts[at].head.kind, PartKind::Leaf, "containers have no data");
                assert!(!octets.is_empty());
                self.parts[at].data.extend_from_slice(octets);
            }
            Event::PartEnd => {
                self.open.pop().expect("a part ends once");
            }
            Event::Defect(defect) => {
                assert!(!self.parts.is_empty(), "a defect follows the part that it belongs to");
                self.defects.push(format!("{}@{} {}", defect.kind.name(), defect.offset, defect.path));
            }
            Event::LimitHit(limit, path) => {
                self.limits_at.push(format!("{} {path}", limit.name()));
                assert!(!self.limits.contains(&limit.name()), "a limit is reported once");
                self.limits.push(limit.name());
            }
            other => panic!("{other:?}"),
        }
    }
}

impl Tree {
    /// The parts, one a line, indented: `path kind type "data"`, with `name=` where there is one.
    pub fn show(&self) -> String {
        let mut out = String::new();
        for part in &self.parts {
            let head = &part.head;
            out += &"  ".repeat(part.depth);
            match head.kind {
                PartKind::Leaf => out += &format!("{} {} \"{}\"", head.path, head.media_type, show(&part.data)),
                PartKind::Multipart => out += &format!("[{}] {}", head.path, head.media_type),
                PartKind::Message => out += &format!("({}) {}", head.path, head.media_type),
            }
            if !head.names.is_empty() {
                out += &format!(" name={}", head.names.join("|"));
            }
            out += "\n";
        }
        out
    }

    /// The names of the defects, in the order of their places.
    pub fn kinds(&self) -> Vec<&str> {
        self.defects.iter().filter_map(|defect| defect.split('@').next()).collect()
    }
}

fn show(octets: &[u8]) -> String {
    octets.escape_ascii().to_string().replace("\\'", "'").replace("\\\"", "\"").replace("\\r\\n", "|")
}

/// Decodes a message that comes in pieces.
pub fn decode_pieces(pieces: &[&[u8]], limits: &Limits, dialect: Dialect) -> Tree {
    let mut tree = Tree::default();
    let mut decoder = Decoder::new(limits.clone(), dialect);
    for piece in pieces {
        decoder.push(piece, &mut tree);
    }
    decoder.finish(&mut tree);
    assert!(tree.open.is_empty(), "every part ends");
    assert!(!tree.parts.is_empty(), "every message has a root");
    let events = tree.events;
    decoder.push(b"more", &mut tree);
    decoder.finish(&mut tree);
    assert_eq!(tree.events, events, "nothing follows the end");
    // Where a defect comes among the data of its part is open; its offset is not.
    tree.defects.sort();
    tree.limits.sort();
    tree
}

/// Decodes a message under every cutting, which must not show.
pub fn decode_with(raw: &[u8], limits: &Limits, dialect: Dialect) -> Tree {
    let mut whole = None;
    every_split(raw, |pieces| {
        let tree = decode_pieces(pieces, limits, dialect);
        let shown = (tree.show(), tree.outside.clone(), tree.defects.clone(), tree.limits.clone(), headers(&tree));
        whole.get_or_insert(tree);
        shown
    });
    whole.expect("every_split runs at least once")
}

/// The same by default limits and dialect.
pub fn decode(raw: &[u8]) -> Tree {
    decode_with(raw, &Limits::DEFAULT, Dialect::default())
}

/// The fields of all parts, raw.
pub fn headers(tree: &Tree) -> Vec<Vec<(Vec<u8>, Vec<u8>)>> {
    let fields =
        |part: &Part| part.head.header.fields().iter().map(|f| (f.name().to_vec(), f.raw().to_vec())).collect();
    tree.parts.iter().map(fields).collect()
}

/// `lines` with CRLF; one line end in front, for the looks of the source, does not count.
pub fn crlf(lines: &str) -> Vec<u8> {
    lines.strip_prefix('\n').unwrap_or(lines).replace('\n', "\r\n").into_bytes()
}
