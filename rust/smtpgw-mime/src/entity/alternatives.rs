//! The readings of one field that programs are known to make: the RFCs' one first, each once.
//!
//! All are found in a few passes over the field; how many count is `Limits::alternatives`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Encoding, Named, Names};
use crate::defect::DefectKind;
use crate::dialect::Dialect;
use crate::header::{
    Budget, Field, Form, Odd, Parameter, Value, decode_words, parse_list, parse_media_type, parse_token, values,
};

/// One type that an entity may have.
#[derive(Debug)]
pub(super) struct ContentType {
    pub(super) media_type: String,
    pub(super) charset: Option<String>,
    /// What programs that know RFC 2231 take for it instead; of a leaf alone.
    other_charsets: Vec<String>,
    /// Boundaries by the grammar, plain ones first.
    boundaries: Vec<Vec<u8>>,
    /// The field it was read from, on one line; of a multipart alone.
    field: Vec<u8>,
}

impl ContentType {
    /// One without parameters.
    pub(super) fn plain(media_type: String) -> Self {
        Self { media_type, charset: None, other_charsets: Vec::new(), boundaries: Vec::new(), field: Vec::new() }
    }
}

/// The types of Content-Type fields, or the default where there is none; at least one. Their names go into the first of
/// `names`, those in a parameter of another field into the second.
pub(super) fn content_types(
    fields: &Named<'_>,
    default_type: &str,
    dialect: &Dialect,
    budget: &mut Budget,
    [names, others]: &mut [&mut Names; 2],
    odd: Odd<'_>,
) -> Vec<ContentType> {
    let mut all: Vec<ContentType> = Vec::new();
    for field in &fields.exact {
        let value = field.octets_unfolded();
        let (read, list) = parse_media_type(&value, odd);
        let parameters = parse_list(list, budget, odd);
        names.add(&parameters, "name", dialect, odd);
        others.add(&parameters, "filename", dialect, &mut |_| {});
        let is_readable = read.is_some();
        let is_multipart = read.as_ref().is_some_and(|read| read.starts_with("multipart/"));
        add(&mut all, content_type(read, &parameters, &value, dialect, odd));
        // Encoded words, which a structured field cannot have (RFC 2047 §5).
        if !is_readable && memchr::memmem::find(&value, b"=?").is_some() {
            let decoded = decode_words(&value).into_bytes();
            let (read, list) = parse_media_type(&decoded, &mut |_| {});
            let parameters = parse_list(list, budget, &mut |_| {});
            add(&mut all, content_type(read, &parameters, &decoded, dialect, &mut |_| {}));
        }
        // What only looks for the word, or goes by a boundary whatever the type is.
        let has_boundary = || parameters.iter().any(|parameter| parameter.name.eq_ignore_ascii_case(b"boundary"));
        let is_named = !is_readable && find_word(&value, b"multipart", 0).is_some();
        if is_named || (!is_multipart && has_boundary()) {
            let before = all.len();
            add(&mut all, content_type(Some("multipart/mixed".to_string()), &parameters, &value, dialect, odd));
            if !is_named && all.len() > before {
                odd(DefectKind::BoundaryReadings);
            }
        }
    }
    if all.is_empty() {
        all.push(ContentType::plain(default_type.to_string()));
    }
    for field in &fields.loose {
        let value = field.octets_unfolded();
        let (read, list) = parse_media_type(&value, &mut |_| {});
        let parameters = parse_list(list, budget, &mut |_| {});
        names.add(&parameters, "name", dialect, &mut |_| {});
        others.add(&parameters, "filename", dialect, &mut |_| {});
        let read = read.or_else(|| find_word(&value, b"multipart", 0).map(|_| "multipart/mixed".to_string()));
        if read.is_some() {
            add(&mut all, content_type(read, &parameters, &value, dialect, &mut |_| {}));
        }
    }
    // A charset in a form that only some programs know, behind what all of them read.
    for at in 0..all.len() {
        let Some(known) = all.get_mut(at) else { break };
        let further = core::mem::take(&mut known.other_charsets).into_iter();
        let further = further
            .map(|charset| ContentType { charset: Some(charset), ..ContentType::plain(known.media_type.clone()) });
        for further in further.collect::<Vec<_>>() {
            odd(DefectKind::DuplicateParameter);
            add(&mut all, further);
        }
    }
    all
}

fn add(all: &mut Vec<ContentType>, new: ContentType) {
    let same = |known: &ContentType| {
        known.media_type == new.media_type && known.charset == new.charset && known.boundaries == new.boundaries
    };
    if !all.iter().any(same) {
        all.push(new);
    }
}

fn content_type(
    media_type: Option<String>,
    parameters: &[Parameter<'_>],
    field: &[u8],
    dialect: &Dialect,
    odd: Odd<'_>,
) -> ContentType {
    let media_type = media_type.unwrap_or_else(|| "text/plain".to_string());
    let mut charsets = plain_first(values(parameters, "charset", dialect.duplicate_parameter, odd))
        .map(|value| (value.form, value.text().trim().to_ascii_lowercase()))
        .filter(|(_, label)| !label.is_empty());
    let charset = charsets.next().map(|(_, label)| label);
    let others = charsets.filter(|(form, label)| *form == Form::Extended && Some(label) != charset.as_ref());
    let is_multipart = media_type.starts_with("multipart/");
    let other_charsets = if is_multipart { Vec::new() } else { others.map(|(_, label)| label).collect() };
    let boundaries = plain_first(values(parameters, "boundary", dialect.duplicate_parameter, odd));
    ContentType {
        media_type,
        charset,
        other_charsets,
        boundaries: boundaries.map(|value| value.octets).collect(),
        field: if is_multipart { field.to_vec() } else { Vec::new() },
    }
}

/// Values of a parameter that is not for people: plain before extended, as programs that know nothing of RFC 2231
/// read it.
fn plain_first(mut values: Vec<Value>) -> impl Iterator<Item = Value> {
    values.sort_by_key(|value| value.form != Form::Plain);
    values.into_iter()
}

/// The boundaries of a multipart, in any reading of its field; one more than `most` says that there are more. The
/// search ends there, for each may be as long as the rest of the field.
pub(super) fn boundaries(content_type: &ContentType, most: u8, odd: Odd<'_>) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    let insert = |all: &mut Vec<Vec<u8>>, boundary: &[u8]| {
        let boundary = boundary.trim_ascii_end();
        if all.len() <= usize::from(most.max(1)) && !boundary.is_empty() && !all.iter().any(|known| known == boundary) {
            all.push(boundary.to_vec());
        }
    };
    content_type.boundaries.iter().for_each(|boundary| insert(&mut all, boundary));
    // What only looks for the word, wherever it stands, and takes what follows.
    let field = content_type.field.as_slice();
    let mut from = 0;
    while all.len() <= usize::from(most.max(1))
        && let Some(at) = find_word(field, b"boundary", from)
    {
        from = at + b"boundary".len();
        let after = field.get(from..).unwrap_or_default().trim_ascii_start();
        let Some(after) = after.strip_prefix(b"=").map(<[u8]>::trim_ascii_start) else { continue };
        if let Some(quoted) = after.strip_prefix(b"\"") {
            let end = memchr::memchr(b'"', quoted);
            if end.is_none() {
                odd(DefectKind::InvalidParameter);
            }
            insert(&mut all, quoted.get(..end.unwrap_or(quoted.len())).unwrap_or_default());
        } else {
            let end = after.iter().position(|octet| b" \t;\"".contains(octet)).unwrap_or(after.len());
            insert(&mut all, after.get(..end).unwrap_or_default());
        }
    }
    all
}

/// The encodings of Content-Transfer-Encoding fields, with their names; at least one.
pub(super) fn encodings(fields: &Named<'_>, odd: Odd<'_>) -> Vec<(String, Encoding)> {
    let mut is_odd = fields.exact.len() > 1;
    let mut is_unknown = false;
    let default = fields.exact.first().map(|first| {
        read_encoding(first, &mut |kind| {
            is_odd = true;
            is_unknown |= kind == DefectKind::UnknownEncoding;
            odd(kind);
        })
    });
    let mut all = Vec::from([default.unwrap_or_else(|| ("7bit".to_string(), Encoding::Identity))]);
    let mut insert = |name: &str, encoding| {
        if !all.iter().any(|(_, known)| *known == encoding) {
            all.push((name.to_string(), encoding));
        }
    };
    let exact = if is_odd { fields.exact.as_slice() } else { &[] };
    for field in exact.iter().chain(&fields.loose) {
        let value = decode_words(&field.octets_unfolded()).to_ascii_lowercase();
        for word in value.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-')) {
            if let Some(encoding) = known_encoding(word) {
                insert(word, encoding);
            }
        }
    }
    if is_odd {
        // A program that cannot read the field leaves the body as it is.
        insert("7bit", Encoding::Identity);
    }
    if is_unknown {
        insert("base64", Encoding::Base64);
        insert("quoted-printable", Encoding::QuotedPrintable);
    }
    all
}

fn known_encoding(token: &str) -> Option<Encoding> {
    match token {
        "base64" => Some(Encoding::Base64),
        "quoted-printable" => Some(Encoding::QuotedPrintable),
        // The body of the latter is text with a file in it, which is found where it stands.
        "7bit" | "8bit" | "binary" | "x-uuencode" | "uuencode" | "x-uue" | "uue" | "x-yencode" | "x-yenc" => {
            Some(Encoding::Identity)
        }
        _ => None,
    }
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
    let encoding = known_encoding(&token).unwrap_or_else(|| {
        odd(DefectKind::UnknownEncoding);
        Encoding::Identity
    });
    (token, encoding)
}

/// Where `word`, in lower case, stands in `octets` from `from` on, upper and lower case alike.
fn find_word(octets: &[u8], word: &[u8], from: usize) -> Option<usize> {
    let first = *word.first()?;
    let window = octets.get(from..)?;
    memchr::memchr2_iter(first, first.to_ascii_uppercase(), window)
        .find(|&at| window.get(at..at + word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word)))
        .map(|at| from + at)
}
