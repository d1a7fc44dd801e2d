//! A message's content as it stands on the wire: lines end in CRLF, dots are stuffed, the end is there
//! (RFC 5321 §4.5.2).

/// The wire form of a message that is given with any line ends.
pub fn wire_form(message: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(message.len() + message.len() / 64 + 8);
    let mut lines = message.split(|&octet| octet == b'\n').peekable();
    while let Some(line) = lines.next() {
        if lines.peek().is_none() && line.is_empty() {
            break;
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b".") {
            wire.push(b'.');
        }
        wire.extend_from_slice(line);
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

/// A text message of about `size` octets: what a person writes, over and over.
pub fn text_message(size: usize) -> Vec<u8> {
    let mut message = b"From: Sender <sender@example.net>\r\nTo: Recipient <recipient@example.org>\r\n\
        Subject: A message of the load generator\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\n\
        Message-ID: <load@example.net>\r\nMIME-Version: 1.0\r\n\
        Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        .to_vec();
    let mut line = 0usize;
    while message.len() < size {
        let text =
            format!("Line {line} says what the lines before have said, see https://example.net/page/{line}.\r\n");
        message.extend_from_slice(text.as_bytes());
        line += 1;
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_forms() {
        for (message, wire) in [
            (&b""[..], &b".\r\n"[..]),
            (b"a", b"a\r\n.\r\n"),
            (b"a\n", b"a\r\n.\r\n"),
            (b"a\r\n\r\n", b"a\r\n\r\n.\r\n"),
            (b".\n..\nx.\n", b"..\r\n...\r\nx.\r\n.\r\n"),
        ] {
            assert_eq!(wire_form(message), wire, "{message:?}");
        }
    }

    #[test]
    fn text_is_as_long_as_asked() {
        let message = text_message(4096);
        assert!((4096..4096 + 100).contains(&message.len()));
        assert_eq!(wire_form(&message), [message.as_slice(), b".\r\n"].concat());
    }
}
