//! One input, cut in every way that matters: whole, at every single split, byte by byte.
//!
//! A network may cut a stream anywhere. The invariant of every sans-IO parser here is that the cut does not
//! show: [`every_split`] hands each cutting to a closure and checks that the results are equal.

use std::fmt::Debug;

/// All cuttings of `input` that the parser tests use: the whole, each split in two, and one octet at a time.
pub fn cuttings(input: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    let whole = std::iter::once(vec![input]);
    let halves = (1..input.len()).map(move |at| vec![&input[..at], &input[at..]]);
    let octets = std::iter::once(input.chunks(1).collect());
    whole.chain(halves).chain(octets)
}

/// Runs `parse` on every cutting of `input`, checks that all results are equal, and returns that result.
///
/// # Panics
/// If any cutting gives another result than the whole input does; the message names the cutting.
pub fn every_split<T: PartialEq + Debug>(input: &[u8], mut parse: impl FnMut(&[&[u8]]) -> T) -> T {
    let whole = parse(&[input]);
    for pieces in cuttings(input) {
        let result = parse(&pieces);
        assert_eq!(whole, result, "cut into pieces of {:?} octets", pieces.iter().map(|p| p.len()).collect::<Vec<_>>());
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_octets_of_every_cutting() {
        assert_eq!(every_split(b"abc", |pieces| pieces.concat()), b"abc");
        assert_eq!(cuttings(b"abc").count(), 1 + 2 + 1);
    }

    #[test]
    #[should_panic(expected = "cut into pieces")]
    fn notices_a_parser_that_depends_on_the_cut() {
        every_split(b"abc", |pieces| pieces.len());
    }
}
