//! The search for URLs.

use smtpgw_urls::{BASES, carried, find, may_hold_page, resolved};

/// In any text a URL is found whole, whatever stands around it and whatever it is disguised as; nothing comes twice,
/// nor more than was allowed, and to resolve references never grows a text beyond measure.
pub fn urls(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let reading = resolved(&text);
    assert!(reading.len() <= text.len() * 3, "two characters of four octets take at least five to name");
    let _ = may_hold_page(&text);
    let mut seen = 0;
    carried(&text, &mut |url| {
        seen += url.len();
        true
    });
    assert!(seen <= text.len() * 64, "each coding has less than the one before, and is looked through a few times");
    let Ok(found) = find(&text, AT_MOST) else {
        assert!(text.len() > AT_MOST || text.matches('<').count() > BASES, "it is too short for so many");
        return;
    };
    for once in [&found.candidates, &found.relative] {
        let mut sorted: Vec<_> = once.iter().collect();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), once.len(), "each once");
        assert!(once.len() <= AT_MOST);
    }
    assert!(found.relative.is_empty() || (1..=BASES).contains(&found.bases.len()), "relative to something");
    for candidate in &found.candidates {
        let size = candidate.len();
        assert!(size <= text.len().max(reading.len()), "no longer than what it stands in");
    }
    for (before, after) in [(" ", " "), ("(", ")"), ("<", ">"), ("\"", "\""), ("\n", ""), ("=", " ")] {
        for (written, wanted) in WRITTEN {
            let whole = format!("{text}{before}{written}{after}{text}");
            let Ok(found) = find(&whole, AT_MOST) else { continue };
            let is_there = found.candidates.iter().any(|candidate| candidate.contains(wanted));
            assert!(is_there, "{written:?} between {before:?} and {after:?}: {:?}", found.candidates);
        }
    }
}

/// A URL as it is written, and what is found of it at least. One without a scheme is left out: what stands before it
/// may make it a piece of a mail address.
const WRITTEN: [(&str, &str); 5] = [
    ("http://bad.example/path", "http://bad.example/path"),
    ("https:\\\\bad.example", "https:\\\\bad.example"),
    ("ht\u{200b}tp://bad.exam\u{ad}ple", "http://bad.example"),
    ("\\x68ttp://bad\\x2eexample", "http://bad.example"),
    ("http&colon;//bad&#x2e;example", "http://bad.example"),
];

const AT_MOST: usize = 1_000;
