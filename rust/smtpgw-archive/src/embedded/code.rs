//! Octets in characters: base64 in either alphabet, hexadecimal digits, or as they stand.

#[derive(Clone, Copy)]
pub(super) enum Code {
    Base64 { bits: u32, count: u32 },
    Hex(Option<u8>),
    Plain,
}

impl Code {
    pub(super) const fn base64() -> Self {
        Self::Base64 { bits: 0, count: 0 }
    }

    /// Takes a character that is one of the alphabet.
    pub(super) fn take(&mut self, octet: u8, out: &mut Vec<u8>) {
        match self {
            Self::Plain => out.push(octet),
            Self::Hex(first) => match (hex(octet), *first) {
                (Some(digit), Some(high)) => {
                    out.push(high << 4 | digit);
                    *first = None;
                }
                (digit, _) => *first = digit,
            },
            Self::Base64 { bits, count } => {
                *bits = *bits << 6 | sextet(octet);
                *count += 6;
                if *count >= 8 {
                    *count -= 8;
                    out.push((*bits >> *count) as u8);
                    *bits &= (1 << *count) - 1;
                }
            }
        }
    }
}

/// The value of a character that is known to be one of the alphabet, of either.
const fn sextet(octet: u8) -> u32 {
    (match octet {
        b'A'..=b'Z' => octet - b'A',
        b'a'..=b'z' => octet - b'a' + 26,
        b'0'..=b'9' => octet - b'0' + 52,
        b'+' | b'-' => 62,
        _ => 63,
    }) as u32
}

/// The value of a digit.
pub(super) fn hex(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_octets() {
        let octets = |mut code: Code, text: &[u8]| {
            let mut out = Vec::new();
            text.iter().for_each(|octet| code.take(*octet, &mut out));
            out
        };
        assert_eq!(octets(Code::base64(), b"+/+/YQ"), octets(Code::base64(), b"-_-_YQ"));
        assert_eq!(octets(Code::base64(), b"YWJjZ"), b"abc");
        assert_eq!(octets(Code::Hex(None), b"4d5A9"), b"MZ");
        assert_eq!(octets(Code::Plain, b"%41"), b"%41");
    }
}
