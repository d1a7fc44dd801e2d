//! A message on its way to the backend: what policy adds on top, then the content byte for byte (rule R3). An
//! [`Outgoing`] message is complete and rests in the spool; a [`Passing`] one is still arriving.
//!
//! The only thing ever taken out are forged copies of fields that we write ourselves, and only when we do write
//! them: a reader must be able to trust that an `X-Spam-` field is ours.

use std::io::{self, Write};

use bytes::Bytes;
use smtpgw_mime::edit::FieldRemover;

use crate::content::Reader;
use crate::message::Content;
use crate::spool::read_piece;

/// What the backend is to get.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// Complete header fields with CRLF; empty if nothing is added.
    head: Vec<u8>,
    remover: Option<FieldRemover>,
    content: Content,
    at: u64,
}

impl Outgoing {
    /// `head` on top of `content`; fields named in `forged` are taken out of the content's header.
    pub(crate) fn new(head: Vec<u8>, forged: Option<&[&str]>, content: Content) -> Self {
        Self { head, remover: forged.map(FieldRemover::new), content, at: 0 }
    }

    /// Puts further fields above those of policy.
    pub(crate) fn prepend(&mut self, mut fields: Vec<u8>) {
        fields.append(&mut self.head);
        self.head = fields;
    }

    /// The next piece; `None` at the end.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if !self.head.is_empty() {
            let first = read_piece(&self.first_octet(), 0).await?;
            return Ok(Some(take_head(&mut self.head, &first).into()));
        }
        let piece = read_piece(&self.content, self.at).await?;
        if piece.is_empty() {
            let mut rest = Vec::new();
            if let Some(mut remover) = self.remover.take() {
                remover.finish(&mut rest);
            }
            return Ok((!rest.is_empty()).then(|| rest.into()));
        }
        self.at += piece.len() as u64;
        let Some(remover) = &mut self.remover else { return Ok(Some(piece)) };
        let mut kept = Vec::with_capacity(piece.len());
        remover.push(&piece, &mut kept);
        Ok(Some(kept.into()))
    }

    /// What comes next, at least `least` octets of it; fewer are the end.
    pub(crate) async fn gather(&mut self, least: usize) -> io::Result<Vec<u8>> {
        let mut gathered = Vec::new();
        while gathered.len() < least {
            match self.next().await? {
                Some(piece) if gathered.is_empty() => gathered = piece.into(),
                Some(piece) => gathered.extend_from_slice(&piece),
                None => break,
            }
        }
        Ok(gathered)
    }

    /// Writes everything. Blocks.
    pub(crate) fn write_to(mut self, output: &mut impl Write) -> io::Result<()> {
        if !self.head.is_empty() {
            let mut first = Vec::new();
            io::Read::read_to_end(&mut Reader::new(&self.first_octet()), &mut first)?;
            output.write_all(&take_head(&mut self.head, &first))?;
        }
        let mut reader = Reader::new(&self.content);
        let Some(mut remover) = self.remover.take() else { return io::copy(&mut reader, output).map(drop) };
        let (mut piece, mut kept) = (vec![0; PIECE], Vec::new());
        loop {
            let read = io::Read::read(&mut reader, &mut piece)?;
            if read == 0 {
                remover.finish(&mut kept);
                return output.write_all(&kept);
            }
            remover.push(&piece[..read], &mut kept);
            output.write_all(&kept)?;
            kept.clear();
        }
    }
}

impl Outgoing {
    fn first_octet(&self) -> Content {
        match &self.content {
            Content::Memory(octets) => Content::Memory(octets.slice(..octets.len().min(1))),
            Content::File { file, offset, len } => {
                Content::File { file: std::sync::Arc::clone(file), offset: *offset, len: (*len).min(1) }
            }
        }
    }
}

/// What the backend is to get of a message while it arrives.
#[derive(Debug)]
pub(crate) struct Passing {
    /// As in [`Outgoing`]; empty once it has been given out.
    head: Vec<u8>,
    remover: Option<FieldRemover>,
}

impl Passing {
    /// `head` on top of the content to come; fields named in `forged` are taken out of its header.
    pub(crate) fn new(head: Vec<u8>, forged: Option<&[&str]>) -> Self {
        Self { head, remover: forged.map(FieldRemover::new) }
    }

    /// Takes the next octets of content and appends to `out` what goes to the backend.
    pub(crate) fn push(&mut self, content: &[u8], out: &mut Vec<u8>) {
        if !self.head.is_empty() && !content.is_empty() {
            out.append(&mut take_head(&mut self.head, content));
        }
        match &mut self.remover {
            Some(remover) => remover.push(content, out),
            None => out.extend_from_slice(content),
        }
    }

    /// The content is complete: appends what was held back.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.head);
        if let Some(mut remover) = self.remover.take() {
            remover.finish(out);
        }
    }
}

/// Our fields. If content begins with a blank, its first line would continue our last one (RFC 5322 §2.2.3), and a
/// stranger would write into a field that people trust: then that last one is of no meaning.
fn take_head(head: &mut Vec<u8>, content: &[u8]) -> Vec<u8> {
    let mut head = std::mem::take(head);
    if matches!(content, [b' ' | b'\t', ..]) {
        head.extend_from_slice(b"X-Smtpgw-Defect: header begins with a continuation\r\n");
    }
    head
}

/// Octets read at a time.
const PIECE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a failed step is a failed test

    use super::*;

    async fn both_ways(head: &[u8], forged: Option<&[&str]>, content: &'static [u8]) -> String {
        let outgoing = || Outgoing::new(head.to_vec(), forged, Content::Memory(Bytes::from_static(content)));
        let (mut pieces, mut written) = (Vec::new(), Vec::new());
        let mut streamed = outgoing();
        while let Some(piece) = streamed.next().await.unwrap() {
            pieces.extend_from_slice(&piece);
        }
        outgoing().write_to(&mut written).unwrap();
        assert_eq!(pieces, written);
        for size in 1..=content.len().max(1) {
            let (mut passing, mut passed) = (Passing::new(head.to_vec(), forged), Vec::new());
            content.chunks(size).for_each(|piece| passing.push(piece, &mut passed));
            passing.finish(&mut passed);
            assert_eq!(passed, written, "passing in pieces of {size}");
        }
        String::from_utf8(written).unwrap()
    }

    #[tokio::test]
    async fn content_is_unchanged_but_for_forged_fields() {
        let content = b"X-Spam-Flag: NO\r\nSubject: x\r\n\r\nbody";
        assert_eq!(both_ways(b"", None, content).await.as_bytes(), content);
        let ours = both_ways(b"X-Spam-Flag: YES\r\n", Some(&["X-Spam-Flag"]), content).await;
        assert_eq!(ours, "X-Spam-Flag: YES\r\nSubject: x\r\n\r\nbody");
        assert_eq!(both_ways(b"A: b\r\n", None, b"").await, "A: b\r\n");
    }

    #[tokio::test]
    async fn content_never_continues_a_field_of_ours() {
        let relayed = both_ways(b"X-Spam-Score: 9\r\n", None, b" 0\r\n\r\nbody").await;
        assert_eq!(relayed, "X-Spam-Score: 9\r\nX-Smtpgw-Defect: header begins with a continuation\r\n 0\r\n\r\nbody");
        assert_eq!(both_ways(b"", None, b" 0\r\n").await, " 0\r\n");
    }
}
