//! xtext, the coding of values in parameters and in XCLIENT: RFC 3461 §4.
//!
//! `xtext = *( xchar / hexchar )`: printable ASCII but `+` and `=` stands for itself, everything else is `+` and two
//! capital hexadecimal digits. What is read is decoded and coded again when it is written, so one value has one form
//! on our side, and nothing a client wrote is copied. What comes in pairs is coded, too, as any octet may be: Postfix
//! pairs quotes and brackets before it decodes, and a single one would swallow the parameters behind it.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use crate::path::is_beyond_ascii;

/// A decoded value: printable ASCII and blanks (RFC 3461 §4.2, §4.4), or letters beyond ASCII where that was allowed
/// (RFC 6533 §3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Xtext(Box<str>);

impl Xtext {
    /// Reads a value that fills `coded`. Letters beyond ASCII stand for themselves, if `unicode` allows any.
    pub(crate) fn parse(coded: &str, unicode: bool) -> Option<Self> {
        let mut text = String::with_capacity(coded.len());
        let mut letters = coded.chars();
        while let Some(letter) = letters.next() {
            let letter = match letter {
                '+' => Some(hex(letters.next()?)? << 4 | hex(letters.next()?)?)
                    .filter(|octet| matches!(octet, b' '..=b'~'))
                    .map(char::from)?,
                '!'..='~' if letter != '=' => letter,
                letter if unicode && is_beyond_ascii(letter) => letter,
                _ => return None,
            };
            text.push(letter);
        }
        if text.is_empty() { None } else { Some(Self(text.into())) }
    }

    /// Decoded.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Coded. Letters beyond ASCII stand for themselves: they are only there where SMTPUTF8 was asked for. So does `<>`,
/// the whole value of AUTH for nobody (RFC 4954 §5), which some may know by its looks alone.
impl fmt::Display for Xtext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if &*self.0 == "<>" {
            return f.write_str("<>");
        }
        for letter in self.0.chars() {
            if matches!(letter, ' ' | '+' | '=' | '"' | '<' | '>' | '[' | ']' | '(' | ')') {
                write!(f, "+{:02X}", u32::from(letter))?;
            } else {
                fmt::Write::write_char(f, letter)?;
            }
        }
        Ok(())
    }
}

/// One digit of `hexchar`, which has capitals only.
fn hex(digit: char) -> Option<u8> {
    match digit {
        '0'..='9' | 'A'..='F' => u8::try_from(digit.to_digit(16)?).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn one_value_has_one_form() {
        for (coded, text, again) in [
            ("QQ314159", "QQ314159", "QQ314159"),
            ("a+2Bb+3Dc+20d", "a+b=c d", "a+2Bb+3Dc+20d"),
            ("+41+62", "Ab", "Ab"),
            ("a\"<b>[c](d)", "a\"<b>[c](d)", "a+22+3Cb+3E+5Bc+5D+28d+29"),
            ("<>", "<>", "<>"),
            ("<<>", "<<>", "+3C+3C+3E"),
            ("bob@example.org", "bob@example.org", "bob@example.org"),
            (r"\x{1F600}@b", r"\x{1F600}@b", r"\x{1F600}@b"),
        ] {
            let value = Xtext::parse(coded, false).map(|value| (value.as_str().to_string(), value.to_string()));
            assert_eq!(value, Some((text.into(), again.into())));
        }
        assert_eq!(Xtext::parse("é+2B", true).map(|value| value.to_string()), Some("é+2B".into()));
    }

    #[test]
    fn what_is_no_xtext_is_refused() {
        for coded in
            ["", "a+", "a+4", "a+4g", "a+4b+", "+2b", "+é0", "a=b", "a b", "+0D+0A", "+00", "+7F", "+C3+A9", "é", "\t"]
        {
            assert_eq!(Xtext::parse(coded, false), None, "{coded}");
        }
        // Nor is a letter beyond ASCII smuggled in as a code.
        assert_eq!(Xtext::parse("+E9", true), None);
        assert_eq!(Xtext::parse("\u{2028}", true), None);
    }
}
