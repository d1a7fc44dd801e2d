//! One member of a container, and whoever takes it.

use std::borrow::Cow;

use crate::Unscanned;
use crate::limits::NAME;

/// What a container says about a member before its octets come. None of it is to be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member<'a> {
    /// Its name for people: characters that would deceive or break a line are replaced, `\` reads `/`, and a very
    /// long one loses its middle. Not a path to open, and not unique.
    pub path: Cow<'a, str>,
    /// Another name that some programs give it, fit for people as well.
    pub other_path: Option<Cow<'a, str>>,
    /// Its name as it stands in the container.
    pub raw_name: &'a [u8],
    /// How many octets the container says will come.
    pub declared_size: Option<u64>,
}

/// Takes the members of a container: `begin`, any number of `data`, `end`; then the next one.
pub trait Members {
    /// A member begins.
    fn begin(&mut self, member: Member<'_>);

    /// The next octets of the member that has begun.
    fn data(&mut self, octets: &[u8]);

    /// The member ends. On an error the octets before are what could be had of it.
    fn end(&mut self, outcome: Result<(), Unscanned>);

    /// Something is known of the container as a whole. Told at most once for each fact.
    fn fact(&mut self, fact: Fact) {
        _ = fact;
    }
}

/// What a container is seen to have, that its members alone do not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fact {
    /// A VBA project: macros that may run when the document is opened.
    Macros,
    /// A document that loads a part of itself from elsewhere: a template, an object, a frame.
    ExternalTarget,
    /// Something in it was encrypted, and one of the words that were tried has opened it.
    Decrypted,
}

impl Fact {
    /// The name used in records and by inspectors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Macros => "macros",
            Self::ExternalTarget => "external_target",
            Self::Decrypted => "decrypted",
        }
    }
}

/// Of the names that a member has besides `name` the one that tells most: of a file of another kind, or else any.
pub(crate) fn other_name(name: &str, others: impl Iterator<Item = String>) -> Option<String> {
    let suffix = |name: &str| name.rsplit_once('.').map(|(_, suffix)| suffix.to_ascii_lowercase());
    let mut first = None;
    for other in others.filter(|other| !other.is_empty() && other != name) {
        if suffix(&other) != suffix(name) {
            return Some(other);
        }
        first.get_or_insert(other);
    }
    first
}

/// Makes a member's name fit for records and for people.
pub(crate) fn display_name(name: &str) -> Cow<'_, str> {
    let total = name.chars().count();
    if total <= NAME && !name.chars().any(|c| c == '\\' || is_deceptive(c)) {
        return Cow::Borrowed(name);
    }
    let clean = |c| match c {
        '\\' => '/',
        c if is_deceptive(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    if total <= NAME {
        return name.chars().map(clean).collect();
    }
    let half = NAME / 2;
    let head = name.chars().take(half).map(clean);
    let tail = name.chars().skip(total - half).map(clean);
    head.chain(std::iter::once('…')).chain(tail).collect()
}

/// Characters that end lines, reorder or hide text: controls, and the format characters of Unicode that a file
/// name has no use for.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_not_copied() {
        assert!(matches!(display_name("dir/Übersicht 2026.xlsx"), Cow::Borrowed("dir/Übersicht 2026.xlsx")));
    }

    #[test]
    fn deceptive_characters_are_shown_as_such() {
        assert_eq!(display_name("invoice\u{202e}fdp.exe"), "invoice\u{fffd}fdp.exe");
        assert_eq!(display_name("a\r\nb\0c"), "a\u{fffd}\u{fffd}b\u{fffd}c");
        assert_eq!(display_name("..\\..\\a.exe"), "../../a.exe");
    }

    #[test]
    fn another_name_is_one_of_another_kind() {
        let other = |others: &[&str]| other_name("a.txt", others.iter().map(ToString::to_string));
        assert_eq!(other(&["", "a.txt"]), None);
        assert_eq!(other(&["A~1.TXT", "b.exe"]).as_deref(), Some("b.exe"));
        assert_eq!(other(&["A~1.TXT", "b.txt"]).as_deref(), Some("A~1.TXT"));
    }

    #[test]
    fn a_long_name_keeps_both_ends() {
        let name = format!("start{}end.exe", "é".repeat(70_000));
        let shown = display_name(&name);
        assert!(shown.starts_with("start") && shown.ends_with("end.exe") && shown.contains('…'));
        assert_eq!(shown.chars().count(), NAME);
    }
}
