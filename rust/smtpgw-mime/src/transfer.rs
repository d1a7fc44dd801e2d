//! Content-Transfer-Encodings (RFC 2045 §6): octets as they stand in the message in, decoded octets out.
//!
//! A [`Transfer`] is fed the octets of one body in pieces of any size, without the line end that belongs to the
//! delimiter, and tells an [`Output`]. The pieces never show: same octets, same defects at the same offsets.

mod base64;
mod quoted_printable;

use alloc::boxed::Box;

pub(crate) use base64::{Base64, decode_all_base64};
pub(crate) use quoted_printable::QuotedPrintable;

use crate::defect::DefectKind;
use crate::dialect::{Base64Junk, Dialect};
use crate::entity::Encoding;

/// Takes what a transfer encoding brings forth.
pub(crate) trait Output {
    /// Decoded octets, of any size, never none.
    fn data(&mut self, octets: &[u8]);
    /// Something odd in the encoded octets.
    fn defect(&mut self, kind: DefectKind, at: Offset);
}

/// A place in the raw message. Within an encoded message all places are one: where its encoded body begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offset {
    at: u64,
    fixed: bool,
}

impl Offset {
    /// The beginning of the message.
    pub(crate) const START: Self = Self { at: 0, fixed: false };

    /// This place for all that is in the encoded message which begins here.
    pub(crate) fn fixed(self) -> Self {
        Self { fixed: true, ..self }
    }

    /// `octets` further on.
    pub(crate) fn plus(self, octets: usize) -> Self {
        if self.fixed { self } else { Self { at: self.at.saturating_add(octets as u64), ..self } }
    }

    /// `octets` further back.
    pub(crate) fn minus(self, octets: usize) -> Self {
        if self.fixed { self } else { Self { at: self.at.saturating_sub(octets as u64), ..self } }
    }

    /// In octets.
    pub(crate) fn get(self) -> u64 {
        self.at
    }
}

/// The decoder of one body.
#[derive(Debug)]
pub(crate) enum Transfer {
    /// The octets are the data; they pass without a copy.
    Identity,
    /// base64
    Base64(Box<Base64>),
    /// quoted-printable
    QuotedPrintable(Box<QuotedPrintable>),
}

/// Decoders that are kept for the next body: their buffers are worth more than a small part.
#[derive(Debug, Default)]
pub(crate) struct Spares {
    base64: Option<Box<Base64>>,
    quoted_printable: Option<Box<QuotedPrintable>>,
}

impl Transfer {
    pub(crate) fn new(encoding: Encoding, dialect: &Dialect, spares: &mut Spares) -> Self {
        match encoding {
            Encoding::Base64 if dialect.base64_junk == Base64Junk::AsIs => Self::Identity,
            Encoding::Identity => Self::Identity,
            Encoding::Base64 => {
                let mut decoder = spares.base64.take().unwrap_or_default();
                decoder.restart(dialect.base64_after_padding, dialect.base64_junk);
                Self::Base64(decoder)
            }
            Encoding::QuotedPrintable => {
                let mut decoder = spares.quoted_printable.take().unwrap_or_default();
                decoder.restart(dialect.quoted_printable);
                Self::QuotedPrintable(decoder)
            }
        }
    }

    /// Decodes the next octets, which begin at `at`.
    pub(crate) fn feed(&mut self, raw: &[u8], at: Offset, out: &mut dyn Output) {
        match self {
            Self::Identity if raw.is_empty() => {}
            Self::Identity => out.data(raw),
            Self::Base64(decoder) => decoder.feed(raw, at, out),
            Self::QuotedPrintable(decoder) => decoder.feed(raw, at, out),
        }
    }

    /// The body ends at `at`; what is held comes out.
    pub(crate) fn finish(&mut self, at: Offset, out: &mut dyn Output) {
        match self {
            Self::Identity => {}
            Self::Base64(decoder) => decoder.finish(at, out),
            Self::QuotedPrintable(decoder) => decoder.finish(at, out),
        }
    }
}

impl Spares {
    /// Keeps a finished decoder.
    pub(crate) fn keep(&mut self, transfer: Transfer) {
        match transfer {
            Transfer::Identity => {}
            Transfer::Base64(decoder) => self.base64 = Some(decoder),
            Transfer::QuotedPrintable(decoder) => self.quoted_printable = Some(decoder),
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Runs one transfer decoder over every cutting of its input.

    use super::*;
    use alloc::vec::Vec;
    use smtpgw_testkit::splits::every_split;

    #[derive(Debug, Default, PartialEq)]
    pub(crate) struct Decoded {
        pub(crate) octets: Vec<u8>,
        pub(crate) defects: Vec<(DefectKind, u64)>,
    }

    impl Output for Decoded {
        fn data(&mut self, octets: &[u8]) {
            assert!(!octets.is_empty());
            self.octets.extend_from_slice(octets);
        }

        fn defect(&mut self, kind: DefectKind, at: Offset) {
            if self.defects.iter().all(|&(known, _)| known != kind) {
                self.defects.push((kind, at.get()));
            }
        }
    }

    pub(crate) fn decode_pieces(pieces: &[&[u8]], encoding: Encoding, dialect: Dialect) -> Decoded {
        let mut decoded = Decoded::default();
        let mut spares = Spares::default();
        let mut at = Offset::START;
        let mut transfer = Transfer::new(encoding, &dialect, &mut spares);
        for piece in pieces {
            transfer.feed(piece, at, &mut decoded);
            at = at.plus(piece.len());
        }
        transfer.finish(at, &mut decoded);
        decoded
    }

    pub(crate) fn decode(raw: &[u8], encoding: Encoding, dialect: Dialect) -> Decoded {
        every_split(raw, |pieces| decode_pieces(pieces, encoding, dialect))
    }
}
