//! The samples: what real programs made of the same three files.

use std::path::PathBuf;

use proptest::prelude::*;
use smtpgw_archive::{Limits, Unscanned};

use crate::{is_complete, open};

pub(crate) fn samples() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/archive");
    let mut samples: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .filter(|(name, _)| name != "README.md")
        .collect();
    samples.sort();
    assert!(!samples.is_empty());
    samples
}

/// Samples of which nothing can be read without a password, or at all.
fn reason(name: &str) -> Option<Unscanned> {
    name.starts_with("encrypted").then_some(Unscanned::Encrypted)
}

pub(crate) fn numbers() -> Vec<u8> {
    (1..=700).flat_map(|n| format!("{n}\n").into_bytes()).collect()
}

#[test]
fn what_real_programs_packed_comes_out() {
    for (name, octets) in samples() {
        let (outcome, members, _) = open(&octets, Limits::default()).unwrap_or_else(|| panic!("{name} is not known"));
        if let Some(reason) = reason(&name) {
            let told = outcome.err().or_else(|| members.0.iter().find_map(|member| member.2.unwrap().err()));
            assert_eq!(told, Some(reason), "{name}");
            continue;
        }
        assert_eq!(outcome, Ok(()), "{name}");
        let find = |wanted: &str| members.0.iter().find(|(path, ..)| path.to_lowercase().ends_with(wanted));
        for (wanted, data) in [("hello.txt", b"hello\n".to_vec()), ("b.txt", numbers()), ("empty", Vec::new())] {
            let (_, given, end) = find(wanted).unwrap_or_else(|| panic!("{wanted} in {name}: {:?}", members.0));
            assert_eq!((given, *end), (&data, Some(Ok(()))), "{wanted} in {name}");
        }
        assert_eq!(members.0.iter().filter(|member| !member.1.is_empty()).count(), 2, "{name}");
    }
}

#[test]
fn cut_anywhere_it_is_not_complete() {
    for (name, octets) in samples() {
        // What stands behind the last member may be padding.
        let whole = octets.iter().rposition(|&octet| octet != 0).unwrap() + 1;
        let step = 1 + whole / 4_000;
        for length in (0..whole).step_by(step) {
            let Some((outcome, members, _)) = open(&octets[..length], Limits::default()) else { continue };
            assert!(
                !is_complete(outcome, &members) || may_end_before(&name, &octets[length..]),
                "{name} cut at {length}"
            );
        }
    }
}

/// Whether the format says nothing of an end, and the cut is between two members.
fn may_end_before(name: &str, rest: &[u8]) -> bool {
    name.ends_with(".ar") && (rest.get(58..60) == Some(b"`\n") || rest.get(59..61) == Some(b"`\n"))
}

#[test]
fn limits_hold_in_every_format() {
    for (name, octets) in samples() {
        if reason(&name).is_some() {
            continue;
        }
        let (outcome, members, _) = open(&octets, Limits { members: 1, ..Limits::default() }).unwrap();
        assert_eq!(outcome, Err(Unscanned::FilesLimit), "{name}");
        assert!(members.0.len() <= 1, "{name}");
        let (_, members, budget) = open(&octets, Limits { total: 1_000, ..Limits::default() }).unwrap();
        assert!(budget.unpacked() <= 1_000, "{name}");
        assert!(members.0.iter().any(|member| member.2 == Some(Err(Unscanned::Mailbomb))), "{name}");
        let (_, members, _) = open(&octets, Limits { member: 1_000, ..Limits::default() }).unwrap();
        let large = members.0.iter().find(|(path, ..)| path.to_lowercase().ends_with("b.txt")).unwrap();
        assert_eq!((large.1.len(), large.2), (1_000, Some(Err(Unscanned::Mailbomb))), "{name}");
        let small = members.0.iter().find(|(path, ..)| path.to_lowercase().ends_with("hello.txt")).unwrap();
        assert_eq!((small.1.as_slice(), small.2), (&b"hello\n"[..], Some(Ok(()))), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// No mutation makes it panic or pass a limit.
    #[test]
    fn a_spoilt_sample_is_bounded(
        which: prop::sample::Index,
        spoils in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..8),
    ) {
        let samples = samples();
        let (_, octets) = &samples[which.index(samples.len())];
        let mut octets = octets.clone();
        for (at, octet, is_near) in spoils {
            // Most of the structure stands at either end.
            let reach = if is_near { octets.len().min(400) } else { octets.len() };
            let at = at.index(reach);
            let at = if octet & 1 == 0 { at } else { octets.len() - 1 - at };
            octets[at] = octet;
        }
        if let Some((_, _, budget)) = open(&octets, Limits { total: 10_000, members: 20, ..Limits::default() }) {
            prop_assert!(budget.unpacked() <= 10_000 && budget.members() <= 20);
        }
    }
}
