//! Archives that need a password, and messages that say it.

use super::*;

/// Locked by `zip -P secret`; holds `dir/b.txt` and two more.
const LOCKED: &[u8] = include_bytes!("../../../../../tests/corpus/archive/encrypted-traditional.zip");

/// Whether the archive is opened in a message of this content.
async fn opens(content: &[&[u8]], settings: &Settings) -> bool {
    let spool = || Spool::new(Arc::new(std::env::temp_dir()), 1 << 20, Budget::new(1 << 30));
    let mut decoding = Decoding::new(message(), spool(), &Arc::new(settings.clone()));
    let mut parts = Vec::new();
    for piece in content {
        decoding.push(piece);
        parts.extend(decoding.settle().await.unwrap());
    }
    decoding.finish();
    parts.extend(decoding.settle().await.unwrap());
    let gaps = decoding.take_gaps();
    let facts = parts.iter().find_map(|part| part.facts.get().cloned()).unwrap_or_default();
    let member = parts.iter().find(|part| part.path.ends_with("dir/b.txt")).unwrap();
    let is_open = member.data.len() == 2_692;
    // Its sum is no proof, so that is told whether it is open or not.
    assert!(!gaps.is_empty() && gaps.iter().all(|gap| gap.reason == Unscanned::Encrypted), "{gaps:?}");
    assert_eq!(is_open, facts == ["decrypted"]);
    is_open
}

/// A message of these entities, between which `LOCKED` stands for the archive.
fn mail(subject: &str, entities: &[&str]) -> Vec<u8> {
    let mut raw = format!("Subject: {subject}\nContent-Type: multipart/mixed; boundary=b\n\n").into_bytes();
    for entity in entities {
        raw.extend(b"--b\n");
        match *entity {
            "LOCKED" => {
                raw.extend([b"Content-Type: application/zip\nContent-Transfer-Encoding: binary\n\n", LOCKED].concat())
            }
            entity => raw.extend(entity.as_bytes()),
        }
        raw.push(b'\n');
    }
    raw.extend(b"--b--\n");
    raw
}

#[tokio::test]
async fn a_word_before_the_archive_opens_it() {
    let base64 = "Content-Transfer-Encoding: base64\n\nVGhlIHBhc3N3b3JkIGlzIHNlY3JldC4=\n";
    let html = "Content-Type: text/html\n\n<p>Password:</p><b>sec</b>ret";
    for (subject, entities, is_open) in [
        ("hello", &["\nthe password is secret.\n", "LOCKED"][..], true),
        ("hello", &[base64, "LOCKED"], true),
        ("hello", &[html, "LOCKED"], true),
        ("pw: secret", &["LOCKED"], true),
        ("=?utf-8?q?pw=3A_secret?=", &["\nhello\n", "LOCKED"], true),
        ("hello", &["\nhello\n", "LOCKED"], false),
        // What comes behind it gives no words, in however many pieces the message comes.
        ("hello", &["LOCKED", "\nthe password is secret.\n"], false),
    ] {
        let raw = mail(subject, entities);
        for content in [vec![&raw[..]], raw.chunks(7).collect()] {
            assert_eq!(opens(&content, &Settings::default()).await, is_open, "{subject} {entities:?}");
        }
    }
}

#[tokio::test]
async fn the_list_of_the_site_has_its_room() {
    let mut settings = Settings::default();
    settings.decode.passwords = vec!["other".into(), "secret".into()];
    let many: String = (0..500).map(|n| format!("word{n} ")).collect();
    let raw = mail("hello", &[&format!("\n{many}\n"), "LOCKED"]);
    assert!(opens(&[&raw], &settings).await);
    // Of three members each needs the words that fail before it is known.
    settings.decode.password_tries = 1;
    assert!(!opens(&[&raw], &settings).await);
    settings.decode.password_tries = 0;
    let raw = mail("pw: secret", &["\npassword: secret\n", "LOCKED"]);
    assert!(!opens(&[&raw], &settings).await);
}
