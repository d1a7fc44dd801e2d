//! Puts the forms of one parameter together (RFC 2231): pieces joined, percent signs and charsets decoded.
//!
//! A parameter may come plain (`name=`), extended (`name*=`) and in pieces (`name*0*=`), each more than once; all
//! forms are kept, because programs differ in which they show.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::encoded_word::{decode_words, hex};
use super::parameter::{Odd, Parameter};
use crate::charset::to_text;
use crate::defect::DefectKind;
use crate::dialect::Pick;

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `name*=` or `name*0=`, `name*1=`, ….
    Extended,
    /// `name=`.
    Plain,
    /// A further reading that is not by the grammar.
    Loose,
}

/// One value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) form: Form,
    pub(crate) octets: Vec<u8>,
    charset: Option<String>,
}

impl Value {
    fn new(form: Form, octets: Vec<u8>) -> Self {
        Self { form, octets, charset: None }
    }

    /// As text, encoded words as they stand.
    pub(crate) fn text(&self) -> String {
        to_text(self.charset.as_deref(), &self.octets).0.into_owned()
    }

    /// As text with encoded words decoded, where there are any.
    pub(crate) fn decoded(&self) -> Option<String> {
        memchr::memmem::find(&self.octets, b"=?")?;
        let decoded = decode_words(self.text().as_bytes());
        (decoded.as_bytes() != self.octets).then_some(decoded)
    }
}

/// All values of parameter `name` (in lower case) in one field, the preferred ones of each form first: extended,
/// then plain, each followed by its loose readings.
pub(crate) fn values(parameters: &[Parameter<'_>], name: &str, pick: Pick, odd: Odd<'_>) -> Vec<Value> {
    let mut named = parameters.iter().filter(|parameter| parameter.name.eq_ignore_ascii_case(name.as_bytes()));
    match (named.next(), named.next()) {
        (None, _) => return Vec::new(),
        // Nearly always there is one, and it is plain.
        (Some(Parameter { piece: None, extended: false, loose: None, value, .. }), None) => {
            return vec![Value::new(Form::Plain, value.to_vec())];
        }
        _ => {}
    }
    let mut pieces = Vec::new();
    let mut extended = Vec::new();
    let mut plain = Vec::new();
    for parameter in parameters.iter().filter(|parameter| parameter.name.eq_ignore_ascii_case(name.as_bytes())) {
        match (parameter.piece, parameter.extended) {
            (Some(number), _) => pieces.push((number, parameter)),
            (None, true) => extended.push(parameter),
            (None, false) => plain.push(parameter),
        }
    }
    if extended.len() > 1 || plain.len() > 1 {
        odd(DefectKind::DuplicateParameter);
    }
    if pick == Pick::Last {
        extended.reverse();
        plain.reverse();
    }
    let mut values = Vec::new();
    if !pieces.is_empty() {
        join(pieces, pick, &mut values, odd);
    }
    for parameter in extended {
        let (charset, rest) = split_charset(&parameter.value, odd);
        let mut octets = Vec::new();
        decode_percent(rest, &mut octets, odd);
        values.push(Value { form: Form::Extended, octets, charset });
    }
    for parameter in plain {
        if let Some(loose) = &parameter.loose {
            values.push(Value::new(Form::Loose, loose.to_vec()));
        }
        values.push(Value::new(Form::Plain, parameter.value.to_vec()));
    }
    values
}

/// Joins pieces in the order of their numbers, up to the first that is missing (RFC 2231 §3); where they are not
/// simply in order, also all of them as they came.
fn join(mut pieces: Vec<(u32, &Parameter<'_>)>, pick: Pick, values: &mut Vec<Value>, odd: Odd<'_>) {
    let as_they_came = pieces.clone();
    if pick == Pick::Last {
        // The sort is stable: of two with one number the last now comes first.
        pieces.reverse();
    }
    pieces.sort_by_key(|&(number, _)| number);
    pieces.dedup_by_key(|&mut (number, _)| number);
    let gap = pieces.iter().zip(0..).position(|(&(number, _), expected)| number != expected);
    pieces.truncate(gap.unwrap_or(pieces.len()));
    let plain = as_they_came.len() == pieces.len() && as_they_came.is_sorted_by_key(|&(number, _)| number);
    if !pieces.is_empty() {
        values.push(concatenate(&pieces, Form::Extended, odd));
    }
    if !plain {
        odd(DefectKind::InvalidRfc2231);
        values.push(concatenate(&as_they_came, Form::Loose, &mut |_| {}));
    }
}

fn concatenate(pieces: &[(u32, &Parameter<'_>)], form: Form, odd: Odd<'_>) -> Value {
    let mut value = Value::new(form, Vec::new());
    for (index, (_, parameter)) in pieces.iter().enumerate() {
        if !parameter.extended {
            value.octets.extend_from_slice(&parameter.value);
            continue;
        }
        let mut rest = &*parameter.value;
        if index == 0 {
            (value.charset, rest) = split_charset(rest, odd);
        }
        decode_percent(rest, &mut value.octets, odd);
    }
    value
}

/// `charset'language'rest` (RFC 2231 §4).
fn split_charset<'a>(value: &'a [u8], odd: Odd<'_>) -> (Option<String>, &'a [u8]) {
    let mut parts = value.splitn(3, |&b| b == b'\'');
    if let (Some(charset), Some(_), Some(rest)) = (parts.next(), parts.next(), parts.next()) {
        let charset = String::from_utf8_lossy(charset).to_ascii_lowercase();
        return ((!charset.is_empty()).then_some(charset), rest);
    }
    odd(DefectKind::InvalidRfc2231);
    (None, value)
}

/// Puts `value` into `out` with its percent codes resolved.
pub(crate) fn decode_percent(value: &[u8], out: &mut Vec<u8>, odd: Odd<'_>) {
    let mut rest = value;
    loop {
        let len = memchr::memchr(b'%', rest).unwrap_or(rest.len());
        let (run, after) = rest.split_at(len);
        out.extend_from_slice(run);
        rest = match after {
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(hex(*high) << 4 | hex(*low));
                rest
            }
            [percent, rest @ ..] => {
                odd(DefectKind::InvalidRfc2231);
                out.push(*percent);
                rest
            }
            [] => return,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::super::parameter::{Budget, parse_list};
    use super::*;
    use crate::limits::Limits;
    use alloc::string::ToString;

    fn read(list: &str, pick: Pick) -> (Vec<String>, Vec<DefectKind>) {
        let mut odd = Vec::new();
        let mut budget = Budget::new(&Limits::DEFAULT);
        let parameters = parse_list(list.as_bytes(), &mut budget, &mut |_| {});
        let values = values(&parameters, "n", pick, &mut |kind| odd.push(kind));
        odd.sort();
        odd.dedup();
        (values.iter().map(Value::text).collect(), odd)
    }

    #[test]
    fn puts_forms_together() {
        use DefectKind::{DuplicateParameter as D, InvalidRfc2231 as I};
        let table: &[(&str, &[&str], &[DefectKind])] = &[
            ("; m=x", &[], &[]),
            ("; n=x", &["x"], &[]),
            ("; n*=utf-8'de'gr%C3%BCn", &["grün"], &[]),
            ("; n*=iso-8859-1''gr%fcn", &["grün"], &[]),
            ("; n*=''plain", &["plain"], &[]),
            ("; n*=no quotes%20here", &["no"], &[I]),
            ("; n*=utf-8''100%", &["100%"], &[I]),
            ("; n*=utf-8''%zz%4", &["%zz%4"], &[I]),
            ("; n*=utf-8''it's", &["it's"], &[]),
            ("; n=plain; n*=utf-8''extended", &["extended", "plain"], &[]),
            ("; n*0=\"ab\"; n*1=\"cd\"", &["abcd"], &[]),
            // RFC 2231 §4.1
            (
                "; n*0*=us-ascii'en'This%20is%20even%20more%20; n*1*=%2A%2A%2Afun%2A%2A%2A%20; n*2=\"isn't it!\"",
                &["This is even more ***fun*** isn't it!"],
                &[],
            ),
            // A character cut in two by the pieces.
            ("; n*0*=utf-8''gr%C3; n*1*=%BCn", &["grün"], &[]),
            ("; n*1=b; n*0=a", &["ab", "ba"], &[I]),
            ("; n*0=a; n*2=c", &["a", "ac"], &[I]),
            ("; n*1=b; n*2=c", &["bc"], &[I]),
            ("; n*0=a; n*0=x; n*1=b", &["ab", "axb"], &[I]),
            ("; n*10=k; n*0=a;n*1=b", &["ab", "kab"], &[I]),
            ("; n=1; n=2", &["1", "2"], &[D]),
            ("; n=my file.pdf", &["my file.pdf", "my"], &[]),
        ];
        for (list, texts, odd) in table {
            let expected = (texts.iter().map(ToString::to_string).collect(), odd.to_vec());
            assert_eq!(read(list, Pick::First), expected, "{list}");
        }
    }

    #[test]
    fn the_dialect_picks_among_duplicates() {
        assert_eq!(read("; n=1; n=2", Pick::Last).0, ["2", "1"]);
        assert_eq!(read("; n*=''1; n*=''2", Pick::Last).0, ["2", "1"]);
        assert_eq!(read("; n*0=a; n*0=x; n*1=b", Pick::Last).0, ["xb", "axb"]);
    }
}
