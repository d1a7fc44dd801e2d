//! The fields that say how a body is read (RFC 2045, RFC 2183), by their names and by what comes near them.
//!
//! Some programs look for a name anywhere in the first word of a line: `X-Content-Type: multipart/mixed`.

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MimeField {
    Type,
    Disposition,
    Encoding,
}

impl MimeField {
    const ALL: [Self; 3] = [Self::Type, Self::Disposition, Self::Encoding];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Type => "Content-Type",
            Self::Disposition => "Content-Disposition",
            Self::Encoding => "Content-Transfer-Encoding",
        }
    }

    /// That of this name, upper and lower case alike.
    pub(crate) fn of(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// The first whose name stands within `word`, and where.
    pub(crate) fn within(word: &[u8]) -> Option<(usize, Self)> {
        // Hardly any word is long enough, and of these hardly any has the letters.
        let last = word.len().checked_sub(Self::Type.name().len())?;
        memchr::memchr2_iter(b'c', b'C', word.get(..=last)?).find_map(|at| {
            let begins = |field: &Self| {
                let name = field.name().as_bytes();
                word.get(at..at + name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name))
            };
            Self::ALL.into_iter().find(begins).map(|field| (at, field))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_alone_and_within_others() {
        type Row = (&'static [u8], Option<MimeField>, Option<(usize, MimeField)>);
        let table: &[Row] = &[
            (b"content-TYPE", Some(MimeField::Type), Some((0, MimeField::Type))),
            (b"X-Content-Type", None, Some((2, MimeField::Type))),
            (b"cContent-Dispositionx", None, Some((1, MimeField::Disposition))),
            (b"Content-Transfer-Encoding", Some(MimeField::Encoding), Some((0, MimeField::Encoding))),
            (b"Content-Typ", None, None),
            (b"Content-Language", None, None),
            (b"", None, None),
        ];
        for (name, exact, within) in table {
            assert_eq!((MimeField::of(name), MimeField::within(name)), (*exact, *within), "{}", name.escape_ascii());
        }
    }
}
