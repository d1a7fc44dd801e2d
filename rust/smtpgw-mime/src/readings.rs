//! Which further readings of a message there are: the dialects to decode it again under, one after the other.
//!
//! A reading varies only the choices for which the message gave a reason: those whose defects were seen while it was
//! read. What a further reading sees may be a reason for further ones, so this is a walk, nearest readings first,
//! until there is nothing new or [`Readings::new`]'s limit is reached. A message without such a defect has none.
//!
//! Choices of different kinds are combined, for one may show the place where the other matters. Not combined are those
//! of which a body can obey only one: those of base64 with those of quoted-printable.

use alloc::collections::{BTreeSet, VecDeque};

use crate::defect::{DefectKind, DefectSet};
use crate::dialect::{
    AfterClose, AfterPadding, Base64Junk, BlankBeforeColon, BlankLine, DelimiterMatch, Dialect, EncodedMultipart,
    JunkLine, MissingBoundary, Nul, Pick, QuotedPrintableRules, Shared,
};
use crate::entity::Alternatives;

/// What was seen while a message was read, as far as it is a reason for other readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Observed {
    pub(crate) kinds: DefectSet,
    /// The most types, encodings and boundaries that one entity may have.
    pub(crate) content_types: u8,
    pub(crate) encodings: u8,
    pub(crate) boundaries: u8,
}

impl Observed {
    /// One entity has so many alternatives.
    pub(crate) fn alternatives(&mut self, alternatives: Alternatives) {
        self.content_types = self.content_types.max(alternatives.content_types);
        self.encodings = self.encodings.max(alternatives.encodings);
        self.boundaries = self.boundaries.max(alternatives.boundaries);
    }

    fn any(&self, kinds: &[DefectKind]) -> bool {
        kinds.iter().any(|&kind| self.kinds.contains(kind))
    }

    /// Whether the message may be read in another way than it was.
    pub fn is_ambiguous(&self) -> bool {
        let mut any = false;
        neighbours(Dialect::default(), self, &mut |_| any = true);
        any
    }
}

/// The readings of one message that are still to be tried.
#[derive(Debug)]
pub struct Readings {
    waiting: VecDeque<Dialect>,
    known: BTreeSet<Dialect>,
    limit: usize,
    is_cut: bool,
}

impl Readings {
    /// After the first reading, by the default dialect, saw `observed`. `limit`: how many further ones there may be.
    pub fn new(observed: &Observed, limit: usize) -> Self {
        let mut readings =
            Self { waiting: VecDeque::new(), known: BTreeSet::from([Dialect::default()]), limit, is_cut: false };
        readings.learn(Dialect::default(), observed);
        readings
    }

    /// The next dialect to decode under.
    pub fn next_dialect(&mut self) -> Option<Dialect> {
        self.waiting.pop_front()
    }

    /// Decoding under `dialect` saw `observed`, and not the same as another reading did.
    pub fn learn(&mut self, dialect: Dialect, observed: &Observed) {
        let Self { waiting, known, limit, is_cut } = self;
        neighbours(dialect, observed, &mut |dialect| {
            if known.contains(&dialect) {
                return;
            }
            // The default one is known as well.
            if known.len() > *limit {
                *is_cut = true;
                return;
            }
            known.insert(dialect);
            waiting.push_back(dialect);
        });
    }

    /// Whether there were more readings than the limit.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }
}

/// The dialects that differ from `dialect` in one choice for which `observed` gives a reason.
fn neighbours(dialect: Dialect, observed: &Observed, found: &mut dyn FnMut(Dialect)) {
    use DefectKind as K;
    let mut found = |dialect| {
        if !is_pointless(&dialect, observed) {
            found(dialect);
        }
    };
    let seen = |kinds: &[DefectKind]| observed.any(kinds);
    numbers(observed.content_types, |value| found(Dialect { content_type: value, ..dialect }));
    numbers(observed.encodings, |value| found(Dialect { encoding: value, ..dialect }));
    numbers(observed.boundaries, |value| found(Dialect { boundary: value, ..dialect }));
    each(seen(&[K::DuplicateParameter]), Pick::ALL, |value| found(Dialect { duplicate_parameter: value, ..dialect }));
    each(seen(&[K::DelimiterTrailer, K::DelimiterCase]), DelimiterMatch::ALL, |value| {
        // Only the case is a reason for the case.
        let asked = if value == DelimiterMatch::AnyCase { K::DelimiterCase } else { K::DelimiterTrailer };
        if seen(&[asked]) || value == DelimiterMatch::Prefix {
            found(Dialect { delimiter: value, ..dialect });
        }
    });
    each(seen(&[K::AmbiguousBoundary]), Shared::ALL, |value| found(Dialect { shared: value, ..dialect }));
    each(seen(&[K::DelimiterAfterClose]), AfterClose::ALL, |value| found(Dialect { after_close: value, ..dialect }));
    each(seen(&[K::MissingBoundary, K::MultipartWithoutParts]), MissingBoundary::ALL, |value| {
        found(Dialect { missing_boundary: value, ..dialect });
    });
    each(seen(&[K::JunkInHeader]), JunkLine::ALL, |value| {
        // Only a name is a reason to go by it.
        if value != JunkLine::Field || seen(&[K::LooseFieldName]) {
            found(Dialect { junk_line: value, ..dialect });
        }
    });
    each(seen(&[K::BlankContinuation]), BlankLine::ALL, |value| found(Dialect { blank_line: value, ..dialect }));
    each(seen(&[K::BlankBeforeColon, K::EmptyFieldName]), BlankBeforeColon::ALL, |value| {
        found(Dialect { blank_before_colon: value, ..dialect });
    });
    each(seen(&[K::NulInHeader]), Nul::ALL, |value| found(Dialect { nul: value, ..dialect }));
    each(seen(&[K::Base64AfterPadding, K::Base64Padding]), AfterPadding::ALL, |value| {
        // Only padding where no group can end is a reason to fill one.
        if value != AfterPadding::Fill || seen(&[K::Base64Padding]) {
            found(Dialect { base64_after_padding: value, ..dialect });
        }
    });
    each(seen(&[K::Base64Junk]), Base64Junk::ALL, |value| found(Dialect { base64_junk: value, ..dialect }));
    let loose = [K::QuotedPrintableLowerCase, K::QuotedPrintableSoftBreak];
    each(seen(&loose) || seen(&[K::QuotedPrintableCut]), QuotedPrintableRules::ALL, |value| {
        let has_reason = match value {
            QuotedPrintableRules::Lenient => true,
            QuotedPrintableRules::Strict => seen(&loose),
            QuotedPrintableRules::Joined => seen(&[K::QuotedPrintableCut]),
        };
        if has_reason {
            found(Dialect { quoted_printable: value, ..dialect });
        }
    });
    each(seen(&[K::EncodedMultipart]), EncodedMultipart::ALL, |value| {
        found(Dialect { encoded_multipart: value, ..dialect });
    });
}

/// Whether every leaf that `dialect` shows is shown by one that differs from the first reading in less.
fn is_pointless(dialect: &Dialect, observed: &Observed) -> bool {
    let padding = dialect.base64_after_padding != AfterPadding::default();
    let base64 = padding || dialect.base64_junk != Base64Junk::default();
    let quoted_printable = dialect.quoted_printable != QuotedPrintableRules::default();
    // What was decoded may have parts of its own, in another encoding.
    let encoded_in_encoded = observed.any(&[DefectKind::EncodedMultipart, DefectKind::EncodedMessage]);
    (base64 && quoted_printable && !encoded_in_encoded) || (padding && dialect.base64_junk == Base64Junk::AsIs)
}

/// `try_value` for each of `all` if there is a reason.
fn each<T: Copy>(reason: bool, all: &[T], try_value: impl FnMut(T)) {
    if reason {
        all.iter().copied().for_each(try_value);
    }
}

/// The same for the number of an alternative, of which there are `count`.
fn numbers(count: u8, try_value: impl FnMut(u8)) {
    if count > 1 {
        (0..count).for_each(try_value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    fn observed(kinds: &[DefectKind]) -> Observed {
        let mut observed = Observed::default();
        kinds.iter().for_each(|&kind| _ = observed.kinds.insert(kind));
        observed
    }

    fn walk(first: &Observed, limit: usize, then: impl Fn(Dialect) -> Observed) -> (Vec<String>, bool) {
        let mut readings = Readings::new(first, limit);
        let mut all = Vec::new();
        while let Some(dialect) = readings.next_dialect() {
            all.push(dialect.to_string());
            readings.learn(dialect, &then(dialect));
        }
        (all, readings.is_cut())
    }

    #[test]
    fn what_has_one_reading_has_no_other() {
        for kinds in [&[][..], &[DefectKind::BareLineFeed, DefectKind::EpilogueNotEmpty, DefectKind::HeaderCharset]] {
            assert!(!observed(kinds).is_ambiguous());
            assert_eq!(walk(&observed(kinds), 64, |_| observed(kinds)), (Vec::new(), false));
        }
    }

    #[test]
    fn choices_that_matter_are_combined_nearest_first() {
        let kinds = [DefectKind::JunkInHeader, DefectKind::DelimiterAfterClose];
        let (all, is_cut) = walk(&observed(&kinds), 64, |_| observed(&kinds));
        assert_eq!(all, ["after_close=reopen", "junk_line=skip", "after_close=reopen,junk_line=skip"]);
        assert!(!is_cut);
        let numbers = Observed { encodings: 3, boundaries: 1, ..Observed::default() };
        assert_eq!(walk(&numbers, 64, |_| numbers).0, ["encoding=1", "encoding=2"]);
    }

    #[test]
    fn what_no_body_obeys_together_is_not_combined() {
        let kinds = [DefectKind::Base64Junk, DefectKind::Base64Padding, DefectKind::QuotedPrintableSoftBreak];
        let (all, _) = walk(&observed(&kinds), 64, |_| observed(&kinds));
        // Of base64 three ways with junk by five with padding, but for the first reading, and as it is; and one.
        assert_eq!(all.len(), 3 * 5 - 1 + 1 + 1);
        assert!(!all.iter().any(|dialect| dialect.contains("base64") && dialect.contains("quoted_printable")));
        let kinds = [&kinds[..], &[DefectKind::EncodedMessage]].concat();
        assert_eq!(walk(&observed(&kinds), 64, |_| observed(&kinds)).0.len(), (3 * 5 + 1) * 2 - 1);
    }

    #[test]
    fn what_a_reading_shows_is_a_reason_for_further_ones() {
        let then = |dialect: Dialect| match dialect.junk_line {
            JunkLine::Skip => observed(&[DefectKind::JunkInHeader, DefectKind::DelimiterTrailer]),
            _ => observed(&[DefectKind::JunkInHeader]),
        };
        let (all, _) = walk(&observed(&[DefectKind::JunkInHeader]), 64, then);
        assert_eq!(all[..2], ["junk_line=skip", "delimiter=exact,junk_line=skip"]);
    }

    #[test]
    fn more_than_the_limit_is_told() {
        let kinds = observed(DefectKind::ALL);
        let (all, is_cut) = walk(&kinds, 64, |_| kinds);
        assert_eq!((all.len(), is_cut), (64, true));
        let few = observed(&[DefectKind::JunkInHeader]);
        assert_eq!(walk(&few, 1, |_| few), (Vec::from(["junk_line=skip".to_string()]), false));
        assert!(walk(&few, 0, |_| few).1);
    }
}
