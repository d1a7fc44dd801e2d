//! Encoded words (RFC 2047): `=?charset?encoding?text?=` within field values.
//!
//! Read as recipients' programs do: anywhere in a value, blanks within the text allowed, bad base64 decoded as far
//! as it goes. Blanks between adjacent words vanish (RFC 2047 §6.2), and adjacent words of one charset are joined
//! before they become text, because programs cut multi-octet characters in two although RFC 2047 §5 forbids it.
//! Linear in the length of the value.

use alloc::string::String;
use alloc::vec::Vec;

use crate::charset::to_text;
use crate::transfer::decode_all_base64;

/// `value` (unfolded) with its encoded words decoded; what is none stays as it is.
pub fn decode_words(value: &[u8]) -> String {
    if memchr::memchr(b'=', value).is_none() {
        return to_text(None, value).0.into_owned();
    }
    let mut out = String::with_capacity(value.len());
    let mut joined = Joined::default();
    let mut plain = 0;
    let mut at = 0;
    while let Some(found) = memchr::memmem::find(value.get(at..).unwrap_or_default(), b"=?") {
        let start = at + found;
        let word = match Word::parse(value.get(start..).unwrap_or_default()) {
            Ok(word) => word,
            Err(Miss::NoWord) => {
                at = start + 2;
                continue;
            }
            // Nor does any later word end: looking again for each would cost quadratic time.
            Err(Miss::NoEnd) => break,
        };
        let before = value.get(plain..start).unwrap_or_default();
        if joined.label.is_none() || !before.iter().all(|&b| b == b' ' || b == b'\t') {
            joined.flush(&mut out);
            out.push_str(&to_text(None, before).0);
        }
        joined.add(&word, &mut out);
        at = start + word.len;
        plain = at;
    }
    joined.flush(&mut out);
    out.push_str(&to_text(None, value.get(plain..).unwrap_or_default()).0);
    out
}

/// One encoded word.
struct Word<'a> {
    /// Charset without the language of RFC 2231 §5.
    label: &'a [u8],
    base64: bool,
    text: &'a [u8],
    /// Octets of the whole word.
    len: usize,
}

/// Why there is no encoded word.
enum Miss {
    /// It does not begin like one.
    NoWord,
    /// It does, but no `?=` follows.
    NoEnd,
}

/// Charset names are short; a longer one is none.
const LABEL: usize = 64;

impl<'a> Word<'a> {
    /// The word at the beginning of `octets`, which begin with `=?`.
    fn parse(octets: &'a [u8]) -> Result<Self, Miss> {
        let after = octets.get(2..).unwrap_or_default();
        let label_len = after.iter().take(LABEL).position(|&b| b == b'?').ok_or(Miss::NoWord)?;
        let (label, after) = after.split_at(label_len);
        let label = label.split(|&b| b == b'*').next().unwrap_or_default();
        let [b'?', encoding @ (b'b' | b'B' | b'q' | b'Q'), b'?', text @ ..] = after else {
            return Err(Miss::NoWord);
        };
        if label.is_empty() {
            return Err(Miss::NoWord);
        }
        let end = memchr::memmem::find(text, b"?=").ok_or(Miss::NoEnd)?;
        let len = 2 + label_len + 3 + end + 2;
        Ok(Self { label, base64: encoding.eq_ignore_ascii_case(&b'b'), text: text.get(..end).unwrap_or_default(), len })
    }

    fn decode_into(&self, out: &mut Vec<u8>) {
        if self.base64 {
            decode_all_base64(self.text, out);
            return;
        }
        let mut rest = self.text;
        loop {
            rest = match rest {
                [b'=', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    out.push(hex(*high) << 4 | hex(*low));
                    after
                }
                [b'_', after @ ..] => {
                    out.push(b' ');
                    after
                }
                [octet, after @ ..] => {
                    out.push(*octet);
                    after
                }
                [] => return,
            };
        }
    }
}

/// Adjacent words of one charset.
#[derive(Default)]
struct Joined {
    label: Option<Vec<u8>>,
    octets: Vec<u8>,
}

impl Joined {
    fn add(&mut self, word: &Word<'_>, out: &mut String) {
        if self.label.as_ref().is_some_and(|label| !label.eq_ignore_ascii_case(word.label)) {
            self.flush(out);
        }
        if self.label.is_none() {
            self.label = Some(word.label.to_vec());
        }
        word.decode_into(&mut self.octets);
    }

    fn flush(&mut self, out: &mut String) {
        if let Some(label) = self.label.take() {
            out.push_str(&to_text(Some(&String::from_utf8_lossy(&label)), &self.octets).0);
            self.octets.clear();
        }
    }
}

/// Value of a hexadecimal digit; 0 for anything else.
pub(crate) fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn decodes() {
        let table: &[(&str, &str)] = &[
            ("plain", "plain"),
            ("=?utf-8?q?gr=C3=BCn?=", "grün"),
            ("=?UTF-8?B?Z3LDvG4=?=", "grün"),
            ("=?iso-8859-1?Q?a_b?= c", "a b c"),
            ("x =?iso-8859-1?Q?=fc?= y", "x ü y"),
            // RFC 2047 §8.
            ("(=?ISO-8859-1?Q?a?=)", "(a)"),
            ("(=?ISO-8859-1?Q?a?= b)", "(a b)"),
            ("(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
            ("(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"),
            ("(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
            ("(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
            // A character cut in two.
            ("=?utf-8?q?gr=C3?= =?UTF-8?q?=BCn?=", "grün"),
            ("=?utf-8?b?Z3LD?= =?utf-8?b?vG4=?=", "grün"),
            ("=?utf-8?q?gr=C3?= =?iso-8859-1?q?=FCn?=", "gr\u{fffd}ün"),
            ("=?utf-8*en?q?lang?=", "lang"),
            ("=?x-unknown?q?gr=FCn?=", "grün"),
            ("=?utf-8?b?Z3LDvG4?=", "grün"),
            ("=?utf-8?b?Z3L-DvG4?=", "grün"),
            ("=?utf-8?q?bad=ZZ=?=", "bad=ZZ="),
            ("=?utf-8?q?with blank?=", "with blank"),
            ("=?utf-8?q??=", ""),
            ("=?utf-8?q?=41?=", "A"),
            ("=?utf-8?q?one?==?utf-8?q?two?=", "onetwo"),
            ("=?utf-8?x?text?=", "=?utf-8?x?text?="),
            ("=?utf-8?q?open", "=?utf-8?q?open"),
            ("=?utf-8?q", "=?utf-8?q"),
            ("=??q?text?=", "=??q?text?="),
            ("=?=?utf-8?q?text?=", "=?text"),
            ("=?", "=?"),
        ];
        for (value, text) in table {
            assert_eq!(decode_words(value.as_bytes()), *text, "{value}");
        }
    }

    #[test]
    fn raw_octets_are_kept_readable() {
        assert_eq!(decode_words(b"gr\xfcn =?utf-8?q?x?="), "grün x");
    }

    #[test]
    fn words_that_never_end_cost_linear_time() {
        // Each of the 100,000 beginnings looks for an end that is not there.
        let value = vec![&b"=?a?q?x "[..]; 100_000].concat();
        assert_eq!(decode_words(&value).len(), value.len());
    }
}
