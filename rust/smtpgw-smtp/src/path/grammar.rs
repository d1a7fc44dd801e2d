//! The grammar of a path, octet by octet: RFC 5321 §4.1.2, and RFC 6531 §3.3 for what is not ASCII. What is taken
//! beside it, and why, is said in [`super`] and nowhere else.
//!
//! Of letters beyond ASCII the RFC says only that they are UTF-8. Controls, line ends, blanks and turns of direction
//! are refused all the same: no address has them, and what a log viewer or a lenient server makes of them is anybody's
//! guess. In domains the look-alikes of the dot are refused as well, since they would hide a label (RFC 3490 §3.1).

use core::net::{Ipv4Addr, Ipv6Addr};

use super::{Mailbox, PathError};
use crate::limits;

/// `"<" [ A-d-l ":" ] Mailbox ">"`, or a mailbox alone: what is in it, and what is behind it.
pub(super) fn path(text: &str) -> Result<(Mailbox, &str), PathError> {
    match text.strip_prefix('<') {
        Some(inside) => bracketed(inside),
        None => bare(text),
    }
}

/// `"<" Local-part ">"`, unquoted and without a domain: what is in it, and what is behind it.
pub(super) fn name(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.strip_prefix('<')?.split_once('>')?;
    let is_name =
        (1..=limits::LOCAL_PART).contains(&name.len()) && name.chars().all(|letter| is_atext(letter) || letter == '.');
    is_name.then_some((name, rest))
}

/// Behind the opening bracket. The source route is read strictly and dropped.
fn bracketed(inside: &str) -> Result<(Mailbox, &str), PathError> {
    let inside = if inside.starts_with('@') { behind_source_route(inside)? } else { inside };
    let (mailbox, rest) = mailbox(inside)?;
    Ok((mailbox, rest.strip_prefix('>').ok_or(PathError)?))
}

/// Without brackets it is the first blank that ends it, or nothing is behind it.
fn bare(text: &str) -> Result<(Mailbox, &str), PathError> {
    let (word, rest) = text.split_at_checked(text.find(' ').unwrap_or(text.len())).ok_or(PathError)?;
    Ok((Mailbox::parse(word)?, rest))
}

/// `A-d-l = At-domain *( "," At-domain )`, then `":"`.
fn behind_source_route(text: &str) -> Result<&str, PathError> {
    let mut rest = text;
    loop {
        rest = rest.strip_prefix('@').ok_or(PathError)?;
        let end = rest.find([',', ':']).ok_or(PathError)?;
        let (host, tail) = rest.split_at_checked(end).ok_or(PathError)?;
        if !is_domain(host) {
            return Err(PathError);
        }
        match tail.strip_prefix(':') {
            Some(mailbox) => return Ok(mailbox),
            None => rest = tail.strip_prefix(',').ok_or(PathError)?,
        }
    }
}

/// `Local-part "@" ( Domain / address-literal )` at the start of `text`, and what is behind it.
pub(super) fn mailbox(text: &str) -> Result<(Mailbox, &str), PathError> {
    let is_quoted = text.starts_with('"');
    let at = if is_quoted { quoted_string(text)? } else { dot_string(text) };
    let (local, host) = text.split_at_checked(at).ok_or(PathError)?;
    let host = host.strip_prefix('@').ok_or(PathError)?;
    let (domain, rest) = if host.starts_with('[') {
        let end = host.find(']').ok_or(PathError)? + 1;
        host.split_at_checked(end).filter(|(literal, _)| is_address_literal(literal)).ok_or(PathError)?
    } else {
        let end = host.find(|letter| !is_domain_letter(letter)).unwrap_or(host.len());
        let (domain, rest) = host.split_at_checked(end).ok_or(PathError)?;
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        if !has_labels(domain) {
            return Err(PathError);
        }
        (domain, rest)
    };
    let quote = if !is_quoted && local.contains(':') { "\"" } else { "" };
    let at = local.len() + 2 * quote.len();
    if local.is_empty() || at > limits::LOCAL_PART {
        return Err(PathError);
    }
    Ok((Mailbox { text: [quote, local, quote, "@", domain].concat().into(), at }, rest))
}

/// `Dot-string = Atom *("." Atom)`, with dots and colons wherever they like: its length.
fn dot_string(text: &str) -> usize {
    text.find(|letter| !is_atext(letter) && !matches!(letter, '.' | ':')).unwrap_or(text.len())
}

/// `Quoted-string = DQUOTE *( qtextSMTP / quoted-pairSMTP ) DQUOTE`: its length.
fn quoted_string(text: &str) -> Result<usize, PathError> {
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok(at + 1),
            '\\' => match letters.next() {
                Some((_, ' '..='~')) => {}
                _ => return Err(PathError),
            },
            ' '..='~' => {}
            letter if is_beyond_ascii(letter) => {}
            _ => return Err(PathError),
        }
    }
    Err(PathError)
}

/// `UTF8-non-ascii`, without what no name is made of.
pub(crate) fn is_beyond_ascii(letter: char) -> bool {
    let turn = matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !letter.is_ascii() && !letter.is_control() && !letter.is_whitespace() && !turn
}

/// `atext` of RFC 5322 §3.2.3 and RFC 6531 §3.3.
fn is_atext(letter: char) -> bool {
    const PUNCTUATION: &[u8] = b"!#$%&'*+-/=?^_`{|}~";
    const TABLE: [bool; 128] = {
        let mut table = [false; 128];
        let mut octet = 0;
        while octet < table.len() {
            table[octet] = (octet as u8).is_ascii_alphanumeric();
            octet += 1;
        }
        let mut at = 0;
        while at < PUNCTUATION.len() {
            table[PUNCTUATION[at] as usize] = true;
            at += 1;
        }
        table
    };
    TABLE.get(letter as usize).copied().unwrap_or_else(|| is_beyond_ascii(letter))
}

/// Letters, digits, hyphen, dot; and the underscore, which RFC 5321 does not allow and real hosts have.
fn is_domain_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric()
        || matches!(letter, '-' | '.' | '_')
        || (is_beyond_ascii(letter)
            && !matches!(letter, '\u{3002}' | '\u{ff0e}' | '\u{ff61}' | '\u{fe52}' | '\u{2024}'))
}

/// `Domain = sub-domain *("." sub-domain)`.
fn is_domain(text: &str) -> bool {
    text.chars().all(is_domain_letter) && has_labels(text)
}

/// Whether letters that domains are made of make one.
fn has_labels(text: &str) -> bool {
    let label = |label: &str| {
        let longest = if label.is_ascii() { limits::LABEL } else { limits::U_LABEL };
        !label.is_empty() && label.len() <= longest && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= limits::DOMAIN && text.split('.').all(label)
}

/// `"[" ( IPv4 / "IPv6:" IPv6 ) "]"`, RFC 5321 §4.1.3. No other tag is registered.
fn is_address_literal(text: &str) -> bool {
    let Some(address) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) else { return false };
    match address.split_at_checked(5) {
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6:") => address.parse::<Ipv6Addr>().is_ok(),
        _ => address.parse::<Ipv4Addr>().is_ok(),
    }
}
