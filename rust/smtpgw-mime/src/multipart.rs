//! Multiparts (RFC 2046 §5.1): which lines are delimiters, and what is between them.
//!
//! - [`Delimiters`] judges one line against the boundaries of all multiparts that are open around it.
//! - [`Splitter`] cuts the octets of a body into content and delimiters while they arrive.

mod delimiter;
mod splitter;

pub(crate) use delimiter::{Boundary, Delimiters, Found, Frames, Judgement, Multipart};
pub(crate) use splitter::{Piece, Splitter, ends_bare};
