//! The forms of Unicode that the Encoding Standard leaves out: UTF-7 (RFC 2152), UTF-32, and UTF-16 known by shape.
//!
//! Mail programs older than that standard still open them. Linear; what cannot be read stands in the text as U+FFFD,
//! or as the character of its octet in windows-1252, and is an error.

use alloc::string::String;
use alloc::vec::Vec;

use encoding_rs::WINDOWS_1252;

/// UTF-7 (RFC 2152), and whether anything was wrong. `imap`: with an ampersand for the plus, and a comma for the slash
/// (RFC 3501 §5.1.3).
pub(super) fn utf_7(octets: &[u8], imap: bool) -> (String, bool) {
    let plus = if imap { b'&' } else { b'+' };
    let in_run = |octet: u8| sextet(octet).is_some() || (imap && octet == b',');
    let mut text = String::with_capacity(octets.len());
    let mut odd = false;
    let mut units: Vec<u16> = Vec::new();
    let mut rest = octets;
    while !rest.is_empty() {
        let (direct, after) = rest.split_at(memchr::memchr(plus, rest).unwrap_or(rest.len()));
        odd |= !direct.is_ascii();
        text.push_str(&WINDOWS_1252.decode_without_bom_handling(direct).0);
        let Some((_, after)) = after.split_first() else { break };
        let (shifted, after) = after.split_at(after.iter().position(|&o| !in_run(o)).unwrap_or(after.len()));
        // The hyphen that ends a run is no text; right behind the plus it makes it one.
        let (hyphen, after) = after.strip_prefix(b"-").map_or((false, after), |after| (true, after));
        rest = after;
        if shifted.is_empty() {
            odd |= !hyphen;
            text.push(char::from(plus));
            continue;
        }
        let left_over = shift(shifted, &mut units);
        for unit in char::decode_utf16(units.drain(..)) {
            odd |= unit.is_err();
            text.push(unit.unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        if left_over {
            odd = true;
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    without_mark(text, odd)
}

/// The units of one run; whether more is left over than the zeros that may be (RFC 2152, rule 2).
fn shift(shifted: &[u8], units: &mut Vec<u16>) -> bool {
    let (mut bits, mut count) = (0_u32, 0);
    for value in shifted.iter().filter_map(|&octet| sextet(if octet == b',' { b'/' } else { octet })) {
        bits = bits << 6 | value;
        count += 6;
        if count >= 16 {
            count -= 16;
            units.push((bits >> count) as u16);
            bits &= (1 << count) - 1;
        }
    }
    count >= 6 || bits != 0
}

fn sextet(octet: u8) -> Option<u32> {
    let value = match octet {
        b'A'..=b'Z' => octet - b'A',
        b'a'..=b'z' => octet - b'a' + 26,
        b'0'..=b'9' => octet - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

/// Whether it begins with the byte order mark as UTF-7 writes it.
pub(super) fn has_utf_7_mark(octets: &[u8]) -> bool {
    matches!(octets, [b'+', b'/', b'v', b'8' | b'9' | b'+' | b'/', ..])
}

/// The first of two octets is the high one, or the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Big,
    Little,
}

/// UTF-32, without its byte order mark, and how many characters could not be read.
pub(super) fn utf_32(octets: &[u8], order: Order) -> (String, usize) {
    let (groups, left) = octets.as_chunks::<4>();
    let mut bad = usize::from(!left.is_empty());
    let mut text = String::with_capacity(groups.len());
    for &group in groups {
        let letter = char::from_u32(match order {
            Order::Big => u32::from_be_bytes(group),
            Order::Little => u32::from_le_bytes(group),
        });
        bad += usize::from(letter.is_none());
        text.push(letter.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    if !left.is_empty() {
        text.push(char::REPLACEMENT_CHARACTER);
    }
    (without_mark(text, false).0, bad)
}

/// UTF-32 in the order that reads better; of two that read alike the big-endian one (Unicode Standard, D101).
pub(super) fn utf_32_by_shape(octets: &[u8]) -> (String, usize) {
    let big = utf_32(octets, Order::Big);
    if big.1 == 0 {
        return big;
    }
    let little = utf_32(octets, Order::Little);
    if little.1 < big.1 { little } else { big }
}

/// By the byte order mark of UTF-32. FF FE 00 00 is also UTF-16 with a NUL in front: where that is not declared to be
/// UTF-32, most of it has to be readable as such.
pub(super) fn marked_utf_32(octets: &[u8], declared: bool) -> Option<(String, usize)> {
    let order = match octets {
        [0, 0, 0xfe, 0xff, ..] => Order::Big,
        [0xff, 0xfe, 0, 0, ..] => Order::Little,
        _ => return None,
    };
    let read = utf_32(octets, order);
    (order == Order::Big || declared || read.1 <= octets.len() / 16).then_some(read)
}

/// Whether it is UTF-16 by its shape: in three of four pairs of octets a NUL on the same side. Nothing else looks so,
/// and letters beyond Latin-1 among them do not change it.
pub(super) fn utf_16_shape(octets: &[u8]) -> Option<Order> {
    memchr::memchr(0, octets)?;
    let pairs = octets.as_chunks::<2>().0;
    let little = pairs.iter().filter(|&&[low, high]| low != 0 && high == 0).count();
    let big = pairs.iter().filter(|&&[high, low]| low != 0 && high == 0).count();
    let most = |count: usize| count >= 2 && count >= pairs.len() / 4 * 3;
    match (most(little), most(big)) {
        (true, false) => Some(Order::Little),
        (false, true) => Some(Order::Big),
        _ => None,
    }
}

fn without_mark(mut text: String, odd: bool) -> (String, bool) {
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    (text, odd)
}
