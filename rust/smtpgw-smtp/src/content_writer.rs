//! The content of a message as it goes out: strictly canonical, whatever comes in.
//!
//! RFC 5321 §4.5.2. Lines end in CRLF, a dot that begins a line is doubled, and the end is ours alone. Content that
//! came through the server role is canonical already and leaves as the same octets; a bare CR or LF from any other
//! source is written as CRLF, and the dots of the lines this makes are doubled, too: no server behind us can be
//! made to see two messages, whatever it takes for a line end.
//!
//! In chunks (RFC 3030 §2) octets are counted, so dots stay as they are and the end is the last chunk's; the lines
//! are made just as canonical, for a server may store and later send them by DATA. Binary content (RFC 3030 §3) alone
//! is written as it is, to a server that announced BINARYMIME.

use alloc::vec::Vec;
use memchr::memchr2;

/// Writes the content of one message.
#[derive(Debug)]
pub struct ContentWriter {
    at: At,
    repaired: bool,
    form: Form,
}

/// What the octets become on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// For DATA: lines, dots are doubled, and a dot ends it.
    Data,
    /// For BDAT: lines.
    Chunks,
    /// For BDAT: octets as they are.
    Binary,
}

/// Where the last octet left off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    LineStart,
    InLine,
    /// Behind a CR, which has not been written yet.
    AfterCr,
}

/// How the end was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentEnd {
    /// The content did not end in CRLF, and one was added so that the end stands on a line of its own.
    pub line_end_added: bool,
    /// A bare CR or LF was written as CRLF.
    pub repaired: bool,
}

impl Default for ContentWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl ContentWriter {
    /// A writer at the start of content for DATA.
    pub const fn new() -> Self {
        Self { at: At::LineStart, repaired: false, form: Form::Data }
    }

    /// A writer at the start of content for BDAT, which somebody else cuts into chunks and counts.
    pub const fn for_chunks() -> Self {
        Self { at: At::LineStart, repaired: false, form: Form::Chunks }
    }

    /// A writer of binary content for BDAT (RFC 3030 §3): nothing in it is a line.
    pub const fn for_binary_chunks() -> Self {
        Self { at: At::LineStart, repaired: false, form: Form::Binary }
    }

    /// Appends the next octets of content to `out`.
    pub fn write(&mut self, content: &[u8], out: &mut Vec<u8>) {
        out.reserve(content.len());
        if self.form == Form::Binary {
            return out.extend_from_slice(content);
        }
        let mut rest = content;
        if self.at == At::AfterCr {
            let Some(first) = rest.first() else { return };
            self.repaired |= *first != b'\n';
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            out.extend_from_slice(b"\r\n");
            self.at = At::LineStart;
        }
        while let Some(first) = rest.first() {
            if self.form == Form::Data && self.at == At::LineStart && *first == b'.' {
                out.push(b'.');
            }
            let run = Run::find(rest);
            let (clean, behind) = rest.split_at_checked(run.length).unwrap_or((rest, &[]));
            out.extend_from_slice(clean);
            self.at = run.at;
            rest = match behind {
                [b'\r'] => {
                    self.at = At::AfterCr;
                    &[]
                }
                // Only a bare CR or LF stops a run in mid-line.
                [_, behind @ ..] if self.at == At::InLine => {
                    out.extend_from_slice(b"\r\n");
                    self.repaired = true;
                    self.at = At::LineStart;
                    behind
                }
                behind => behind,
            };
        }
    }

    /// Appends the end of data (for chunks there is nothing to append), behind a CRLF if the content did not end in
    /// one.
    pub fn finish(self, out: &mut Vec<u8>) -> ContentEnd {
        let line_end_added = self.at != At::LineStart;
        if line_end_added {
            out.extend_from_slice(b"\r\n");
        }
        if self.form == Form::Data {
            out.extend_from_slice(b".\r\n");
        }
        ContentEnd { line_end_added, repaired: self.repaired }
    }
}

/// A stretch that is copied as it is: canonical lines up to one that begins with a dot, or to what needs repair.
struct Run {
    length: usize,
    /// Where it leaves off: a line start, or in a line.
    at: At,
}

impl Run {
    #[inline]
    fn find(content: &[u8]) -> Self {
        let mut line = 0;
        loop {
            let text = content.get(line..).unwrap_or_default();
            let Some(found) = memchr2(b'\r', b'\n', text) else {
                return Self { length: content.len(), at: At::InLine };
            };
            if (text.get(found), text.get(found + 1)) != (Some(&b'\r'), Some(&b'\n')) {
                return Self { length: line + found, at: At::InLine };
            }
            line += found + 2;
            if content.get(line).is_none_or(|octet| *octet == b'.') {
                return Self { length: line, at: At::LineStart };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smtpgw_testkit::splits::every_split;

    fn written(content: &[u8], writer: fn() -> ContentWriter) -> (Vec<u8>, ContentEnd) {
        every_split(content, |pieces| {
            let (mut out, mut writer) = (Vec::new(), writer());
            for piece in pieces {
                writer.write(piece, &mut out);
            }
            let end = writer.finish(&mut out);
            (out, end)
        })
    }

    #[test]
    fn what_goes_out_is_canonical() {
        for (content, expected, line_end_added, repaired) in [
            (&b""[..], &b".\r\n"[..], false, false),
            (b"a\r\n", b"a\r\n.\r\n", false, false),
            (b"a", b"a\r\n.\r\n", true, false),
            (b".\r\n", b"..\r\n.\r\n", false, false),
            (b".", b"..\r\n.\r\n", true, false),
            (b"..a\r\n.\r\n", b"...a\r\n..\r\n.\r\n", false, false),
            (b"a.b\r\nc.\r\n", b"a.b\r\nc.\r\n.\r\n", false, false),
            (b"\r\n\r\n", b"\r\n\r\n.\r\n", false, false),
            (b"a\n.\nb", b"a\r\n..\r\nb\r\n.\r\n", true, true),
            (b"a\r.\rb\r\n", b"a\r\n..\r\nb\r\n.\r\n", false, true),
            (b"\n", b"\r\n.\r\n", false, true),
            (b"\r", b"\r\n.\r\n", true, false),
            (b"\r\r\n", b"\r\n\r\n.\r\n", false, true),
            (b"\n\r\n", b"\r\n\r\n.\r\n", false, true),
            (b"\r\n.\r\r\n", b"\r\n..\r\n\r\n.\r\n", false, true),
        ] {
            let end = ContentEnd { line_end_added, repaired };
            assert_eq!(written(content, ContentWriter::new), (expected.to_vec(), end), "{content:?}");
        }
    }

    #[test]
    fn chunks_have_no_transparency_and_no_end() {
        for (content, expected, line_end_added, repaired) in [
            (&b""[..], &b""[..], false, false),
            (b".\r\n", b".\r\n", false, false),
            (b"..a\r\n.\r\nQUIT\r\n", b"..a\r\n.\r\nQUIT\r\n", false, false),
            (b"a\r\n.", b"a\r\n.\r\n", true, false),
            (b"a\n.\nb", b"a\r\n.\r\nb\r\n", true, true),
            (b"\r", b"\r\n", true, false),
            (b"\r\n.\r\r\n", b"\r\n.\r\n\r\n", false, true),
        ] {
            let end = ContentEnd { line_end_added, repaired };
            assert_eq!(written(content, ContentWriter::for_chunks), (expected.to_vec(), end), "{content:?}");
        }
    }
}
