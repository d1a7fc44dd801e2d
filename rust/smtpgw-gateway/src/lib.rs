#![forbid(unsafe_code)]
//! The gateway: everything between the wire and the verdict, without Python.

mod admission;
mod error;
pub mod inspect;
mod inspection;
mod log;
pub mod message;
pub mod settings;
mod spool;
mod tls;
pub mod verdict;
pub mod world;
