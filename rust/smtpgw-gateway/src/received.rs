//! `Received:`, the trace field that goes on top of every message we pass on (RFC 5321 §4.4), and the count of those
//! that are there already (RFC 5321 §6.3: a message that went round too often is refused).
//!
//! Who sends what goes into it is a stranger, so each piece is cleaned before it is written: a HELO name keeps what a
//! domain or an address literal can hold, a recipient is named only if it is plain, everything is bounded and each
//! clause has a line of its own. Nothing a client says can end the field or begin another one.

use std::net::IpAddr;
use std::time::SystemTime;

use smtpgw_mime::Header;

use crate::digits::{digit, push_address, push_number};
use crate::message::{Session, TlsFacts};

/// One field, complete with its CRLF. `recipients` are those that the backend took: one alone is named, of several
/// none, since each would learn of the others.
pub(crate) fn field(
    session: &Session,
    smtputf8: bool,
    hostname: &str,
    id: &str,
    recipients: &[String],
    now: SystemTime,
) -> Vec<u8> {
    // Written for each message, so without the detours of a format string.
    let mut text = String::with_capacity(USUAL);
    text.push_str("Received: from ");
    match session.helo.as_str() {
        "" => push_literal(&mut text, session.client.ip()),
        helo => push_cleaned(&mut text, helo, NAME),
    }
    text.push_str(" (");
    if let Some(name) = session.carried.as_ref().and_then(|carried| carried.client_name.as_deref()) {
        push_cleaned(&mut text, name, NAME);
        text.push(' ');
    }
    push_literal(&mut text, session.client.ip());
    text.push_str(")\r\n by ");
    push_cleaned(&mut text, hostname, NAME);
    text.push_str(" with ");
    text.push_str(protocol(session, smtputf8));
    text.push_str(" id ");
    push_cleaned(&mut text, id, NAME);
    if let Some(tls) = &session.tls {
        text.push_str("\r\n (");
        push_tls(&mut text, tls);
        text.push(')');
    }
    if let Some(certificate) = session.tls.as_ref().and_then(|tls| tls.client_certificate.as_deref()) {
        text.push_str("\r\n (client certificate ");
        push_cleaned(&mut text, &certificate.sha256, WORD);
        text.push_str(", not verified)");
    }
    if let [recipient] = recipients
        && is_plain(recipient)
    {
        text.push_str("\r\n for <");
        text.push_str(recipient);
        text.push('>');
    }
    text.push_str(";\r\n ");
    push_date(&mut text, now);
    text.push_str("\r\n");
    text.into_bytes()
}

/// How many `Received` fields a header holds.
pub(crate) fn hops(header: Option<&Header>) -> usize {
    header.map_or(0, |header| header.all("Received").count())
}

/// RFC 5321 §4.4, RFC 3848 and RFC 6531 §4.3: `S` is for TLS, `A` for AUTH, and neither is there without ESMTP.
const fn protocol(session: &Session, smtputf8: bool) -> &'static str {
    match (session.esmtp, smtputf8, session.tls.is_some(), session.authenticated) {
        (_, true, true, true) => "UTF8SMTPSA",
        (_, true, true, false) => "UTF8SMTPS",
        (_, true, false, true) => "UTF8SMTPA",
        (_, true, false, false) => "UTF8SMTP",
        (true, false, true, true) => "ESMTPSA",
        (true, false, true, false) => "ESMTPS",
        (true, false, false, true) => "ESMTPA",
        (true, false, false, false) => "ESMTP",
        (false, false, ..) => "SMTP",
    }
}

/// RFC 5321 §4.1.3, an IPv4 address in IPv6 clothes undressed.
fn push_literal(text: &mut String, address: IpAddr) {
    let address = address.to_canonical();
    text.push_str(if address.is_ipv6() { "[IPv6:" } else { "[" });
    push_address(text, address);
    text.push(']');
}

fn push_tls(text: &mut String, tls: &TlsFacts) {
    push_cleaned(text, &tls.version, WORD);
    for (label, value) in [(" cipher ", &tls.cipher), (" group ", &tls.group)] {
        if !value.is_empty() {
            text.push_str(label);
            push_cleaned(text, value, WORD);
        }
    }
}

/// What a domain, an address literal or a token of TLS can hold; the rest becomes `?`, which none of them holds.
fn push_cleaned(text: &mut String, from: &str, most: usize) {
    let keep = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    if from.len() <= most && from.bytes().all(keep) {
        text.push_str(from);
    } else {
        let keep = |letter: char| u8::try_from(letter).is_ok_and(keep);
        text.extend(from.chars().take(most).map(|letter| if keep(letter) { letter } else { '?' }));
    }
}

/// Whether a path can be written as it is: quoted ones and other alphabets are lawful, and not worth the doubt.
fn is_plain(path: &str) -> bool {
    let is_special = |octet| matches!(octet, b'<' | b'>' | b'(' | b')' | b'\\' | b'"' | b';' | b',' | b':');
    let plain = |octet: u8| octet.is_ascii_graphic() && !is_special(octet);
    !path.is_empty() && path.len() <= PATH && path.bytes().all(plain)
}

/// RFC 5322 §3.3, in UTC: `Thu, 1 Jan 1970 00:00:00 +0000`.
fn push_date(text: &mut String, now: SystemTime) {
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Counted from 1 March of the year 0, so that a leap day is the last day of its year.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let year = era * 400 + year_of_era + u64::from(shifted_month >= 10);
    let month = pick(&MONTHS, shifted_month);
    let weekday = pick(&WEEKDAYS, days % 7);
    text.push_str(weekday);
    text.push_str(", ");
    if day >= 10 {
        text.push(digit(day / 10));
    }
    text.extend([digit(day), ' ']);
    text.push_str(month);
    text.push(' ');
    push_number(text, year);
    for (mark, number) in [(' ', second / 3_600), (':', second / 60 % 60), (':', second % 60)] {
        text.extend([mark, digit(number / 10), digit(number)]);
    }
    text.push_str(" +0000");
}

fn pick(names: &[&'static str], at: u64) -> &'static str {
    usize::try_from(at).ok().and_then(|at| names.get(at)).copied().unwrap_or_default()
}

/// From March.
const MONTHS: [&str; 12] = ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"];
/// 1 January 1970 was a Thursday.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// Octets of a usual field.
const USUAL: usize = 384;
/// Octets of a name in `Received`: RFC 5321 §4.5.3.1.2 says 255.
const NAME: usize = 255;
/// Octets of a path in `Received`: RFC 5321 §4.5.3.1.3 says 256.
const PATH: usize = 256;
/// Octets of a name of TLS; IANA's are shorter.
const WORD: usize = 64;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::message::Carried;

    fn session(client: &str, helo: &str, esmtp: bool, tls: bool) -> Session {
        let tls = tls.then(|| TlsFacts {
            version: "TLSv1.3".into(),
            cipher: "TLS13_AES_256_GCM_SHA384".into(),
            group: "X25519".into(),
            sni: Some("evil\r\nX: y".into()),
            client_hello: None,
            client_certificate: None,
        });
        let listener = "192.0.2.25:25".parse().unwrap();
        Session { esmtp, helo: helo.into(), tls, ..Session::new("s", client.parse().unwrap(), listener) }
    }

    fn written(session: &Session, recipients: &[&str]) -> String {
        let recipients: Vec<String> = recipients.iter().map(ToString::to_string).collect();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        String::from_utf8(field(session, false, "mx1.example.org", "0a-1b", &recipients, now)).unwrap()
    }

    #[test]
    fn names_everything_that_is_known() {
        assert_eq!(
            written(&session("192.0.2.1:4711", "client.example", true, true), &["bob@example.org"]),
            "Received: from client.example ([192.0.2.1])\r\n by mx1.example.org with ESMTPS id 0a-1b\r\n (TLSv1.3 \
             cipher TLS13_AES_256_GCM_SHA384 group X25519)\r\n for <bob@example.org>;\r\n Fri, 15 Jan 2027 08:00:00 \
             +0000\r\n"
        );
        assert_eq!(
            written(&session("[2001:db8::1]:4711", "[IPv6:2001:db8::1]", false, false), &["a@b", "c@d"]),
            "Received: from [IPv6:2001:db8::1] ([IPv6:2001:db8::1])\r\n by mx1.example.org with SMTP id 0a-1b;\r\n \
             Fri, 15 Jan 2027 08:00:00 +0000\r\n"
        );
        let mapped = written(&session("[::ffff:192.0.2.1]:4711", "c", true, false), &[]);
        assert!(mapped.starts_with("Received: from c ([192.0.2.1])\r\n by mx1.example.org with ESMTP id "), "{mapped}");
        let carried = Arc::new(Carried {
            proxied_by: "192.0.2.9:9".parse().unwrap(),
            destination: None,
            client_name: Some("mail.client.example".into()),
            login: None,
            speaker: None,
        });
        let named = Session { carried: Some(carried), ..session("192.0.2.1:0", "c", true, false) };
        assert!(written(&named, &[]).starts_with("Received: from c (mail.client.example [192.0.2.1])\r\n by "));
        let known = Session { authenticated: true, ..session("192.0.2.1:1", "c", true, true) };
        assert!(written(&known, &[]).contains(" with ESMTPSA id "));
        // As Postfix writes it.
        assert!(written(&session("192.0.2.1:1", "my pc", false, false), &[]).starts_with("Received: from my?pc (["));
        // HELO under TLS: RFC 3848 has no word for it.
        assert!(written(&session("192.0.2.1:1", "c", false, true), &[]).contains(" with SMTP id "));
    }

    #[test]
    fn letters_beyond_ascii_have_words_of_their_own() {
        for (tls, word) in [(false, " with UTF8SMTP id "), (true, " with UTF8SMTPS id ")] {
            let session = session("192.0.2.1:1", "c", true, tls);
            let to = ["\u{e9}@b".to_owned()];
            let text = String::from_utf8(field(&session, true, "mx", "0", &to, SystemTime::UNIX_EPOCH)).unwrap();
            assert!(text.contains(word) && text.is_ascii(), "{text}");
        }
    }

    #[test]
    fn nothing_breaks_out() {
        let long = "h".repeat(4_000);
        let helos = ["a\r\nX-Evil: yes", "a\r\n\r\nbody", "a\n.\n", "a) (b; c", "a\tb", "\u{e9}\u{2028}", "\0", &long];
        let recipients = ["a\r\nX-Evil: yes@b", "\"a b\"@c", "a>@b", "a(@b", "\u{e9}@b", &long];
        let plain = written(&session("192.0.2.1:1", "c", true, true), &[]).matches("\r\n").count();
        for helo in helos {
            for recipient in recipients {
                let text = written(&session("192.0.2.1:1", helo, true, true), &[recipient]);
                assert!(!text.contains(" for "), "{text}");
                assert_eq!(text.matches("\r\n").count(), plain, "{text}");
                assert_eq!(text.matches(['\r', '\n']).count(), 2 * plain, "{text}");
                assert!(text.bytes().all(|octet| octet.is_ascii_graphic() || b" \r\n".contains(&octet)), "{text}");
                assert!(text.lines().skip(1).all(|line| line.starts_with(' ')), "{text}");
                // RFC 5322 §2.1.1
                assert!(text.lines().all(|line| line.len() <= 998), "{text}");
                assert_eq!((text.matches('(').count(), text.matches(';').count()), (2, 1), "{text}");
            }
        }
    }

    #[test]
    fn dates_are_right() {
        let table = [
            (0, "Thu, 1 Jan 1970 00:00:00 +0000"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
            (951_868_799, "Tue, 29 Feb 2000 23:59:59 +0000"),
            (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 +0000"),
            (1_709_251_200, "Fri, 1 Mar 2024 00:00:00 +0000"),
            (4_107_542_400, "Mon, 1 Mar 2100 00:00:00 +0000"),
            (1_767_225_599, "Wed, 31 Dec 2025 23:59:59 +0000"),
        ];
        for (seconds, expected) in table {
            let mut text = String::new();
            push_date(&mut text, SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn hops_are_counted_whatever_their_case() {
        let header = Header::parse(b"Received: a\r\nRECEIVED: b\r\n c\r\nX-Received: d\r\nreceived : e\r\n\r\n");
        assert!(hops(Some(&header)) >= 2);
        assert_eq!(hops(None), 0);
    }
}
