//! What the header of an entity says about it: type, encoding, names (RFC 2045, RFC 2183).
//!
//! Everything here is a reading of fields; how the entity is then opened is for the decoder. Where programs read a
//! type, an encoding or a boundary out of the same fields in different ways, all of them are kept as alternatives,
//! the RFCs' one first, and the dialect says which counts.

mod alternatives;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::charset::to_text;
use crate::defect::DefectKind;
use crate::dialect::Dialect;
use crate::event::{PartHead, PartKind, Region};
use crate::header::{
    Budget, Field, Header, MimeField, Odd, Parameter, decode_percent, decode_words, parse_list, parse_token, values,
};
use crate::limits::{LimitKind, Limits};
use crate::path::PartPath;

use alternatives::{boundaries, content_types, encodings};

/// What an entity is, for the decoder.
#[derive(Debug)]
pub(crate) struct Described {
    /// For the sink; its path and kind are the decoder's to set.
    pub(crate) head: PartHead,
    /// Of a multipart that has one.
    pub(crate) boundary: Option<Vec<u8>>,
    /// What to undo.
    pub(crate) encoding: Encoding,
    /// How many it could have been of each.
    pub(crate) alternatives: Alternatives,
}

/// How many types, encodings and boundaries an entity may be read to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Alternatives {
    pub(crate) content_types: u8,
    pub(crate) encodings: u8,
    pub(crate) boundaries: u8,
}

/// The encodings of RFC 2045 §6.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// 7bit, 8bit, binary, and whatever is not known.
    Identity,
    /// base64
    Base64,
    /// quoted-printable
    QuotedPrintable,
}

/// Reads a header. `default_type` holds where there is no Content-Type (RFC 2046 §5.1.5).
pub(crate) fn describe(
    header: Header,
    default_type: &str,
    dialect: &Dialect,
    limits: &Limits,
    odd: Odd<'_>,
    hit: &mut dyn FnMut(LimitKind),
) -> Described {
    let fields = Fields::of(&header);
    if [&fields.content_type, &fields.disposition, &fields.encoding].iter().any(|fields| fields.exact.len() > 1) {
        odd(DefectKind::DuplicateField);
    }
    if [&fields.content_type, &fields.disposition, &fields.encoding].iter().any(|fields| !fields.loose.is_empty()) {
        odd(DefectKind::LooseFieldName);
    }
    let mut budget = Budget::new(limits);
    let mut names = Names::default();
    // What only some programs take for a name.
    let mut others = Names::default();
    let mut disposition = None;
    for (index, field) in fields.disposition.exact.iter().enumerate() {
        let value = field.octets_unfolded();
        let (token, list) = parse_token(&value, odd);
        let parameters = parse_list(list, &mut budget, odd);
        names.add(&parameters, "filename", dialect, odd);
        others.add(&parameters, "name", dialect, &mut |_| {});
        if index == 0 {
            disposition = token;
        }
    }
    let both = &mut [&mut names, &mut others];
    let mut types = content_types(&fields.content_type, default_type, dialect, &mut budget, both, odd);
    for field in &fields.disposition.loose {
        let value = field.octets_unfolded();
        let list = parse_token(&value, &mut |_| {}).1;
        let parameters = parse_list(list, &mut budget, &mut |_| {});
        names.add(&parameters, "filename", dialect, &mut |_| {});
        others.add(&parameters, "name", dialect, &mut |_| {});
    }
    let mut count = Alternatives { content_types: counted(&mut types, limits, hit), ..Alternatives::default() };
    let content_type = chosen(types, dialect.content_type);

    let mut boundary = None;
    if content_type.media_type.starts_with("multipart/") {
        let mut all = boundaries(&content_type, limits.alternatives, odd);
        count.boundaries = counted(&mut all, limits, hit);
        if count.boundaries > 1 {
            odd(DefectKind::BoundaryReadings);
        }
        if !all.is_empty() {
            boundary = Some(chosen(all, dialect.boundary));
        }
    }

    let mut encodings = encodings(&fields.encoding, odd);
    count.encodings = counted(&mut encodings, limits, hit);
    if count.encodings > 1 {
        odd(DefectKind::EncodingReadings);
    }
    let (transfer_encoding, encoding) = chosen(encodings, dialect.encoding);
    if budget.hit_parameters {
        hit(LimitKind::Parameters);
    }
    if budget.hit_pieces {
        hit(LimitKind::Rfc2231Pieces);
    }
    let filename = names.0.first().cloned();
    others.0.into_iter().for_each(|name| names.insert(name));
    if names.0.is_empty() {
        fields.name_of_last_resort(&mut names);
    }
    drop(fields);
    let head = PartHead {
        path: PartPath::root(),
        kind: PartKind::Leaf,
        region: Region::Body,
        header,
        media_type: content_type.media_type,
        filename,
        names: names.0,
        charset: content_type.charset,
        transfer_encoding,
        disposition,
    };
    Described { head, boundary, encoding, alternatives: count }
}

/// How many alternatives there are, those beyond the limit left out.
fn counted<T>(all: &mut Vec<T>, limits: &Limits, hit: &mut dyn FnMut(LimitKind)) -> u8 {
    if all.len() > usize::from(limits.alternatives.max(1)) {
        hit(LimitKind::Alternatives);
        all.truncate(usize::from(limits.alternatives.max(1)));
    }
    u8::try_from(all.len()).unwrap_or(u8::MAX)
}

/// The alternative that the dialect names; of fewer the last. There is at least one.
fn chosen<T>(mut all: Vec<T>, number: u8) -> T {
    let last = all.len().saturating_sub(1);
    all.swap_remove(usize::from(number).min(last))
}

/// The fields that describe the body, in the order in which they came.
#[derive(Default)]
struct Fields<'a> {
    content_type: Named<'a>,
    disposition: Named<'a>,
    encoding: Named<'a>,
    /// Content-Name, Content-Description: what programs show where there is no name.
    description: Vec<&'a Field>,
    /// Content-Location (RFC 2557 §4.2).
    location: Vec<&'a Field>,
}

/// Those of one name.
#[derive(Default)]
struct Named<'a> {
    exact: Vec<&'a Field>,
    /// Whose name is longer and has it within.
    loose: Vec<&'a Field>,
}

impl<'a> Fields<'a> {
    fn of(header: &'a Header) -> Self {
        let mut fields = Self::default();
        for field in header.fields() {
            match field.name().len() {
                12 if field.is("Content-Name") => fields.description.push(field),
                16 if field.is("Content-Location") => fields.location.push(field),
                19 if field.is("Content-Description") => fields.description.push(field),
                _ => {}
            }
            let Some((_, kind)) = MimeField::within(field.name()) else { continue };
            let named = match kind {
                MimeField::Type => &mut fields.content_type,
                MimeField::Disposition => &mut fields.disposition,
                MimeField::Encoding => &mut fields.encoding,
            };
            if MimeField::of(field.name()).is_some() { named.exact.push(field) } else { named.loose.push(field) }
        }
        fields
    }

    /// The names of a part that has none: what describes it, and the end of where it is said to have come from.
    fn name_of_last_resort(&self, names: &mut Names) {
        for field in &self.description {
            let text = decode_words(&field.octets_unfolded());
            // Most are words for people.
            if has_suffix(&text) {
                names.insert(text.trim().to_string());
            }
        }
        for field in &self.location {
            let location = field.octets_unfolded();
            let path = location.split(|octet| b"?#".contains(octet)).next().unwrap_or_default();
            let file = match memchr::memmem::find(path, b"://").and_then(|at| path.get(at + 3..)) {
                // Of a bare host there is no file.
                Some(host) if !host.contains(&b'/') => continue,
                _ => path.rsplit(|octet| b"/\\".contains(octet)).next().unwrap_or_default(),
            };
            let mut octets = Vec::new();
            decode_percent(file, &mut octets, &mut |_| {});
            names.insert(to_text(None, octets.trim_ascii()).0.into_owned());
        }
    }
}

/// Whether a text ends as the name of a file does, whatever a system drops there.
fn has_suffix(text: &str) -> bool {
    let suffix = text.trim_end_matches(['.', ' ']).rsplit_once('.').map_or("", |(_, suffix)| suffix);
    !suffix.is_empty() && !suffix.contains(char::is_whitespace)
}

/// Every name, the one to show first, without repetition. Bounded by the budget of parameters.
#[derive(Default)]
struct Names(Vec<String>);

impl Names {
    fn add(&mut self, parameters: &[Parameter<'_>], name: &str, dialect: &Dialect, odd: Odd<'_>) {
        for value in values(parameters, name, dialect.duplicate_parameter, odd) {
            if let Some(decoded) = value.decoded() {
                odd(DefectKind::EncodedWordInParameter);
                self.insert(decoded);
            }
            self.insert(value.text());
        }
    }

    fn insert(&mut self, name: String) {
        if !name.is_empty() && !self.0.contains(&name) {
            self.0.push(name);
        }
    }
}

#[cfg(test)]
#[path = "entity_tests.rs"]
mod tests;
