#![forbid(unsafe_code)]
//! The gateway: everything between the wire and the verdict, without Python.

pub mod settings;
pub mod verdict;
pub mod world;
