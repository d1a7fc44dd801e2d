#![forbid(unsafe_code)]
//! Test tools shared by the crates of the workspace; nothing that ships depends on it.
//!
//! - [`splits`]: the same input whole, at every split, and byte by byte. Every parser test goes through it,
//!   because a parser that sees its input in other pieces must not see another message.
//! - [`dialogue`]: conversations as text files, played against a machine.
//! - [`effort`]: how much work something is, in processor time, for tests that it grows no faster than its input.
//! - [`corpus`]: the files under `tests/corpus/`.

pub mod corpus;
pub mod dialogue;
pub mod effort;
pub mod splits;
