//! The server role, whatever a client says to it.

use smtpgw_smtp::{BareNewline, Limits, Offer, StateName, replies};

use super::listening::{Heard, Listening, Manners, Tls, limits, offer};
use super::simple::{is_canonical, unstuffed};
use crate::cuts::{Cuts, cut_does_not_show};

const HELLO: &[u8] = b"EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n";

/// Behind it the content is in chunks, and binary.
const BINARY: &[u8] = b"EHLO c\r\nMAIL FROM:<a@b> BODY=BINARYMIME\r\nRCPT TO:<c@d>\r\n";

/// Whatever a client says, from its first octet and in the middle of a transaction: the cut does not show, no message
/// is longer than allowed, none but a binary one has a bare CR or LF in it, and what [`Listening`] holds.
pub fn server(octets: &[u8]) {
    let plain = Manners { bare_newline: BareNewline::Reject, limits: limits(), offer: offer(), tls: Tls::Missing };
    for bare_newline in [BareNewline::Reject, BareNewline::Normalize] {
        for before in [&b""[..], HELLO] {
            cut_does_not_show(octets, |pieces| heard(Manners { bare_newline, ..plain }, before, pieces));
        }
    }
    cut_does_not_show(octets, |pieces| heard(plain, BINARY, pieces));
    let proxied = Manners { offer: Offer { xclient: true, ..offer() }, ..plain };
    for before in [&b"EHLO c\r\n"[..], b"EHLO c\r\nXCLIENT ADDR=192.0.2.1\r\nEHLO d\r\n"] {
        cut_does_not_show(octets, |pieces| heard(proxied, before, pieces));
    }
    handshake(octets, Manners { offer: Offer { starttls: true, ..offer() }, ..plain });
}

fn heard<'a>(manners: Manners, before: &[u8], pieces: impl IntoIterator<Item = &'a &'a [u8]>) -> Heard {
    let mut listening = Listening::new(manners);
    listening.hear(before);
    pieces.into_iter().for_each(|piece| listening.hear(piece));
    listening.done()
}

/// The same where STARTTLS is offered. A handshake makes the outcome depend on when octets come, which is its point: so
/// they come with a rest behind each line that may be STARTTLS. Without the rest they are taken for an injection.
fn handshake(octets: &[u8], clear: Manners) {
    let mut cuts = Cuts::of(octets);
    let hello = &b"EHLO c\r\n"[..];
    for (tls, before) in [(Tls::Done, &b""[..]), (Tls::Done, hello), (Tls::Refused, hello)] {
        let manners = Manners { tls, ..clear };
        let whole = heard(manners, before, &segments(octets));
        let pieces: Vec<&[u8]> = segments(octets).into_iter().flat_map(|segment| cuts.pieces(segment)).collect();
        assert_eq!(heard(manners, before, &pieces), whole, "in pieces (left) and whole (right)");
        let each: Vec<&[u8]> = octets.chunks(1).collect();
        assert_eq!(heard(manners, before, &each), whole, "octet by octet (left) and whole (right)");
        for pieces in [each, vec![octets]] {
            let Heard { events, output, state, .. } = heard(clear, before, &pieces);
            let Some(at) = events.iter().position(|event| event == "Starttls") else { continue };
            let mut accepted = Vec::new();
            replies::STARTTLS.write_to(&mut accepted);
            assert!(output.ends_with(&accepted), "something was said behind the 220");
            match events.get(at + 1..) {
                Some([]) => assert_eq!(state, Some(StateName::Handshake)),
                Some([_]) => assert_eq!(state, Some(StateName::Closed)),
                behind => panic!("read in clear behind STARTTLS: {behind:?}"),
            }
        }
    }
}

/// What ends with a line that may be STARTTLS.
fn segments(octets: &[u8]) -> Vec<&[u8]> {
    let mut segments = Vec::new();
    let (mut begin, mut at) = (0, 0);
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        at += line.len();
        if line.windows(8).any(|word| word.eq_ignore_ascii_case(b"STARTTLS")) {
            segments.extend(octets.get(begin..at));
            begin = at;
        }
    }
    segments.extend(octets.get(begin..).filter(|rest| !rest.is_empty()));
    segments
}

/// Content behind DATA, against the simplest reader there is: it ends at the first CRLF.CRLF and nowhere else, and a
/// bare CR or LF before that refuses it.
pub fn content(octets: &[u8]) {
    let behind = [b"\r\n", octets].concat();
    let end = behind.windows(5).position(|five| five == b"\r\n.\r\n");
    let roomy = Limits { message_size: 1 << 30, text_line: 1 << 20, ..limits() };
    let manners = Manners { bare_newline: BareNewline::Reject, limits: roomy, offer: offer(), tls: Tls::Missing };
    let before = [HELLO, b"DATA\r\n"].concat();
    cut_does_not_show(octets, |pieces| {
        let heard = heard(manners, &before, pieces);
        let ends = heard.events.iter().filter(|event| event.starts_with("EndOfData"));
        let refusals = heard.events.iter().filter(|event| event.starts_with("ContentRefused"));
        match end {
            None => assert_eq!(ends.count() + refusals.count(), 0, "content that has no end was ended"),
            Some(end) => {
                let raw = behind.get(2..end + 2).unwrap_or_default();
                let expected = unstuffed(raw);
                if is_canonical(raw) && longest_line(raw) < 1 << 20 {
                    assert_eq!(heard.messages.first(), Some(&expected));
                } else {
                    assert!(refusals.count() >= 1, "content with a bare CR or LF was taken");
                    assert_ne!(heard.messages.first(), Some(&expected));
                }
            }
        }
        heard
    });
}

fn longest_line(octets: &[u8]) -> usize {
    octets.split(|octet| *octet == b'\n').map(<[u8]>::len).max().unwrap_or(0)
}
