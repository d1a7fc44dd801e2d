//! Marks, and what kinds of octets there are: one pass over a text tells that most marks of archives are not in it,
//! where a search for each would be a pass for each.

/// The kinds of octets that were seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sight {
    controls: bool,
    high: bool,
}

impl Sight {
    pub(crate) fn of(octets: &[u8]) -> Self {
        let mut seen = Self::default();
        for &octet in octets {
            // No branches: compilers do many octets at a time.
            seen.controls |= is_control(octet);
            seen.high |= !octet.is_ascii();
        }
        seen
    }

    /// Whether control octets are among them that texts do without.
    pub(crate) const fn has_controls(self) -> bool {
        self.controls
    }

    /// Whether a mark can be among them.
    pub(crate) fn may_hold(self, mark: &[u8]) -> bool {
        mark.iter().all(|&octet| (self.controls || !is_control(octet)) && (self.high || octet.is_ascii()))
    }
}

/// Whether a mark stands at `at`. By its first octet, where nearly all fail, before all of it.
pub(crate) fn is_at(octets: &[u8], at: usize, mark: &[u8]) -> bool {
    octets.get(at) == mark.first() && octets.get(at..).is_some_and(|rest| rest.starts_with(mark))
}

const fn is_control(octet: u8) -> bool {
    octet < 0x20 && octet != b'\t' && octet != b'\n' && octet != b'\r'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_be_there_is_left_out() {
        let table: [(&[u8], &[u8], bool); 8] = [
            (b"a text\r\n\twith lines", b"PK\x03\x04", false),
            (b"a text\r\n\twith lines", b"1AY&SY", true),
            (b"a text\r\n\twith lines", b"\x28\xb5\x2f\xfd", false),
            (b"gr\xfcn", b"\x28\xb5\x2f\xfd", true),
            (b"gr\xfcn", b"\xfd7zXZ\0", false),
            (b"one \x07 is enough", b"PK\x03\x04", true),
            (b"one \x07 is enough", b"\x1f\x8b\x08", false),
            (b"\xff\0", b"\x1f\x8b\x08", true),
        ];
        for (octets, mark, may) in table {
            assert_eq!(Sight::of(octets).may_hold(mark), may, "{} in {}", mark.escape_ascii(), octets.escape_ascii());
            assert!(Sight::of(&[octets, mark].concat()).may_hold(mark));
        }
    }
}
