//! Zstandard (RFC 8878): every frame of a stretch, one behind the other, as one stream of octets.
//!
//! Frames of other kinds are skipped as RFC 8878 §3.1.2 has it. The library keeps back a whole window, so at damage
//! it is told that the frame ends there: what it held comes out before the error does.

use std::io::{self, Read, Seek};

use ruzstd::decoding::errors::{FrameDecoderError, FrameHeaderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::limits::{STREAMS, WINDOW};
use crate::packed::Packed;

/// The frames at a position, up to the first octets that begin none.
pub(crate) struct Frames<'p, 'a, R> {
    packed: &'p mut Packed<'a, R>,
    decoder: FrameDecoder,
    /// Whether a frame is open.
    is_open: bool,
    /// Octets that it has given.
    given: u64,
    frames: usize,
    /// What the damage was; told when all octets before it have come out.
    damage: Option<io::Error>,
}

impl<'p, 'a, R: Read + Seek> Frames<'p, 'a, R> {
    pub(crate) fn new(packed: &'p mut Packed<'a, R>) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW);
        Self { packed, decoder, is_open: false, given: 0, frames: 0, damage: None }
    }

    /// Begins the next frame; false where there is none.
    fn begin(&mut self) -> io::Result<bool> {
        let mark = self.packed.peek::<4>()?;
        let is_frame = mark == b"\x28\xb5\x2f\xfd" || matches!(mark, [0x50..=0x5f, 0x2a, 0x4d, 0x18]);
        // The first one is known to be there.
        if !is_frame && self.frames > 0 {
            return Ok(false);
        }
        self.frames += 1;
        if self.frames > STREAMS {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        match self.decoder.init(&mut *self.packed) {
            Ok(()) => (self.is_open, self.given) = (true, 0),
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                let skipped = io::copy(&mut self.packed.by_ref().take(length.into()), &mut io::sink())?;
                if skipped != u64::from(length) {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Err(
                FrameDecoderError::WindowSizeTooBig { .. }
                | FrameDecoderError::FrameHeaderError(FrameHeaderError::WindowTooBig { .. }),
            ) => return Err(io::ErrorKind::OutOfMemory.into()),
            Err(FrameDecoderError::DictNotProvided { .. }) => return Err(io::ErrorKind::Unsupported.into()),
            Err(_) => return Err(io::ErrorKind::InvalidData.into()),
        }
        Ok(true)
    }

    /// Ends the frame. The library computes the checksum and compares nothing. A size of 0 is one that is not told.
    fn end(&mut self) -> io::Result<()> {
        self.is_open = false;
        let checksum_agrees = self
            .decoder
            .get_checksum_from_data()
            .is_none_or(|said| self.decoder.get_calculated_checksum() == Some(said));
        let size_agrees = [0, self.given].contains(&self.decoder.content_size());
        if checksum_agrees && size_agrees { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

impl<R: Read + Seek> Read for Frames<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.is_open && !self.begin()? {
                return Ok(0);
            }
            if !self.is_open {
                continue;
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let more = self.decoder.decode_blocks(&mut *self.packed, BlockDecodingStrategy::UptoBlocks(1));
                if let Err(error) = more {
                    self.damage = Some(io::Error::other(error));
                    // A last block without octets, and room for a checksum.
                    let end = &b"\x01\0\0\0\0\0\0"[..];
                    self.decoder.decode_blocks(end, BlockDecodingStrategy::UptoBlocks(1)).map_err(io::Error::other)?;
                }
            }
            let count = self.decoder.read(buffer)?;
            self.given += count as u64;
            if count > 0 {
                return Ok(count);
            }
            if let Some(damage) = self.damage.take() {
                return Err(damage);
            }
            self.end()?;
        }
    }
}
