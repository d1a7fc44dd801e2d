//! Parameter lists of structured fields (RFC 2045 §5.1): `; name=value; name="quoted value" (comment)`.
//!
//! Read leniently, because recipients' programs do, and linearly, because a header may be a megabyte of them: one
//! pass, comments counted and not recursed into, at most [`Budget`] parameters an entity. What is not by the
//! grammar is reported as [`DefectKind::InvalidParameter`]. Where an unquoted value goes on after a blank
//! (`filename=my file.pdf`) both readings are kept.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::unfold::trim;
use crate::defect::DefectKind;
use crate::limits::Limits;

/// How many more parameters may be read for one entity.
#[derive(Debug)]
pub(crate) struct Budget {
    parameters: usize,
    pieces: usize,
    /// There were more parameters.
    pub(crate) hit_parameters: bool,
    /// There were more pieces by RFC 2231 §3.
    pub(crate) hit_pieces: bool,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { parameters: limits.parameters, pieces: limits.rfc2231_pieces, hit_parameters: false, hit_pieces: false }
    }
}

/// One parameter, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameter<'a> {
    /// As it came, without the marks of RFC 2231.
    pub(crate) name: &'a [u8],
    /// `*7`: which piece it is (RFC 2231 §3).
    pub(crate) piece: Option<u32>,
    /// A final `*`: charset, language and percent signs (RFC 2231 §4).
    pub(crate) extended: bool,
    /// By the grammar, without quotes.
    pub(crate) value: Cow<'a, [u8]>,
    /// Up to the next semicolon, where that is another value.
    pub(crate) loose: Option<Cow<'a, [u8]>>,
}

/// Reports something odd.
pub(crate) type Odd<'a> = &'a mut dyn FnMut(DefectKind);

/// The media type in front of the parameters of a Content-Type, in lower case, if it can be read; and the list.
pub(crate) fn parse_media_type<'a>(value: &'a [u8], odd: Odd<'_>) -> (Option<String>, &'a [u8]) {
    let mut cursor = Cursor(value);
    cursor.skip_blanks_and_comments(odd);
    let start = cursor.0;
    let kind = cursor.token();
    cursor.skip_blanks_and_comments(odd);
    if !kind.is_empty() && cursor.skip(b'/') {
        cursor.skip_blanks_and_comments(odd);
        let subtype = cursor.token();
        if !subtype.is_empty() {
            let mut media_type = lower_case(kind);
            media_type.push('/');
            media_type.push_str(&lower_case(subtype));
            return (Some(media_type), cursor.0);
        }
    }
    odd(DefectKind::InvalidContentType);
    (None, if cursor.0.first() == Some(&b'=') { start } else { from_semicolon(start) })
}

/// The token in front of the parameters of a Content-Disposition, in lower case, and the list. Of a
/// Content-Transfer-Encoding, which has no parameters, the list must be blank.
pub(crate) fn parse_token<'a>(value: &'a [u8], odd: Odd<'_>) -> (Option<String>, &'a [u8]) {
    let mut cursor = Cursor(value);
    cursor.skip_blanks_and_comments(odd);
    let start = cursor.0;
    let token = cursor.token();
    cursor.skip_blanks_and_comments(odd);
    if cursor.0.first() == Some(&b'=') {
        return (None, start);
    }
    if token.is_empty() {
        return (None, cursor.0);
    }
    (Some(lower_case(token)), cursor.0)
}

/// All parameters of a list, which begins behind the value in front of it.
pub(crate) fn parse_list<'a>(list: &'a [u8], budget: &mut Budget, odd: Odd<'_>) -> Vec<Parameter<'a>> {
    let mut cursor = Cursor(list);
    let mut parameters = Vec::new();
    loop {
        let mut separated = false;
        loop {
            cursor.skip_blanks_and_comments(odd);
            if !cursor.skip(b';') {
                break;
            }
            separated = true;
        }
        if cursor.0.is_empty() {
            return parameters;
        }
        if !separated {
            odd(DefectKind::InvalidParameter);
        }
        let name = cursor.take_until(|b| matches!(b, b'=' | b';' | b'(' | b'"') || is_blank(b));
        cursor.skip_blanks_and_comments(odd);
        if name.is_empty() || !cursor.skip(b'=') {
            odd(DefectKind::InvalidParameter);
            if name.is_empty() {
                cursor.0 = from_semicolon(cursor.0);
            }
            continue;
        }
        if budget.parameters == 0 {
            budget.hit_parameters = true;
            return parameters;
        }
        budget.parameters -= 1;
        cursor.skip_blanks_and_comments(odd);
        let (value, loose) = cursor.value(is_name_of_file(name), odd);
        let parameter = Parameter::new(name, value, loose, odd);
        if parameter.piece.is_some() {
            if budget.pieces == 0 {
                budget.hit_pieces = true;
                continue;
            }
            budget.pieces -= 1;
        }
        parameters.push(parameter);
    }
}

impl<'a> Parameter<'a> {
    fn new(name: &'a [u8], value: Cow<'a, [u8]>, loose: Option<Cow<'a, [u8]>>, odd: Odd<'_>) -> Self {
        let (base, extended) = name.strip_suffix(b"*").map_or((name, false), |base| (base, true));
        let mut parts = base.splitn(2, |&b| b == b'*');
        let (base, digits) = (parts.next().unwrap_or_default(), parts.next());
        let piece = digits.and_then(|digits| {
            let number = core::str::from_utf8(digits).ok()?.parse().ok()?;
            // RFC 2231 §3: no leading zeros, and of course no sign.
            if digits.starts_with(b"0") && digits.len() > 1 || digits.starts_with(b"+") {
                odd(DefectKind::InvalidRfc2231);
            }
            Some(number)
        });
        if digits.is_some() && piece.is_none() {
            odd(DefectKind::InvalidRfc2231);
        }
        Self { name: base, piece, extended, value, loose }
    }
}

/// Whether a parameter is the name of a file.
fn is_name_of_file(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"filename") || name.eq_ignore_ascii_case(b"name")
}

/// Octets of a name that may have parameters in it; each of them is read once more.
const LOOSE_NAME: usize = 255;

fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

/// RFC 2045 §5.1: printable ASCII without its special characters.
fn is_token(octet: u8) -> bool {
    let is_special = matches!(
        octet,
        b'(' | b')' | b'<' | b'>' | b'@' | b',' | b';' | b':' | b'\\' | b'"' | b'/' | b'[' | b']' | b'?' | b'='
    );
    octet.is_ascii_graphic() && !is_special
}

fn from_semicolon(octets: &[u8]) -> &[u8] {
    memchr::memchr(b';', octets).and_then(|at| octets.get(at..)).unwrap_or_default()
}

/// What is left of a value.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn skip(&mut self, octet: u8) -> bool {
        match self.0 {
            [first, rest @ ..] if *first == octet => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn take_until(&mut self, ends: impl Fn(u8) -> bool) -> &'a [u8] {
        let len = self.0.iter().position(|&b| ends(b)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }

    fn token(&mut self) -> &'a [u8] {
        self.take_until(|b| !is_token(b))
    }

    fn skip_blanks_and_comments(&mut self, odd: Odd<'_>) {
        loop {
            self.take_until(|b| !is_blank(b));
            if self.0.first() != Some(&b'(') {
                return;
            }
            let mut depth = 0usize;
            while let [octet, rest @ ..] = self.0 {
                self.0 = rest;
                match octet {
                    b'(' => depth += 1,
                    b')' => depth -= 1,
                    b'\\' => self.0 = self.0.get(1..).unwrap_or_default(),
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
            if depth > 0 {
                odd(DefectKind::InvalidParameter);
            }
        }
    }

    /// A value, and the other value that it has where the grammar is not kept. `is_name`: of a file, which may have an
    /// equals sign.
    fn value(&mut self, is_name: bool, odd: Odd<'_>) -> (Cow<'a, [u8]>, Option<Cow<'a, [u8]>>) {
        if self.skip(b'"') {
            let value = self.quoted(odd);
            // `"report.pdf".exe`
            let tail = self.take_until(|b| matches!(b, b';' | b'(' | b'"') || is_blank(b));
            if tail.is_empty() {
                return (value, None);
            }
            odd(DefectKind::InvalidParameter);
            let loose = [&value, tail].concat();
            return (value, Some(Cow::Owned(loose)));
        }
        let all = self.0;
        let value = self.take_until(|b| matches!(b, b';' | b'(') || is_blank(b));
        if !self.0.iter().any(|&b| !is_blank(b)) || self.0.first() == Some(&b';') {
            return (Cow::Borrowed(value), None);
        }
        let len = memchr::memchr(b';', all).unwrap_or(all.len());
        let (loose, after) = all.split_at(len);
        let tail = trim(loose.get(value.len()..).unwrap_or_default());
        if tail.is_empty() {
            return (Cow::Borrowed(value), None);
        }
        if memchr::memchr(b'=', tail).is_some() {
            // A forgotten semicolon, or a comment: what follows is read as the next parameter.
            let is_whole = is_name && loose.len() <= LOOSE_NAME;
            return (Cow::Borrowed(value), is_whole.then(|| Cow::Borrowed(trim(loose))));
        }
        if tail.starts_with(b"(") && tail.ends_with(b")") {
            // A comment by the grammar, part of the name to many programs: `report(1).pdf`, `us-ascii (plain)`.
            self.0 = after;
            return (Cow::Borrowed(value), Some(Cow::Borrowed(trim(loose))));
        }
        odd(DefectKind::InvalidParameter);
        self.0 = after;
        (Cow::Borrowed(value), Some(Cow::Borrowed(trim(loose))))
    }

    /// What is left of a quoted string after its first quote.
    fn quoted(&mut self, odd: Odd<'_>) -> Cow<'a, [u8]> {
        let mut value = Cow::Borrowed(&[][..]);
        loop {
            let len = memchr::memchr2(b'"', b'\\', self.0).unwrap_or(self.0.len());
            let (run, rest) = self.0.split_at(len);
            if value.is_empty() {
                value = Cow::Borrowed(run);
            } else {
                value.to_mut().extend_from_slice(run);
            }
            self.0 = match rest {
                [b'"', rest @ ..] => {
                    self.0 = rest;
                    return value;
                }
                [b'\\', quoted, rest @ ..] => {
                    value.to_mut().push(*quoted);
                    rest
                }
                _ => {
                    odd(DefectKind::InvalidParameter);
                    self.0 = &[];
                    return value;
                }
            };
        }
    }
}

/// A token, which is ASCII.
fn lower_case(token: &[u8]) -> String {
    let mut text = String::with_capacity(2 * token.len() + 1);
    text.push_str(core::str::from_utf8(token).unwrap_or_default());
    text.make_ascii_lowercase();
    text
}

#[cfg(test)]
#[path = "parameter_tests.rs"]
mod tests;
