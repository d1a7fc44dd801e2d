//! Values of attributes, in whatever tag: what stands behind an equals sign, quoted or not.

use alloc::borrow::Cow;
use alloc::string::String;

use crate::found::{Finds, TooMany};
use crate::in_text;
use crate::letters::is_blank;
use crate::reference::resolved;
use crate::schemed::begins_with_scheme;

/// Notes the values in `text` that are URLs, and if there is a base all others as well.
pub(crate) fn values(text: &str, finds: &mut Finds<'_>) -> Result<(), TooMany> {
    let mut rest = text;
    // A quote that does not occur any more is not looked for again.
    let mut unclosed = [false; 2];
    // How much is left behind the last quoted value without a tag; what is within is not relative to a base.
    let mut after_quoted = usize::MAX;
    while let Some(equals) = memchr::memchr(b'=', rest.as_bytes()) {
        let Some(behind) = rest.get(equals + 1..) else { break };
        let Some((value, others)) = value(behind, &mut unclosed) else {
            rest = behind;
            continue;
        };
        // A quote in running text may begin what is no value and swallow a tag, and a value may hold others: it is
        // searched as well. Those of one kind of quotes do not overlap, so that this stays linear.
        let is_within = behind.len() > after_quoted;
        rest = others;
        if let Some(inner) = behind.trim_start_matches(is_blank).strip_prefix(['"', '\'']) {
            rest = inner;
            if !value.contains('<') {
                after_quoted = others.len();
            }
        }
        let has_base = finds.has_base() && !is_within;
        // Most attributes are names and numbers.
        let says = |value: &str| value.bytes().any(|octet| matches!(octet, b':' | b'/' | b'\\'));
        if has_base || value.contains('&') || says(value) {
            let value = resolved(value);
            if has_base || says(&value) {
                note(&value, has_base, finds)?;
            }
            // Browsers take them out of a URL within it, as in `content="0;url=..."`.
            if says(&value) && value.trim_matches(|character| character <= ' ').contains(['\t', '\r', '\n']) {
                in_text(&cleaned(&value), finds)?;
            }
        }
    }
    Ok(())
}

fn note(value: &str, has_base: bool, finds: &mut Finds<'_>) -> Result<(), TooMany> {
    let value = cleaned(value);
    if begins_with_scheme(&value) || ["//", "\\\\", "/\\", "\\/"].iter().any(|pair| value.starts_with(pair)) {
        finds.candidate(&value)
    } else if has_base {
        finds.relative(&value)
    } else {
        Ok(())
    }
}

/// As browsers read it: without what is blank at both ends, and without tabs and line ends.
pub(crate) fn cleaned(value: &str) -> Cow<'_, str> {
    let value = value.trim_matches(|character| character <= ' ');
    if value.contains(['\t', '\r', '\n']) {
        return Cow::Owned(value.chars().filter(|c| !matches!(c, '\t' | '\r' | '\n')).collect::<String>());
    }
    Cow::Borrowed(value)
}

/// The value that `text`, from behind an equals sign on, begins with, and what follows; `None` if there is none.
/// `unclosed` are the quotes, double and single, that are known not to occur any more.
pub(crate) fn value<'a>(text: &'a str, unclosed: &mut [bool; 2]) -> Option<(&'a str, &'a str)> {
    let text = text.trim_start_matches(is_blank);
    let quote = match text.as_bytes().first()? {
        b'"' => 0,
        b'\'' => 1,
        _ => {
            let end = text.find(|c| matches!(c, '"' | '\'' | '<' | '>' | '`') || is_blank(c)).unwrap_or(text.len());
            return text.split_at_checked(end).filter(|(value, _)| !value.is_empty());
        }
    };
    let [double, single] = unclosed;
    let (unclosed, quote) = if quote == 0 { (double, b'"') } else { (single, b'\'') };
    let inner = text.get(1..)?;
    let end = if *unclosed { None } else { memchr::memchr(quote, inner.as_bytes()) };
    *unclosed = end.is_none();
    Some((inner.get(..end?)?, inner.get(end? + 1..)?))
}
