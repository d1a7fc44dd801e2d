//! The header of one entity: its fields in order, as they came and as a person reads them (RFC 5322 §2.2).
//!
//! A [`Header`] owns its octets and is cheap to clone. Fields keep their raw form for ever; unfolding and decoding
//! happen when asked for, because most fields are never looked at.

mod collect;
mod encoded_word;
mod extended;
mod field;
mod mime_field;
mod parameter;
mod unfold;

use alloc::sync::Arc;

pub(crate) use collect::{Collector, JUDGED, Line};
pub use encoded_word::decode_words;
pub(crate) use encoded_word::hex;
pub(crate) use extended::{Form, Value, decode_percent, values};
pub use field::Field;
pub(crate) use mime_field::MimeField;
pub(crate) use parameter::{Budget, Odd, Parameter, parse_list, parse_media_type, parse_token};

use crate::dialect::{Dialect, JunkLine};
use crate::limits::Limits;

/// The fields of one header, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Header {
    fields: Arc<[Field]>,
}

impl Header {
    /// Reads a header that is all there; lines that are no field are skipped. `raw` may go on after the empty line.
    pub fn parse(raw: &[u8]) -> Self {
        let mut collector = Collector::default();
        collector.of_message = true;
        let dialect = Dialect { junk_line: JunkLine::Skip, ..Dialect::default() };
        let mut rest = raw;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (line, after) = rest.split_at(end);
            collector.extend(line, &dialect, &Limits::DEFAULT);
            if let Line::End = collector.end_line(0, &dialect, &Limits::DEFAULT) {
                break;
            }
            rest = after;
        }
        collector.take(0).0
    }

    pub(crate) fn new(fields: impl Into<Arc<[Field]>>) -> Self {
        Self { fields: fields.into() }
    }

    /// All fields.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The first field of that name, upper and lower case alike.
    pub fn first(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.is(name))
    }

    /// All fields of that name, upper and lower case alike.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Field> + 'a {
        self.fields.iter().filter(move |field| field.is(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn finds_fields_whatever_their_case() {
        let header = Header::parse(b"Subject: one\r\nX: y\r\nsubject: two\r\n\r\nSubject: body\r\n");
        assert_eq!(header.fields().len(), 3);
        assert_eq!(header.first("SUBJECT").map(|f| f.value().into_owned()).as_deref(), Some("one"));
        assert_eq!(header.all("Subject").map(Field::decoded).collect::<Vec<_>>(), ["one", "two"]);
        assert!(header.first("Subj").is_none());
    }

    #[test]
    fn reads_any_line_ends_and_a_missing_last_one() {
        let header = Header::parse(b"A: 1\n folded\nB: 2");
        assert_eq!(header.fields().iter().map(Field::decoded).collect::<Vec<_>>(), ["1 folded", "2"]);
    }

    #[test]
    fn the_default_has_no_fields() {
        assert!(Header::default().fields().is_empty());
    }
}
