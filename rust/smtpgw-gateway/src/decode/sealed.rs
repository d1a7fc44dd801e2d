//! What a leaf is sealed by, so that nobody without a key sees what is in it: OpenPGP (RFC 9580) as text within any
//! text or as a file, and files that programs open as S/MIME (RFC 8551) although they are none that is known here.
//!
//! CMS itself is a container that is opened, or says that it is encrypted. Text that is merely signed (RFC 9580 §7)
//! stands in the open and is looked at as it is.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use smtpgw_archive::Format;

use super::leaf::Leaf;
use crate::settings::Unscanned;

/// Looks for a sealed message within the octets of a leaf as they come.
#[derive(Default)]
pub(super) struct ArmorWatch {
    /// The end of what came before, in which a mark may have begun.
    before: Vec<u8>,
    found: bool,
}

impl ArmorWatch {
    pub(super) fn push(&mut self, octets: &[u8]) {
        if self.found {
            return;
        }
        // In UTF-16 and UTF-32 the letters of a mark have NUL between them, and nothing else does.
        let letters = memchr::memchr(0, octets).map(|_| octets.iter().copied().filter(|&octet| octet != 0).collect());
        let octets = letters.as_ref().map_or(octets, |letters: &Vec<u8>| letters.as_slice());
        if octets.is_empty() {
            return;
        }
        if self.before.is_empty() {
            // A text begins as a line does.
            self.before.push(b'\n');
        }
        self.before.extend_from_slice(octets.get(..CONTEXT).unwrap_or(octets));
        self.found = stands_in(&self.before) || stands_in(octets);
        if octets.len() >= CONTEXT {
            self.before.clear();
            self.before.extend_from_slice(octets.get(octets.len() - CONTEXT..).unwrap_or_default());
        }
        self.before.drain(..self.before.len().saturating_sub(CONTEXT));
    }

    pub(super) const fn found(&self) -> bool {
        self.found
    }
}

/// Whether the first line of a sealed message is among the octets, at the beginning of a line or behind an element of
/// HTML, an entity of it, a quoting mark or the last octet of a byte order mark. One at their very beginning is for
/// those to see that know what stands before.
fn stands_in(octets: &[u8]) -> bool {
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(MARK));
    FINDER.find_iter(octets).any(|at| {
        let behind = octets.get(at + MARK.len());
        // `, PART 1/2-----` (RFC 4880 §6.2).
        matches!(behind, Some(b'-' | b','))
            && at.checked_sub(1).and_then(|at| octets.get(at)).is_some_and(|before| BEFORE.contains(before))
    })
}

/// Why what is in a leaf cannot be seen, if that is so for all that is known of it.
pub(super) fn reason(leaf: &Leaf) -> Option<Unscanned> {
    if leaf.armor.found() {
        return Some(Unscanned::Encrypted);
    }
    let head = leaf.head.as_slice();
    let named = |suffixes: &[&str]| leaf.names.iter().any(|name| ends_with(name, suffixes));
    let is_armored = head.trim_ascii_start().starts_with(b"-----BEGIN PGP ");
    if begins_as_openpgp(head) || (!is_armored && !head.is_empty() && named(&[".pgp", ".gpg"])) {
        return Some(Unscanned::Encrypted);
    }
    let is_cms = || smtpgw_archive::detect_all(head, b"").any(|format| format == Format::Cms);
    (is_said_to_be_cms(&leaf.media_type, &leaf.names) && !is_cms()).then_some(Unscanned::Unhandled)
}

/// Whether programs open it as S/MIME, whatever is in it.
pub(super) fn is_said_to_be_cms(media_type: &str, names: &[String]) -> bool {
    is_smime(media_type) || names.iter().any(|name| ends_with(name, &[".p7m", ".p7z"]))
}

/// Whether a type says that a part is an entity in a CMS.
pub(super) fn is_smime(media_type: &str) -> bool {
    matches!(media_type, "application/pkcs7-mime" | "application/x-pkcs7-mime")
}

/// Whether a name ends so, or would on a system that drops dots and blanks at the end.
fn ends_with(name: &str, suffixes: &[&str]) -> bool {
    let name = name.trim_end_matches(['.', ' ']).to_ascii_lowercase();
    suffixes.iter().any(|suffix| name.ends_with(suffix))
}

/// The packets that a sealed message begins with (RFC 9580 §5.1, §5.3): a session key under somebody's public key or a
/// password, with the versions and algorithms there are; before them any may say nothing (§5.8).
fn begins_as_openpgp(mut head: &[u8]) -> bool {
    for _ in 0..MARKERS {
        match packet(head) {
            Some((10, [b'P', b'G', b'P', rest @ ..])) => head = rest,
            Some((1, [3, key @ ..])) => return key.get(8).is_some_and(is_public),
            Some((1, [6, length @ (0 | 21 | 33), key @ ..])) => {
                return key.get(usize::from(*length)).is_some_and(is_public);
            }
            Some((3, [4, key @ ..])) => return matches!(key, [1..=13, 0 | 1 | 3, 1..=14, ..] | [1..=13, 4, ..]),
            Some((3, [5, key @ ..])) => return matches!(key, [1..=13, 1..=3, 0 | 1 | 3 | 4, ..]),
            Some((3, [6, _, key @ ..])) => return matches!(key, [1..=13, 1..=3, _, 0 | 1 | 3 | 4, ..]),
            _ => return false,
        }
    }
    // So many that nobody can mean them.
    true
}

const fn is_public(algorithm: &u8) -> bool {
    matches!(algorithm, 1 | 2 | 16 | 18 | 25 | 26)
}

/// What a packet is, and what stands behind its head (§4.2), whose length takes one, two or four octets in the old
/// form, one, two or five in the new one.
fn packet(octets: &[u8]) -> Option<(u8, &[u8])> {
    let (&tag, rest) = octets.split_first()?;
    let (kind, length) = match (tag, rest.first()?) {
        (0x80..0xc0, _) => ((tag >> 2) & 0x0f, [1, 2, 4].get(usize::from(tag & 3)).copied()?),
        (0xc0.., ..192) => (tag & 0x3f, 1),
        (0xc0.., 192..224) => (tag & 0x3f, 2),
        (0xc0.., 255) => (tag & 0x3f, 5),
        _ => return None,
    };
    Some((kind, rest.get(length..)?))
}

/// Packets of OpenPGP that say nothing, and are passed over. No program writes a second.
const MARKERS: usize = 16;

const MARK: &[u8] = b"-----BEGIN PGP MESSAGE";

/// What may stand right before a mark.
const BEFORE: &[u8] = b"\r\n> \t;\xbf\xfe\xff";

/// Octets on one side of a cut that decide whether a mark stands there.
const CONTEXT: usize = MARK.len() + 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pieces: &[&[u8]]) -> bool {
        let mut watch = ArmorWatch::default();
        pieces.iter().for_each(|piece| watch.push(piece));
        watch.found()
    }

    fn wide(text: &str, octets: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(octets).collect()
    }

    #[test]
    fn a_sealed_message_is_seen_at_every_cut() {
        let sealed: &[&[u8]] = &[
            b"-----BEGIN PGP MESSAGE-----\r\n\r\nhQ",
            b"see below\r\n-----BEGIN PGP MESSAGE-----\nhQ",
            b"> -----BEGIN PGP MESSAGE-----\r\n",
            b"<pre>-----BEGIN PGP MESSAGE-----<br>",
            b"<p>&nbsp;-----BEGIN PGP MESSAGE-----<br>",
            b"\xef\xbb\xbf-----BEGIN PGP MESSAGE-----\r\n",
            &wide("\u{feff}-----BEGIN PGP MESSAGE-----", u16::to_le_bytes),
            &wide("\u{feff}-----BEGIN PGP MESSAGE-----", u16::to_be_bytes),
            &wide("\u{263a}\r\n-----BEGIN PGP MESSAGE-----", u16::to_le_bytes),
            &wide("-----BEGIN PGP MESSAGE-----", u16::to_be_bytes),
            b"\r\n-----BEGIN PGP MESSAGE, PART 01/02-----\r\n",
            b"-----BEGIN PGP MESSAGE----------BEGIN PGP MESSAGE-----",
        ];
        let open: &[&[u8]] = &[
            b"-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\nhello",
            b"text with \"-----BEGIN PGP MESSAGE-----\" in quotes",
            b"-----BEGIN PGP MESSAGES-----",
            b"x-----BEGIN PGP MESSAGE-----",
            &wide("x-----BEGIN PGP MESSAGE-----", u16::to_le_bytes),
            b"-----BEGIN PGP MESSAGE",
        ];
        for (texts, is_sealed) in [(sealed, true), (open, false)] {
            for text in texts {
                assert_eq!(found(&[text]), is_sealed, "{}", text.escape_ascii());
                for at in 0..text.len() {
                    let (one, two) = text.split_at(at);
                    assert_eq!(found(&[one, two]), is_sealed, "{} at {at}", text.escape_ascii());
                }
                let octets: Vec<&[u8]> = text.chunks(1).collect();
                assert_eq!(found(&octets), is_sealed, "{} by octets", text.escape_ascii());
            }
        }
    }

    #[test]
    fn packets_of_a_sealed_message_are_known() {
        let sealed: &[&[u8]] = &[
            b"\x85\x01\x0c\x03AAAAAAAA\x01rest",
            b"\x84\x5e\x03AAAAAAAA\x12rest",
            b"\xc1\x5e\x03AAAAAAAA\x19rest",
            b"\xc1\xc0\x5e\x03AAAAAAAA\x01rest",
            b"\x8c\x0d\x04\x09\x03\x08saltsalt",
            b"\xc3\x0d\x04\x09\x03\x08saltsalt",
            b"\x86\0\0\x01\x0c\x03AAAAAAAA\x01rest",
            b"\x8e\0\0\0\x0d\x04\x09\x03\x08saltsalt",
            b"\xc1\xff\0\0\x01\x0c\x03AAAAAAAA\x01rest",
            b"\xca\x03PGP\xc1\x5e\x03AAAAAAAA\x12rest",
            b"\xa8\x03PGP\x85\x01\x0c\x03AAAAAAAA\x01rest",
            b"\xc1\x5e\x06\x15\x04AAAAAAAAAAAAAAAAAAAA\x19rest",
            b"\xc1\x5e\x06\0\x19rest",
            b"\xc3\x2e\x05\x07\x01\x03\x08saltsalt",
            b"\xc3\x2e\x06\x1a\x07\x02\x0b\x03\x08saltsalt",
            b"\xc3\x2e\x04\x09\x04saltsalt",
        ];
        assert!(sealed.iter().all(|head| begins_as_openpgp(head)));
        let open: &[&[u8]] = &[
            b"",
            b"\x85",
            b"\x85\x01\x0c\x04AAAAAAAA\x01",
            b"\x85\x01\x0c\x03AAAAAAAA\x99",
            b"hello",
            b"\xca\x03PGPhello",
            b"\x87\x03AAAAAAAA\x01",
        ];
        assert!(!open.iter().any(|head| begins_as_openpgp(head)));
    }
}
