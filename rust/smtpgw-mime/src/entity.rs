//! What the header of an entity says about it: type, encoding, names (RFC 2045, RFC 2183).
//!
//! Everything here is a reading of fields; how the entity is then opened is for the decoder.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::defect::DefectKind;
use crate::dialect::{Dialect, Pick};
use crate::event::{PartHead, PartKind};
use crate::header::{
    Budget, Field, Form, Header, Odd, Parameter, Value, parse_list, parse_media_type, parse_token, values,
};
use crate::limits::{LimitKind, Limits};
use crate::path::PartPath;

/// What an entity is, for the decoder.
#[derive(Debug)]
pub(crate) struct Described {
    /// For the sink; its path and kind are the decoder's to set.
    pub(crate) head: PartHead,
    /// Of a multipart that has one.
    pub(crate) boundary: Option<Vec<u8>>,
    /// What to undo.
    pub(crate) encoding: Encoding,
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
    let mut fields = Fields::default();
    for field in header.fields() {
        match field.name().len() {
            12 if field.is("Content-Type") => fields.content_type.push(field),
            19 if field.is("Content-Disposition") => fields.disposition.push(field),
            25 if field.is("Content-Transfer-Encoding") => fields.encoding.push(field),
            _ => {}
        }
    }
    if fields.content_type.len() > 1 || fields.disposition.len() > 1 || fields.encoding.len() > 1 {
        odd(DefectKind::DuplicateField);
        if dialect.duplicate_field == Pick::Last {
            fields.content_type.reverse();
            fields.disposition.reverse();
            fields.encoding.reverse();
        }
    }

    let mut budget = Budget::new(limits);
    let mut names = Names::default();
    let mut disposition = None;
    for (index, field) in fields.disposition.iter().enumerate() {
        let value = field.octets_unfolded();
        let (token, list) = parse_token(&value, odd);
        names.add(&parse_list(list, &mut budget, odd), "filename", dialect, odd);
        if index == 0 {
            disposition = token;
        }
    }
    let mut media_type = default_type.to_string();
    let mut charset = None;
    let mut boundary = None;
    for (index, field) in fields.content_type.iter().enumerate() {
        let value = field.octets_unfolded();
        let (read, list) = parse_media_type(&value, odd);
        let parameters = parse_list(list, &mut budget, odd);
        names.add(&parameters, "name", dialect, odd);
        if index == 0 {
            media_type = read.unwrap_or_else(|| "text/plain".to_string());
            charset = preferred(&parameters, "charset", dialect, odd)
                .map(|value| value.text().trim().to_ascii_lowercase())
                .filter(|label| !label.is_empty());
            boundary = preferred(&parameters, "boundary", dialect, odd).map(|value| value.octets);
        }
    }
    let (transfer_encoding, encoding) = match fields.encoding.first() {
        Some(field) => read_encoding(field, odd),
        None => ("7bit".to_string(), Encoding::Identity),
    };
    if budget.hit_parameters {
        hit(LimitKind::Parameters);
    }
    if budget.hit_pieces {
        hit(LimitKind::Rfc2231Pieces);
    }
    drop(fields);
    let head = PartHead {
        path: PartPath::root(),
        kind: PartKind::Leaf,
        header,
        media_type,
        filename: names.0.first().cloned(),
        names: names.0,
        charset,
        transfer_encoding,
        disposition,
    };
    Described { head, boundary, encoding }
}

/// The fields that describe the body, the one that counts first.
#[derive(Default)]
struct Fields<'a> {
    content_type: Vec<&'a Field>,
    disposition: Vec<&'a Field>,
    encoding: Vec<&'a Field>,
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

/// The value of a parameter that is not for people: plain before extended, as programs that know nothing of
/// RFC 2231 read it.
fn preferred(parameters: &[Parameter<'_>], name: &str, dialect: &Dialect, odd: Odd<'_>) -> Option<Value> {
    let values = values(parameters, name, dialect.duplicate_parameter, odd);
    let at = values.iter().position(|value| value.form == Form::Plain).unwrap_or(0);
    values.into_iter().nth(at)
}

fn read_encoding(field: &Field, odd: Odd<'_>) -> (String, Encoding) {
    let value = field.octets_unfolded();
    let (mut token, mut rest) = parse_token(&value, odd);
    if token.is_none()
        && let [b'"', quoted @ ..] = rest
    {
        // Quoted though RFC 2045 §6.1 has a token; programs undo that.
        odd(DefectKind::InvalidEncoding);
        (token, rest) = parse_token(quoted, odd);
        rest = rest.strip_prefix(b"\"").unwrap_or(rest);
    }
    if !rest.is_empty() {
        odd(DefectKind::InvalidEncoding);
    }
    let Some(token) = token else {
        odd(DefectKind::InvalidEncoding);
        return ("7bit".to_string(), Encoding::Identity);
    };
    let encoding = match token.as_str() {
        "base64" => Encoding::Base64,
        "quoted-printable" => Encoding::QuotedPrintable,
        "7bit" | "8bit" | "binary" => Encoding::Identity,
        _ => {
            odd(DefectKind::UnknownEncoding);
            Encoding::Identity
        }
    };
    (token, encoding)
}

#[cfg(test)]
#[path = "entity_tests.rs"]
mod tests;
