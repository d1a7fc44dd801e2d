//! What Stalwart's mail-parser makes of messages, for `tests/interop/test_mime_differential.py`.
//!
//! Reads messages from standard input, each behind its length (four octets, the highest first), until it ends. Writes
//! for each the number of contents that it holds, then each content behind its length; a text, which mail-parser
//! hands out as UTF-8, as that. Messages in messages count with all that is in them. A panic of mail-parser is its
//! own trouble: the message holds nothing.

use std::io::{self, Read, Write};
use std::panic::{self, AssertUnwindSafe};

use mail_parser::{Message, MessageParser, PartType};

fn main() -> io::Result<()> {
    panic::set_hook(Box::new(|_| {}));
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    while let Some(raw) = framed(&mut input)? {
        let contents = panic::catch_unwind(AssertUnwindSafe(|| contents(&raw))).unwrap_or_default();
        output.write_all(&length(contents.len()))?;
        for content in contents {
            output.write_all(&length(content.len()))?;
            output.write_all(&content)?;
        }
        output.flush()?;
    }
    Ok(())
}

fn framed(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut octets = [0; 4];
    match input.read_exact(&mut octets) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut raw = vec![0; u32::from_be_bytes(octets) as usize];
    input.read_exact(&mut raw)?;
    Ok(Some(raw))
}

fn length(octets: usize) -> [u8; 4] {
    u32::try_from(octets).unwrap_or(u32::MAX).to_be_bytes()
}

/// The leaves of a message, and of those within it.
fn contents(raw: &[u8]) -> Vec<Vec<u8>> {
    let mut leaves = Vec::new();
    if let Some(message) = MessageParser::default().parse(raw) {
        collect(&message, &mut leaves);
    }
    leaves
}

fn collect(message: &Message<'_>, leaves: &mut Vec<Vec<u8>>) {
    for part in &message.parts {
        match &part.body {
            PartType::Text(text) | PartType::Html(text) => leaves.push(text.as_bytes().to_vec()),
            PartType::Binary(octets) | PartType::InlineBinary(octets) => leaves.push(octets.to_vec()),
            PartType::Message(inner) => collect(inner, leaves),
            PartType::Multipart(_) => {}
        }
    }
}
