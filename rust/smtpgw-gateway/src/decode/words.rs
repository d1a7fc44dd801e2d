//! Words of a message that may be the password of an archive in it: of its subject and of its texts so far.
//!
//! First what follows a word for "password", then what stands in quotes, then what looks made up, then the other words;
//! behind them the site's own list, for which room is kept. Only texts that stand before the archive give words, so
//! that what is opened does not depend on how a message arrives. Found only when something needs a password. Every text
//! is read once, up to a limit; nothing here is logged, and none of it is in a record.

use std::collections::HashSet;
use std::io::Read as _;
use std::sync::{Arc, OnceLock};

use smtpgw_mime::charset::to_text;

use crate::content::Reader;
use crate::message::{Message, Part};
use crate::settings::Settings;

/// The texts of a message so far.
pub(super) struct Texts {
    kept: Arc<Kept>,
    settings: Arc<Settings>,
}

#[derive(Clone, Default)]
struct Kept {
    texts: Vec<Arc<Part>>,
    /// What was found in them and in the subject, once somebody asked.
    words: OnceLock<Vec<String>>,
}

impl Texts {
    pub(super) fn new(settings: &Arc<Settings>) -> Self {
        Self { kept: Arc::default(), settings: Arc::clone(settings) }
    }

    /// A part that may be a text. Of many the first give words.
    pub(super) fn note(&mut self, part: &Arc<Part>) {
        let is_wanted = self.settings.decode.password_tries > 0 && self.kept.texts.len() < TEXTS;
        if is_wanted && part.media_type.starts_with("text/") {
            let kept = Arc::make_mut(&mut self.kept);
            kept.texts.push(Arc::clone(part));
            kept.words.take();
        }
    }

    /// What finds the words, when somebody wants them.
    pub(super) fn words(&self, message: &Message) -> impl FnOnce() -> Vec<String> + Send + Sync + use<> {
        let (kept, settings) = (Arc::clone(&self.kept), Arc::clone(&self.settings));
        let header = message.progress.read().header.clone();
        move || {
            let found = kept.words.get_or_init(|| {
                let mut finder = Finder::default();
                if let Some(subject) = header.as_ref().and_then(|header| header.first("Subject")) {
                    finder.read(head_of(&subject.decoded(), TEXT));
                }
                kept.texts.iter().for_each(|part| finder.read_part(part));
                finder.words()
            });
            let (site, tries) = (&settings.decode.passwords, settings.decode.password_tries);
            let room = tries.saturating_sub(site.len()).max(tries / 2);
            let mut words: Vec<String> = found.iter().take(room).cloned().collect();
            words.extend(site.iter().filter(|word| !found.iter().take(room).any(|found| found == *word)).cloned());
            words
        }
    }
}

/// Gathers words by how likely they are.
#[derive(Default)]
struct Finder {
    told: Vec<String>,
    quoted: Vec<String>,
    odd: Vec<String>,
    others: Vec<String>,
}

impl Finder {
    fn read_part(&mut self, part: &Part) {
        let mut octets = Vec::new();
        // What cannot be read back gives no words; whoever shows the part meets the same trouble, and tells it.
        if Reader::new(&part.data).take(TEXT as u64).read_to_end(&mut octets).is_err() {
            return;
        }
        let (text, _) = to_text(part.charset.as_deref(), &octets);
        if part.media_type == "text/html" {
            // Elements part words (cells of a table), or stand within one.
            self.read(&without_elements(&text, " "));
            self.read(&without_elements(&text, ""));
        } else {
            self.read(&text);
        }
    }

    fn read(&mut self, text: &str) {
        for line in text.lines() {
            self.quoted(line);
            self.told_in_line(line);
        }
        let mut left: usize = 0;
        for token in text.split_whitespace().filter(|token| token.len() <= WORD) {
            if left > 0 {
                left -= 1;
                put(&mut self.told, token);
            }
            if is_hint(token.trim_end_matches(SEPARATORS)) {
                left = BEHIND;
            }
            let is_odd = token.chars().any(|c| c.is_ascii_digit()) && token.chars().count() >= 3;
            let list = if is_odd { &mut self.odd } else { &mut self.others };
            if list.len() < WORDS && token.chars().count() >= 3 {
                put(list, token);
            }
        }
    }

    /// What stands behind a word for "password" and a colon: the first word, and all of the line.
    fn told_in_line(&mut self, line: &str) {
        for (at, separator) in line.match_indices(SEPARATORS).take(HINTS_IN_LINE) {
            let (before, behind) = (line.get(..at).unwrap_or(""), line.get(at + separator.len()..).unwrap_or(""));
            if !before.split_whitespace().next_back().is_some_and(is_hint) {
                continue;
            }
            let behind = behind.trim();
            behind.split_whitespace().next().into_iter().for_each(|word| put(&mut self.told, word));
            put(&mut self.told, behind);
        }
    }

    /// What stands in quotes on one line.
    fn quoted(&mut self, line: &str) {
        let mut rest = line;
        while let Some(at) = rest.find(|c| QUOTES.iter().any(|(open, _)| *open == c)) {
            let Some(open) = rest.get(at..).and_then(|rest| rest.chars().next()) else { return };
            rest = rest.get(at + open.len_utf8()..).unwrap_or("");
            let near = head_of(rest, WORD);
            let closes = |c: char| QUOTES.iter().any(|(begin, end)| *begin == open && *end == c);
            let Some(end) = near.find(closes).filter(|end| *end > 0) else { continue };
            if self.quoted.len() < WORDS {
                put(&mut self.quoted, near.get(..end).unwrap_or(""));
            }
            rest = rest.get(end..).and_then(|rest| rest.get(rest.chars().next()?.len_utf8()..)).unwrap_or("");
        }
    }

    /// All of them, each once.
    fn words(self) -> Vec<String> {
        let mut seen = HashSet::new();
        let all = [self.told, self.quoted, self.odd, self.others].into_iter().flatten();
        all.filter(|word| seen.insert(word.clone())).take(WORDS).collect()
    }
}

/// The word, as it stands and without what a sentence puts around it.
fn put(list: &mut Vec<String>, word: &str) {
    let bare = word.trim_matches(|c: char| AROUND.contains(c));
    let unquoted = word.trim_matches(|c| QUOTES.iter().any(|(open, close)| *open == c || *close == c));
    let mut last = "";
    for word in [bare, unquoted, word] {
        if !word.is_empty() && word.len() <= WORD && word != last && list.len() < WORDS {
            list.push(word.to_owned());
        }
        last = word;
    }
}

/// Whether it is a word for "password", as people write it.
fn is_hint(word: &str) -> bool {
    let word = word.trim_matches(|c: char| AROUND.contains(c));
    word.len() <= LONGEST_HINT && {
        let word = word.to_lowercase();
        HINTS.contains(&word.as_str()) || word.ends_with("passwort") || word.ends_with("password")
    }
}

/// HTML without its elements, what they hold that is no text, and with the commonest entities resolved.
fn without_elements(html: &str, between: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut hidden: Option<&str> = None;
    for (number, piece) in html.split('<').enumerate() {
        let (tag, behind) = if number == 0 { ("", piece) } else { piece.split_once('>').unwrap_or((piece, "")) };
        let begins = |name: &str| tag.get(..name.len()).is_some_and(|tag| tag.eq_ignore_ascii_case(name));
        hidden = match hidden {
            Some(name)
                if tag.starts_with('/')
                    && tag.get(1..=name.len()).is_some_and(|tag| tag.eq_ignore_ascii_case(name)) =>
            {
                None
            }
            None => ["style", "script"].into_iter().find(|name| begins(name)),
            hidden => hidden,
        };
        if hidden.is_none() {
            text.push_str(if number == 0 { "" } else { between });
            resolve(behind, &mut text);
        }
    }
    text
}

/// Text with its entities resolved.
fn resolve(html: &str, text: &mut String) {
    for (number, piece) in html.split('&').enumerate() {
        let entity = if number == 0 { None } else { head_of(piece, ENTITY).split_once(';').map(|(name, _)| name) };
        let resolved = entity.and_then(|name| {
            let code = match name.strip_prefix('#') {
                Some(code) => match code.strip_prefix(['x', 'X']) {
                    Some(code) => u32::from_str_radix(code, 16).ok(),
                    None => code.parse().ok(),
                },
                None => None,
            };
            code.and_then(char::from_u32).or_else(|| ENTITIES.iter().find(|(known, _)| *known == name).map(|(_, c)| *c))
        });
        match (resolved, entity) {
            (Some(c), Some(name)) => {
                text.push(c);
                text.push_str(piece.get(name.len() + 1..).unwrap_or(""));
            }
            _ => {
                text.push_str(if number == 0 { "" } else { "&" });
                text.push_str(piece);
            }
        }
    }
}

/// So many octets of a text at most.
fn head_of(text: &str, octets: usize) -> &str {
    text.get(..text.floor_char_boundary(octets)).unwrap_or(text)
}

/// Texts of a message that give words to try as passwords. The letter is among the first.
const TEXTS: usize = 16;
/// Octets of such a text that are read. A letter is shorter, and what is quoted below it matters less.
const TEXT: usize = 64 << 10;
/// Octets of such a word. What is typed is shorter.
const WORD: usize = 128;
/// Words of each kind that are tried as passwords. `decode.password_tries` is usually far below.
const WORDS: usize = 1_000;
/// Words behind one for "password" of which each may be it: "the password for the file is …".
const BEHIND: usize = 6;
/// Colons of a line that are looked at.
const HINTS_IN_LINE: usize = 16;
/// Octets of the longest entity that is resolved.
const ENTITY: usize = 12;

/// What stands between the word for "password" and the password.
const SEPARATORS: [char; 4] = [':', '=', '：', '-'];
const LONGEST_HINT: usize = 40;
const HINTS: &[&str] = &[
    "password",
    "passwort",
    "passwd",
    "passphrase",
    "passcode",
    "pass",
    "pw",
    "pwd",
    "psw",
    "code",
    "pin",
    "key",
    "kennwort",
    "losung",
    "schlüssel",
    "passe",
    "clave",
    "contraseña",
    "contrasena",
    "senha",
    "wachtwoord",
    "lösenord",
    "kodeord",
    "adgangskode",
    "passord",
    "salasana",
    "parola",
    "hasło",
    "haslo",
    "heslo",
    "jelszó",
    "şifre",
    "пароль",
    "κωδικός",
    "密码",
    "密碼",
    "パスワード",
    "암호",
    "비밀번호",
];
const QUOTES: [(char, char); 10] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('“', '”'),
    ('„', '“'),
    ('‘', '’'),
    ('‚', '‘'),
    ('«', '»'),
    ('»', '«'),
    ('「', '」'),
];
/// What sentences put around words.
const AROUND: &str = "\"'`“”„‘’‚«»「」()[]{}<>.,;:!?*_=-";
const ENTITIES: [(&str, char); 6] =
    [("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"'), ("apos", '\''), ("nbsp", ' ')];

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut finder = Finder::default();
        finder.read(text);
        finder.words()
    }

    #[test]
    fn what_is_told_comes_first() {
        for (text, word) in [
            ("Please see the file. The password is hunter2, thanks", "hunter2"),
            ("Password: hunter2", "hunter2"),
            ("Password:hunter2", "hunter2"),
            ("pw=hunter2!", "hunter2!"),
            ("PW\n\nhunter2", "hunter2"),
            ("Das Passwort lautet »hunter2«.", "hunter2"),
            ("Entpackpasswort: hunter2", "hunter2"),
            ("mot de passe : hunter2", "hunter2"),
            ("密码：hunter2", "hunter2"),
            ("The password: correct horse battery", "correct horse battery"),
            ("code - hunter2", "hunter2"),
        ] {
            let words = found(&format!("{text}\n{}", "filler 12345 words ".repeat(20)));
            let at = words.iter().position(|found| found == word);
            assert!(at.is_some_and(|at| at < 16), "{text}: {at:?} in {words:?}");
        }
    }

    #[test]
    fn quotes_and_odd_words_come_before_others() {
        assert_eq!(found("open it with “two words” please")[..1], ["two words"]);
        assert_eq!(found("open it with Ab12 please")[..1], ["Ab12"]);
        assert!(found("open it with magic, please").contains(&"magic".to_owned()));
    }

    #[test]
    fn html_is_read_as_it_is_shown() {
        let html = "<style>p { margin: 10px }</style><td>Password</td><td>a&amp;b&#x21;</td><b>hun</b>ter2";
        assert_eq!(
            without_elements(html, " ").split_whitespace().collect::<Vec<_>>(),
            ["Password", "a&b!", "hun", "ter2"]
        );
        assert!(without_elements(html, "").ends_with("hunter2"));
        assert_eq!(without_elements("a & b &unknown; &#xfffffff; <", ""), "a & b &unknown; &#xfffffff; ");
    }

    #[test]
    fn nothing_grows_without_a_bound() {
        for text in ["\"".repeat(TEXT), "pw: ".repeat(TEXT / 4), "a1b2 ".repeat(TEXT / 5), "x".repeat(TEXT)] {
            let words = found(&text);
            assert!(words.len() <= WORDS && words.iter().all(|word| word.len() <= WORD));
        }
        let many: String = (0..20_000).map(|n| format!("pw: {n} ")).collect();
        assert_eq!(found(&many).len(), WORDS);
    }
}
