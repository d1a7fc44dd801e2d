//! Where a part stands in its message, numbered as IMAP numbers sections.

use alloc::vec::Vec;
use core::fmt;

/// The place of a part by RFC 3501 §6.4.5: the only part of a message that is no multipart is `1`; the children of
/// a multipart are `1`, `2`, …; those of the message in part 2 are `2.1`, `2.2`, ….
///
/// A multipart at the top of a message has no number of its own there and shows the path of that message: nothing
/// for the outermost, `2` for the one in part 2.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartPath(Vec<u32>);

impl PartPath {
    /// The path of the outermost multipart: no numbers.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// The path of child `number`, counted from 1.
    #[must_use]
    pub fn child(&self, number: u32) -> Self {
        let mut numbers = Vec::with_capacity(self.0.len() + 1);
        numbers.extend_from_slice(&self.0);
        numbers.push(number);
        Self(numbers)
    }

    /// The numbers, outermost first.
    pub fn numbers(&self) -> &[u32] {
        &self.0
    }
}

impl fmt::Display for PartPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut dot = "";
        for number in &self.0 {
            write!(f, "{dot}{number}")?;
            dot = ".";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn shows_dotted_numbers() {
        assert_eq!(PartPath::root().to_string(), "");
        assert_eq!(PartPath::root().child(2).child(10).to_string(), "2.10");
    }
}
