//! Placeholder, replaced before anything depends on it.
