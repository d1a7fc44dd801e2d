//! Attributes as XCLIENT and XFORWARD write them: ` NAME=value`, values in xtext (RFC 3461 §4), in commands of at most
//! 512 octets.
//!
//! Values come from a stranger (its HELO name, its reverse DNS), so every octet is coded but for those that names and
//! addresses are made of. Postfix takes a command apart before it decodes anything, and looks for pairs while it does:
//! behind `HELO="x` or `HELO=<x` the attributes that follow are part of the value, ADDR among them, and the stranger
//! has our own address. A value that is empty or coded in more than 255 octets is `[UNAVAILABLE]`: Postfix answers 501
//! to it, and half a value would be a false one.

use alloc::string::String;
use alloc::vec::Vec;

use crate::limits;

/// The value of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XclientValue<'a> {
    /// It is known; written in xtext.
    Known(&'a str),
    /// There is none: `[UNAVAILABLE]`.
    Unavailable,
    /// It could not be found out for now: `[TEMPUNAVAIL]`.
    TemporarilyUnavailable,
}

/// Which of the commands is the fullest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fullest {
    First,
    Last,
}

/// What stands behind `verb` on as many lines as it takes, each attribute with a blank in front, in their order.
pub(crate) fn lines<'a>(
    verb: &str,
    attributes: impl DoubleEndedIterator<Item = (&'static str, XclientValue<'a>)>,
    fullest: Fullest,
) -> Vec<String> {
    let room = limits::XCLIENT_LINE.saturating_sub(verb.len() + "\r\n".len());
    let mut lines: Vec<String> = Vec::new();
    let mut put = |(name, value)| {
        let piece = attribute(name, value);
        match lines.last_mut() {
            Some(line) if line.len() + piece.len() <= room && fullest == Fullest::First => line.push_str(&piece),
            Some(line) if line.len() + piece.len() <= room => line.insert_str(0, &piece),
            _ => lines.push(piece),
        }
    };
    match fullest {
        Fullest::First => attributes.for_each(put),
        Fullest::Last => {
            attributes.rev().for_each(&mut put);
            lines.reverse();
        }
    }
    lines
}

/// ` NAME=value`
fn attribute(name: &str, value: XclientValue<'_>) -> String {
    let mut coded = String::new();
    let text = match value {
        XclientValue::Known(text) => {
            push_xtext(&mut coded, text);
            if coded.is_empty() || coded.len() > limits::XCLIENT_VALUE { UNAVAILABLE } else { &coded }
        }
        XclientValue::Unavailable => UNAVAILABLE,
        XclientValue::TemporarilyUnavailable => "[TEMPUNAVAIL]",
    };
    alloc::format!(" {name}={text}")
}

const UNAVAILABLE: &str = "[UNAVAILABLE]";

/// `xtext = *( xchar / hexchar )`, RFC 3461 §4, in which any octet may be coded. Brackets are, so no name looks like
/// `[UNAVAILABLE]`.
fn push_xtext(out: &mut String, text: &str) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_' | b':' | b'@') {
            out.push(char::from(octet));
        } else {
            out.push('+');
            out.extend([octet >> 4, octet & 15].map(|half| HEX[usize::from(half)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn written(values: &[&str], fullest: Fullest) -> Vec<String> {
        const NAMES: [&str; 3] = ["A", "B", "C"];
        let attributes = NAMES.into_iter().zip(values.iter().map(|value| XclientValue::Known(value)));
        let attributes: Vec<_> = attributes.collect();
        lines("VERB", attributes.into_iter(), fullest)
    }

    #[test]
    fn values_cannot_break_out() {
        let lines = written(&["a b\r\nQUIT +=\u{e9}", "[UNAVAILABLE]"], Fullest::First);
        assert_eq!(lines, [" A=a+20b+0D+0AQUIT+20+2B+3D+C3+A9 B=+5BUNAVAILABLE+5D"]);
    }

    #[test]
    fn nothing_that_comes_in_pairs_stands_for_itself() {
        let ascii: String = (b' '..=b'~').map(char::from).collect();
        let lines = written(&[&ascii], Fullest::First);
        let value = lines.first().and_then(|line| line.strip_prefix(" A=")).unwrap_or_default();
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"+.-_:@".contains(&octet);
        assert!(value.len() > ascii.len() && value.bytes().all(plain), "{value}");
        for (name, coded) in
            [("\"c", "+22c"), ("a<b", "a+3Cb"), ("a[b", "a+5Bb"), ("a\\", "a+5C"), ("my pc", "my+20pc")]
        {
            assert_eq!(written(&[name], Fullest::Last), [alloc::format!(" A={coded}")]);
        }
    }

    #[test]
    fn values_that_postfix_would_refuse_are_unavailable() {
        let h = |octets| "h".repeat(octets);
        for (value, expected) in [
            (h(255), h(255)),
            (h(256), UNAVAILABLE.into()),
            ("=".repeat(86), UNAVAILABLE.into()),
            (h(0), UNAVAILABLE.into()),
        ] {
            assert_eq!(written(&[&value], Fullest::Last), [alloc::format!(" A={expected}")]);
        }
    }

    #[test]
    fn commands_are_split_at_512_octets() {
        // "VERB", " A=", " B=" and CRLF are twelve octets.
        for (octets, commands) in [(512, 1), (513, 2)] {
            let (one, other) = ("h".repeat(250), "h".repeat(octets - 12 - 250));
            for fullest in [Fullest::First, Fullest::Last] {
                assert_eq!(written(&[&one, &other], fullest).len(), commands, "{octets}");
            }
        }
        let long = "h".repeat(250);
        let split = |fullest| written(&[&long, &long, &long], fullest).iter().map(String::len).collect::<Vec<_>>();
        assert_eq!((split(Fullest::First), split(Fullest::Last)), (vec![506, 253], vec![253, 506]));
    }
}
