#![no_std]
#![forbid(unsafe_code)]
//! Placeholder, replaced before anything depends on it.

extern crate alloc;
