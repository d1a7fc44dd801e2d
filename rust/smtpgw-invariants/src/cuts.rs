//! The same octets in other pieces.

/// Sizes of pieces, drawn from the octets that are to be cut: the same input is always cut the same way.
#[derive(Clone, Debug)]
pub struct Cuts(u64);

impl Cuts {
    /// Those that belong to `octets`.
    pub fn of(octets: &[u8]) -> Self {
        // FNV-1a: what counts is that a changed octet changes the cuts.
        let hash = octets
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &octet| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3));
        Self(hash | 1)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound.max(1)
    }

    /// The size of the next piece: mostly a few octets, sometimes many.
    pub fn size(&mut self) -> usize {
        let reach = match self.below(4) {
            0 => 2,
            1 | 2 => 16,
            _ => 300,
        };
        usize::try_from(1 + self.below(reach)).unwrap_or(1)
    }

    /// `octets` in pieces.
    pub fn pieces<'a>(&mut self, octets: &'a [u8]) -> Vec<&'a [u8]> {
        let mut rest = octets;
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(self.size().min(rest.len()));
            pieces.push(piece);
            rest = behind;
        }
        pieces
    }
}

/// Holds that `outcome` is the same for the octets whole, octet by octet and cut as they say themselves.
pub fn cut_does_not_show<T: PartialEq + core::fmt::Debug>(octets: &[u8], mut outcome: impl FnMut(&[&[u8]]) -> T) {
    let whole = outcome(&[octets]);
    assert_eq!(outcome(&Cuts::of(octets).pieces(octets)), whole, "in pieces (left) and whole (right)");
    assert_eq!(outcome(&octets.chunks(1).collect::<Vec<_>>()), whole, "octet by octet (left) and whole (right)");
}
