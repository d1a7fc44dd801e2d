//! MIME: the cut does not show, nothing comes out that did not go in, and text is text.

use smtpgw_mime::edit::FieldRemover;
use smtpgw_mime::{
    AfterClose, AfterPadding, Base64Junk, BlankBeforeColon, BlankLine, Decoder, DelimiterMatch, Dialect,
    EncodedMultipart, Event, Inline, InlineReader, JunkLine, Limits, MissingBoundary, Nul, Observed, PartKind, Pick,
    QuotedPrintableRules, Readings, Shared, Sink, charset,
};

use crate::cuts::{Cuts, cut_does_not_show};

/// What a decoder told, in an order that the cut does not change.
#[derive(Debug, Default, PartialEq)]
struct Told {
    parts: Vec<(String, Vec<u8>)>,
    /// Where a defect comes among the data of its part is open; its place is not.
    defects: Vec<String>,
    limits: Vec<String>,
    #[allow(dead_code, reason = "compared")]
    open: usize,
}

struct Listener {
    told: Told,
    open: Vec<(usize, PartKind)>,
}

impl Sink for Listener {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::PartBegin(head) => {
                let around = self.open.last();
                assert!(around.is_some() || self.told.parts.is_empty(), "there is one root");
                assert!(around.is_none_or(|around| around.1 != PartKind::Leaf), "a leaf has no children");
                self.open.push((self.told.parts.len(), head.kind));
                self.told.parts.push((format!("{head:?}"), Vec::new()));
            }
            Event::Data(octets) => {
                let Some(&(at, PartKind::Leaf)) = self.open.last() else { panic!("data belong to a leaf") };
                assert!(!octets.is_empty());
                if let Some(part) = self.told.parts.get_mut(at) {
                    part.1.extend_from_slice(octets);
                }
            }
            Event::PartEnd => assert!(self.open.pop().is_some(), "a part ends once"),
            Event::Defect(defect) => self.told.defects.push(format!("{defect:?}")),
            Event::LimitHit(limit, path) => self.told.limits.push(format!("{limit:?} {path}")),
            _ => {}
        }
    }
}

fn decode(pieces: &[&[u8]], limits: &Limits, dialect: Dialect) -> (Told, Observed) {
    let mut listener = Listener { told: Told::default(), open: Vec::new() };
    let mut decoder = Decoder::new(limits.clone(), dialect);
    pieces.iter().for_each(|piece| decoder.push(piece, &mut listener));
    decoder.finish(&mut listener);
    assert!(listener.open.is_empty(), "every part ends");
    let mut told = listener.told;
    assert!(!told.parts.is_empty(), "every message has a root");
    told.defects.sort();
    told.limits.sort();
    (told, decoder.observed())
}

/// A message under the default reading and limits, and under others that its octets choose: the cut does not show,
/// parts nest, and what comes out of all leaves is no more than what an encoding can make of the message.
pub fn decoder(octets: &[u8]) {
    let mut cuts = Cuts::of(octets);
    let mut any = || usize::try_from(cuts.below(8)).unwrap_or(0);
    let dialect = Dialect {
        content_type: any() as u8,
        encoding: any() as u8,
        boundary: any() as u8,
        duplicate_parameter: nth(Pick::ALL, any()),
        delimiter: nth(DelimiterMatch::ALL, any()),
        shared: nth(Shared::ALL, any()),
        after_close: nth(AfterClose::ALL, any()),
        missing_boundary: nth(MissingBoundary::ALL, any()),
        junk_line: nth(JunkLine::ALL, any()),
        blank_line: nth(BlankLine::ALL, any()),
        blank_before_colon: nth(BlankBeforeColon::ALL, any()),
        nul: nth(Nul::ALL, any()),
        base64_after_padding: nth(AfterPadding::ALL, any()),
        base64_junk: nth(Base64Junk::ALL, any()),
        quoted_printable: nth(QuotedPrintableRules::ALL, any()),
        encoded_multipart: nth(EncodedMultipart::ALL, any()),
    };
    let tight = Limits {
        depth: 3,
        parts: 6,
        fields: 8,
        parameters: 3,
        boundary: 20,
        encoded_depth: 1,
        decoded_total: 300,
        ..Limits::DEFAULT
    };
    for (limits, dialect) in
        [(&Limits::DEFAULT, Dialect::default()), (&Limits::DEFAULT, dialect), (&tight, Dialect::default())]
    {
        cut_does_not_show(octets, |pieces| {
            let (told, observed) = decode(pieces, limits, dialect);
            let decoded: usize = told.parts.iter().map(|part| part.1.len()).sum();
            assert!(decoded as u64 <= limits.decoded_total);
            assert!(told.parts.len() <= limits.parts);
            (told, observed)
        });
    }
}

/// All readings of a message together: which there are and what each shows does not depend on the cut, no two are the
/// same, and there are no more than were asked for.
pub fn union(octets: &[u8]) {
    const MOST: usize = 12;
    cut_does_not_show(octets, |pieces| {
        let (first, observed) = decode(pieces, &Limits::DEFAULT, Dialect::default());
        let mut readings = Readings::new(&observed, MOST);
        let mut all = vec![(Dialect::default(), first, observed)];
        while let Some(dialect) = readings.next_dialect() {
            let (told, observed) = decode(pieces, &Limits::DEFAULT, dialect);
            assert!(all.iter().all(|(known, ..)| *known != dialect), "{dialect} twice");
            readings.learn(dialect, &observed);
            all.push((dialect, told, observed));
        }
        assert!(all.len() <= MOST + 1 && (all.len() > MOST || !readings.is_cut()));
        assert_eq!(all.len() > 1 || readings.is_cut(), observed.is_ambiguous());
        (all, readings.is_cut())
    });
}

fn nth<T: Copy>(all: &[T], number: usize) -> T {
    all[number % all.len()]
}

/// Octets as text under the label in front of the first NUL: text never grows beyond what its charset can make of an
/// octet, and nothing vanishes where something was.
pub fn charset(octets: &[u8]) {
    let at = octets.iter().position(|octet| *octet == 0).unwrap_or(0);
    let (label, octets) = octets.split_at(at);
    let octets = octets.get(1..).unwrap_or_default();
    let label = std::str::from_utf8(label).ok().filter(|label| !label.is_empty());
    for label in [label, None] {
        let (text, _) = charset::to_text(label, octets);
        // Big5 has octet pairs that become two characters; nothing makes more than three octets of one.
        assert!(text.len() <= 3 * octets.len() + 3, "{} of {}", text.len(), octets.len());
        assert!(!octets.is_empty() || text.is_empty());
        assert!(!text.is_empty() || !octets.iter().any(u8::is_ascii_alphanumeric) || shifts(octets));
        // Words are words, whatever they are said to be in, but for what is no ASCII.
        let is_plain = octets.iter().all(|octet| octet.is_ascii_alphanumeric() || b" .,\r\n".contains(octet));
        assert!(!is_plain || label.is_some() || text.as_bytes() == octets, "{text:?}");
        charset::other_texts(label, octets).iter().for_each(|text| assert!(text.len() <= 3 * octets.len() + 3));
    }
}

/// Whether letters may be part of a sequence that shifts to another table or is a byte order mark.
fn shifts(octets: &[u8]) -> bool {
    octets.contains(&b'+') || octets.contains(&0x1b)
}

/// Files within a text: the cut does not show, ends follow beginnings, and nothing grows.
pub fn inline(octets: &[u8]) {
    cut_does_not_show(octets, |pieces| {
        let (mut told, mut open, mut decoded) = (Vec::new(), false, 0);
        let mut sink = |inline: Inline<'_>| match inline {
            Inline::Begin { .. } => {
                assert!(!std::mem::replace(&mut open, true), "one after the other");
                told.push((format!("{inline:?}"), Vec::new()));
            }
            Inline::Data(data) => {
                assert!(open && !data.is_empty());
                decoded += data.len();
                told.iter_mut().last().into_iter().for_each(|(_, all)| all.extend_from_slice(data));
            }
            Inline::End { .. } => {
                assert!(std::mem::replace(&mut open, false), "an end follows a beginning");
                told.push((format!("{inline:?}"), Vec::new()));
            }
            Inline::BinHex => {}
        };
        let mut reader = InlineReader::default();
        pieces.iter().for_each(|piece| reader.push(piece, &mut sink));
        reader.finish(&mut sink);
        assert!(!open, "every file ends");
        // A line of uuencode whose blanks were lost is filled up to what it says.
        assert!(decoded <= 64 * octets.len());
        told
    });
}

/// Header fields taken out of a raw message: the cut does not show, all that is left stood there before in the same
/// order, and to take out fields that are not there changes nothing.
pub fn field_remover(octets: &[u8]) {
    let remove = |names: &[&str], pieces: &[&[u8]]| {
        let (mut remover, mut left) = (FieldRemover::new(names), Vec::new());
        pieces.iter().for_each(|piece| remover.push(piece, &mut left));
        remover.finish(&mut left);
        left
    };
    assert_eq!(remove(&["X-Not-There-At-All-Whatever-Comes"], &[octets]), octets);
    cut_does_not_show(octets, |pieces| {
        let left = remove(&["Subject", "X-Spam-Flag"], pieces);
        let mut before = octets.iter();
        assert!(left.iter().all(|octet| before.any(|other| other == octet)), "something was added");
        left
    });
}
