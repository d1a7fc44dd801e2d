//! A message on its way to the backend: what policy adds on top, then the content byte for byte (rule R3).
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

    /// The next piece; `None` at the end.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if !self.head.is_empty() {
            return Ok(Some(Bytes::from(std::mem::take(&mut self.head))));
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

    /// Writes everything. Blocks.
    pub(crate) fn write_to(mut self, output: &mut impl Write) -> io::Result<()> {
        output.write_all(&self.head)?;
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

/// Octets read at a time.
const PIECE: usize = 64 << 10;
