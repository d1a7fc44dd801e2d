//! A world that lies to the gateway and about it: what its peers see is then what a broken gateway would do. See
//! [`crate::bites`].

use std::fmt;
use std::sync::Arc;

/// Whom a stream leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Backend,
}

/// Seen from the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    In,
    Out,
}

/// What is told instead of what was said; nothing was said at the end of a stream.
pub type Lie = Arc<dyn Fn(Side, Direction, &[u8]) -> Vec<u8> + Send + Sync>;

#[derive(Clone, Default)]
pub struct Lies {
    pub words: Option<Lie>,
    /// Streams that the gateway is done with stay open.
    pub leaks: bool,
}

impl fmt::Debug for Lies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lies").field("leaks", &self.leaks).finish_non_exhaustive()
    }
}

impl Lies {
    pub fn words(lie: impl Fn(Side, Direction, &[u8]) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self { words: Some(Arc::new(lie)), leaks: false }
    }

    /// Another word for each that is said on that side and in that direction.
    pub fn replacing(side: Side, direction: Direction, word: &'static str, by: &'static str) -> Self {
        Self::words(move |at, way, said| {
            if (at, way) == (side, direction) { replaced(said, word.as_bytes(), by.as_bytes()) } else { said.to_vec() }
        })
    }
}

pub fn replaced(said: &[u8], word: &[u8], by: &[u8]) -> Vec<u8> {
    let (mut told, mut rest) = (Vec::new(), said);
    while let Some(at) = rest.windows(word.len()).position(|window| window == word) {
        told.extend_from_slice(&rest[..at]);
        told.extend_from_slice(by);
        rest = &rest[at + word.len()..];
    }
    told.extend_from_slice(rest);
    told
}
