//! Kinds of characters.

use alloc::string::String;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Whether it is blank: what ends a URL in running text. With the separators U+001C to U+001F, which programs split at.
pub(crate) fn is_blank(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// Whether a host name may have it, in any writing.
pub(crate) fn is_of_label(character: char) -> bool {
    match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => true,
        '\0'..='\x7f' => false,
        _ => character.is_alphanumeric() || is_combining_mark(character),
    }
}

/// Whether it parts the labels of a host name, in any writing.
pub(crate) fn is_full_stop(character: char) -> bool {
    matches!(character, '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}')
}

/// Whether it is a plain letter of a host name, or a full stop, or counts as one: full-width ones and the like.
pub(crate) fn is_plain(character: char) -> bool {
    let plain = |character: char| character.is_ascii() && is_of_label(character) || is_full_stop(character);
    plain(character) || !character.is_ascii() && core::iter::once(character).nfkc().all(plain)
}

/// Whether it is a Latin letter beyond ASCII: with others of its kind it makes a word, in which no host name begins or
/// ends.
pub(crate) fn is_latin(character: char) -> bool {
    let is_in_block = matches!(character,
        '\u{c0}'..='\u{2af}' | '\u{1d00}'..='\u{1d7f}' | '\u{1e00}'..='\u{1eff}' | '\u{2c60}'..='\u{2c7f}'
            | '\u{a722}'..='\u{a7ff}' | '\u{ab30}'..='\u{ab6f}');
    is_in_block && character.is_alphabetic()
}

/// Whether a word goes on behind `text`: it ends with a Latin letter that is none of ASCII, its marks aside.
pub(crate) fn ends_within_word(text: &str) -> bool {
    let bare = text.trim_end_matches(is_combining_mark);
    let last = bare.chars().next_back();
    last.is_some_and(|last| is_latin(last) || bare.len() < text.len() && last.is_ascii_alphanumeric())
}

/// Whether it ends a URL in running text.
pub(crate) fn ends_url(character: char) -> bool {
    matches!(character, '<' | '>' | '"' | '`') || is_blank(character)
}

/// What a sentence puts behind a URL, and what is no part of it.
pub(crate) fn is_punctuation(character: char) -> bool {
    matches!(character, '.' | ',' | ';' | ':' | '!' | '?' | ')' | ']' | '}' | '\'' | '*' | '_')
}

/// A host without the dashes that a sentence puts behind it, and underlines; itself if there is no dash.
pub(crate) fn without_dashes(host: &str) -> &str {
    let bare = host.trim_end_matches(is_punctuation);
    if bare.ends_with('-') { bare.trim_end_matches(|c| c == '-' || is_punctuation(c)) } else { host }
}

/// Characters that take no room on the screen, and that browsers drop from host names.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
    )
}

/// `text` without invisible characters; `None` if it has none.
pub(crate) fn visible(text: &str) -> Option<String> {
    if text.is_ascii() || !text.contains(is_invisible) {
        return None;
    }
    Some(text.chars().filter(|character| !is_invisible(*character)).collect())
}
