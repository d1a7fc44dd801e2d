//! Messages to measure with: the kinds whose mixture is mail.

/// A text message of about `size` octets: what a person writes, with a link now and then.
pub fn text(size: usize) -> Vec<u8> {
    let mut message = header("text/plain; charset=utf-8", "8bit");
    let mut line = 0usize;
    while message.len() < size {
        let text = if line % 20 == 5 {
            format!("The page is https://www.example.net/page/{line}, have a look when you find the time.\r\n")
        } else {
            format!("Line {line} says about what the lines before it have said, and takes its time for it.\r\n")
        };
        message.extend_from_slice(text.as_bytes());
        line += 1;
    }
    message
}

/// A message with a text and one attachment, `size` octets of it, in base64 with 76 characters a line.
pub fn attachment(size: usize) -> Vec<u8> {
    let mut message = header("multipart/mixed; boundary=\"=_outer\"", "7bit");
    message.extend_from_slice(
        b"--=_outer\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nPlease find the file attached.\r\n",
    );
    push_file(&mut message, "=_outer", "application/octet-stream", "file.bin", size);
    message.extend_from_slice(b"--=_outer--\r\n");
    message
}

/// What a company sends: text and HTML side by side, a picture and a document; about 75 KiB.
pub fn typical() -> Vec<u8> {
    let mut message = header("multipart/mixed; boundary=\"=_outer\"", "7bit");
    message.extend_from_slice(
        b"--=_outer\r\nContent-Type: multipart/alternative; boundary=\"=_inner\"\r\n\r\n--=_inner\r\n\
        Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
    );
    push_quoted_printable(&mut message, 4 << 10);
    message.extend_from_slice(
        b"--=_inner\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
    );
    push_quoted_printable(&mut message, 20 << 10);
    message.extend_from_slice(b"--=_inner--\r\n");
    push_file(&mut message, "=_outer", "image/png", "logo.png", 8 << 10);
    push_file(&mut message, "=_outer", "application/pdf", "=?utf-8?Q?=C3=9Cbersicht?=.pdf", 28 << 10);
    message.extend_from_slice(b"--=_outer--\r\n");
    message
}

/// A message of one text in quoted-printable, about `size` octets.
pub fn quoted_printable(size: usize) -> Vec<u8> {
    let mut message = header("text/html; charset=utf-8", "quoted-printable");
    push_quoted_printable(&mut message, size);
    message
}

/// A message of so many small text parts.
pub fn many_parts(parts: usize) -> Vec<u8> {
    let mut message = header("multipart/mixed; boundary=\"=_outer\"", "7bit");
    for part in 0..parts {
        let text = format!("--=_outer\r\nContent-Type: text/plain\r\n\r\nThis is part {part}.\r\n");
        message.extend_from_slice(text.as_bytes());
    }
    message.extend_from_slice(b"--=_outer--\r\n");
    message
}

fn header(media_type: &str, encoding: &str) -> Vec<u8> {
    format!(
        "Received: from mail.example.net (mail.example.net [192.0.2.1])\r\n\tby mx.example.org with ESMTPS id 4Bq\r\n\t\
        for <recipient@example.org>; Mon, 02 Nov 2026 10:00:01 +0000\r\n\
        From: =?utf-8?Q?J=C3=B6rg?= Sender <sender@example.net>\r\nTo: Recipient <recipient@example.org>\r\n\
        Subject: =?utf-8?B?RWluZSBOYWNocmljaHQ=?= of the benchmark\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\n\
        Message-ID: <4Bq.1234567890@example.net>\r\nMIME-Version: 1.0\r\nContent-Type: {media_type}\r\n\
        Content-Transfer-Encoding: {encoding}\r\n\r\n"
    )
    .into_bytes()
}

fn push_quoted_printable(message: &mut Vec<u8>, size: usize) {
    let end = message.len() + size;
    while message.len() < end {
        message.extend_from_slice(
            b"<p style=3D\"margin:0\">Gr=C3=BC=C3=9Fe aus dem B=C3=BCro, siehe <a href=3D\"https:=\r\n\
            //example.net/seite\">die Seite</a>, and some text of a usual kind.</p>\r\n",
        );
    }
}

fn push_file(message: &mut Vec<u8>, boundary: &str, media_type: &str, name: &str, size: usize) {
    let head = format!(
        "--{boundary}\r\nContent-Type: {media_type}; name=\"{name}\"\r\n\
        Content-Disposition: attachment; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    );
    message.extend_from_slice(head.as_bytes());
    // Octets without a pattern (xorshift), the same ones every time.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let octets: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .flatten()
    .take(size)
    .collect();
    for line in octets.chunks(57) {
        message.extend_from_slice(base64_simd::STANDARD.encode_to_string(line).as_bytes());
        message.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_their_names_say() {
        for (message, size) in [(text(4096), 4096), (typical(), 75 << 10), (attachment(10 << 20), (10 << 20) / 57 * 78)]
        {
            assert!(message.len().abs_diff(size) < 1_000 + size / 20, "{} for {size}", message.len());
            assert!(message.ends_with(b"\r\n"));
            assert!(message.split(|&octet| octet == b'\n').all(|line| line.is_empty() || line.ends_with(b"\r")));
        }
    }
}
