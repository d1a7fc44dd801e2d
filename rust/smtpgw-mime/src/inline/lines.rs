//! What a single line says of files within text.

use alloc::string::String;

use crate::charset::to_text;

/// Whether a line, blanks around it aside, has only what base64 is written in.
pub(super) fn is_base64(line: &[u8]) -> bool {
    line.trim_ascii().iter().all(|octet| octet.is_ascii_alphanumeric() || b"+/=".contains(octet))
}

/// Whether a file begins by one of the lines that cannot be anything else.
pub(super) fn begins_a_file(line: &[u8]) -> bool {
    let is_uuencoded = |after| name_of(after).1;
    line.starts_with(b"=ybegin ")
        || line.starts_with(b"begin-base64 ")
        || behind_begin(line).is_some_and(is_uuencoded)
        || begins_pem(line)
}

/// What stands behind the word by which uuencode begins, in any case, and the blank behind it.
pub(super) fn behind_begin(line: &[u8]) -> Option<&[u8]> {
    let (word, rest) = line.split_at_checked(5)?;
    let rest = rest.strip_prefix(b" ").or_else(|| rest.strip_prefix(b"\t"))?;
    word.eq_ignore_ascii_case(b"begin").then_some(rest)
}

/// Whether it is the line before a CMS (RFC 7468 §8, §9), under one of the names that programs give it.
pub(super) fn begins_pem(line: &[u8]) -> bool {
    let label = line.trim_ascii().strip_prefix(b"-----BEGIN ").and_then(|line| line.strip_suffix(b"-----"));
    label.is_some_and(|label| PEM.contains(&label.trim_ascii()))
}

/// Whether a line ends a file in base64, one of PEM with it.
pub(super) fn ends_base64(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line == b"====" || line.starts_with(b"-----END ")
}

const PEM: [&[u8]; 6] = [b"PKCS7", b"PKCS #7 SIGNED DATA", b"CMS", b"SIGNED MESSAGE", b"ENCRYPTED MESSAGE", b"SMIME"];

/// The name behind a mode in octal digits, or without one; whether there is a mode.
pub(super) fn name_of(after: &[u8]) -> (String, bool) {
    let after = after.trim_ascii_start();
    let digits = after.iter().position(|octet| !matches!(octet, b'0'..=b'7')).unwrap_or(after.len());
    let rest = after.get(digits..).unwrap_or_default();
    let has_mode = digits >= 3 && rest.first().is_none_or(|octet| b" \t".contains(octet));
    (text_of(if has_mode { rest } else { after }), has_mode)
}

pub(super) fn text_of(name: &[u8]) -> String {
    to_text(None, name.trim_ascii()).0.into_owned()
}

/// Whether a line is one of uuencode: its first character says how many octets it holds, and so many characters of the
/// alphabet follow. Blanks at its end may be missing, and programs do not look at what is too much; `strict`: nothing
/// of either, but for a checksum.
pub(super) fn is_uuencoded(line: &[u8], strict: bool) -> bool {
    let Some((&count, groups)) = line.split_first() else { return false };
    let expected = usize::from(uu_value(count)).div_ceil(3) * 4;
    let is_of_it = |octets: &[u8]| octets.iter().all(|octet| matches!(octet, b' '..=b'`'));
    let within = groups.get(..expected).unwrap_or(groups);
    if strict {
        return is_of_it(line)
            && groups.trim_ascii_end().len() <= expected + 2
            && expected > 0
            && groups.len() * 2 >= expected;
    }
    is_of_it(&[count]) && is_of_it(within) && (expected > 0 || groups.trim_ascii_end().len() <= 2)
}

pub(super) fn uu_value(octet: u8) -> u8 {
    octet.wrapping_sub(b' ') & 0x3f
}
