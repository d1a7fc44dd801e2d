//! Charsets of seven-bit octets that shift to a second table, which the Encoding Standard refuses: HZ (RFC 1843),
//! ISO-2022-KR (RFC 1557), and ISO-2022-CN (RFC 1922) as far as GB 2312 goes.
//!
//! Each is rewritten as the eight-bit form of its table and decoded as that.

use alloc::string::String;
use alloc::vec::Vec;

use encoding_rs::{EUC_KR, GBK};

/// HZ: `~{` and `~}` shift, `~~` is a tilde, a tilde before a line end joins the lines.
pub(super) fn hz(octets: &[u8]) -> (String, bool) {
    let mut eight = Vec::with_capacity(octets.len());
    let (mut shifted, mut odd) = (false, false);
    let mut rest = octets;
    loop {
        rest = match rest {
            [b'~', b'{', rest @ ..] if !shifted => {
                shifted = true;
                rest
            }
            [b'~', b'}', rest @ ..] if shifted => {
                shifted = false;
                rest
            }
            [b'~', b'~', rest @ ..] if !shifted => {
                eight.push(b'~');
                rest
            }
            [b'~', b'\n', rest @ ..] | [b'~', b'\r', b'\n', rest @ ..] if !shifted => rest,
            [b'\n', rest @ ..] => {
                // A line ends the shift whatever happens.
                shifted = false;
                eight.push(b'\n');
                rest
            }
            [high @ 0x21..=0x7e, low @ 0x21..=0x7e, rest @ ..] if shifted => {
                eight.extend_from_slice(&[high | 0x80, low | 0x80]);
                rest
            }
            [octet, rest @ ..] => {
                odd |= *octet == b'~' || !octet.is_ascii();
                eight.push(*octet);
                rest
            }
            [] => break,
        };
    }
    let (text, had_errors) = GBK.decode_without_bom_handling(&eight);
    (text.into_owned(), odd || had_errors)
}

/// ISO-2022-KR and -CN: SO and SI shift; the sequence that names the table is no text.
pub(super) fn iso_2022(octets: &[u8], korean: bool) -> (String, bool) {
    let mut eight = Vec::with_capacity(octets.len());
    let (mut shifted, mut odd) = (false, false);
    let mut rest = octets;
    loop {
        rest = match rest {
            [0x1b, b'$', b')', b'A' | b'C', rest @ ..] => rest,
            [0x0e, rest @ ..] => {
                shifted = true;
                rest
            }
            [0x0f, rest @ ..] => {
                shifted = false;
                rest
            }
            [high @ 0x21..=0x7e, low @ 0x21..=0x7e, rest @ ..] if shifted => {
                eight.extend_from_slice(&[high | 0x80, low | 0x80]);
                rest
            }
            [octet, rest @ ..] => {
                odd |= *octet == 0x1b || !octet.is_ascii();
                shifted &= *octet != b'\n';
                eight.push(*octet);
                rest
            }
            [] => break,
        };
    }
    let (text, had_errors) = if korean { EUC_KR } else { GBK }.decode_without_bom_handling(&eight);
    (text.into_owned(), odd || had_errors)
}
