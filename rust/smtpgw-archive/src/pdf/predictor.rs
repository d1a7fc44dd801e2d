//! Predictors (ISO 32000-1 §7.4.4.4): each octet stands as the difference from what its neighbours let expect.

use std::io::{self, Read};

use super::filters::Parms;
use crate::Unscanned;
use crate::limits::PDF_ROW;

/// Undoes one, row by row.
pub(super) struct Predictor<'p> {
    inner: Box<dyn Read + 'p>,
    /// Each row says how it is done (PNG, ISO/IEC 15948 §9); otherwise all are as in TIFF.
    is_png: bool,
    /// Octets of a pixel.
    pixel: usize,
    row: Vec<u8>,
    above: Vec<u8>,
    /// Octets of the row that have been given, and that there are.
    given: usize,
    filled: usize,
}

impl<'p> Predictor<'p> {
    /// `inner` with its predictor undone, if there is one.
    pub(super) fn open(inner: Box<dyn Read + 'p>, parms: &Parms) -> Result<Box<dyn Read + 'p>, Unscanned> {
        if parms.predictor < 2 {
            return Ok(inner);
        }
        let is_png = parms.predictor >= 10;
        let bits = parms.colors.checked_mul(parms.bits).filter(|bits| *bits > 0);
        let row = bits.and_then(|bits| Some(bits.checked_mul(parms.columns)?.div_ceil(8)));
        let row = row.and_then(|row| usize::try_from(row).ok()).filter(|row| (1..=PDF_ROW).contains(row));
        let pixel = bits.and_then(|bits| usize::try_from(bits.div_ceil(8)).ok());
        let (Some(row), Some(pixel)) = (row, pixel) else { return Err(Unscanned::Unhandled) };
        if !is_png && (parms.predictor != 2 || parms.bits != 8) {
            return Err(Unscanned::Unhandled);
        }
        Ok(Box::new(Self { inner, is_png, pixel, row: vec![0; row], above: vec![0; row], given: 0, filled: 0 }))
    }

    /// The next row; the last one may be short.
    fn next(&mut self) -> io::Result<()> {
        std::mem::swap(&mut self.row, &mut self.above);
        (self.given, self.filled) = (0, 0);
        let mut kind = [0];
        if self.is_png && read_some(&mut self.inner, &mut kind)? == 0 {
            return Ok(());
        }
        self.filled = read_some(&mut self.inner, &mut self.row)?;
        let (kind, pixel) = (if self.is_png { kind[0] } else { SUB }, self.pixel);
        if kind == 0 {
            return Ok(());
        }
        for at in 0..self.filled {
            let earlier = at.checked_sub(pixel);
            let of = |row: &[u8], at: Option<usize>| at.and_then(|at| row.get(at)).copied().unwrap_or(0);
            let (left, up, corner) = (of(&self.row, earlier), of(&self.above, Some(at)), of(&self.above, earlier));
            let expected = match kind {
                SUB => left,
                UP => up,
                AVERAGE => u8::midpoint(left, up),
                PAETH => paeth(left, up, corner),
                _ => 0,
            };
            if let Some(octet) = self.row.get_mut(at) {
                *octet = octet.wrapping_add(expected);
            }
        }
        Ok(())
    }
}

impl Read for Predictor<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.filled {
            self.next()?;
        }
        let ready = self.row.get(self.given..self.filled).unwrap_or_default();
        let count = ready.len().min(buffer.len());
        buffer.iter_mut().zip(ready).for_each(|(to, from)| *to = *from);
        self.given += count;
        Ok(count)
    }
}

/// Fills `buffer` as far as the octets go. Damage behind some is told when more are asked for.
fn read_some(inner: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) {
        match inner.read(room) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(_) if filled > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let [left_i, up_i, corner_i] = [left, up, corner].map(i16::from);
    let guess = left_i + up_i - corner_i;
    let (a, b, c) = ((guess - left_i).abs(), (guess - up_i).abs(), (guess - corner_i).abs());
    if a <= b && a <= c {
        left
    } else if b <= c {
        up
    } else {
        corner
    }
}

const SUB: u8 = 1;
const UP: u8 = 2;
const AVERAGE: u8 = 3;
const PAETH: u8 = 4;
