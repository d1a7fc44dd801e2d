//! Every invariant over the inputs that are kept for it: those of `rust/fuzz/seeds`, where each find ends, and what
//! of `tests/corpus` is one. Each also cut short and with octets changed, so that a build without a fuzzer
//! goes some steps beyond what is kept.
#![allow(clippy::expect_used, reason = "a test may panic")]

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use smtpgw_invariants::cuts::Cuts;
use smtpgw_invariants::{ALL, CORPUS, Invariant};

/// Changed copies of each seed.
const CHANGED: usize = 200;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn hold(name: &str, invariant: Invariant, octets: &[u8], what: &str) {
    if catch_unwind(|| invariant(octets)).is_err() {
        let kept = std::env::temp_dir().join(format!("smtpgw-{name}-broken"));
        fs::write(&kept, octets).expect("the input is kept");
        panic!("{name} does not hold for {what}; the input is {}", kept.display());
    }
}

fn changed(octets: &[u8], cuts: &mut Cuts) -> Vec<u8> {
    let mut octets = octets.to_vec();
    let length = octets.len() as u64;
    if cuts.below(2) == 0 {
        octets.truncate(usize::try_from(cuts.below(length)).expect("it fits"));
    }
    for _ in 0..=cuts.below(4) {
        let at = usize::try_from(cuts.below(octets.len() as u64)).expect("it fits");
        if let Some(octet) = octets.get_mut(at) {
            *octet = cuts.below(256).to_le_bytes()[0];
        }
    }
    octets
}

#[test]
fn seeds_hold() {
    for (name, invariant) in ALL {
        let mut seeds = files(&root().join("rust/fuzz/seeds").join(name));
        assert!(!seeds.is_empty(), "{name} has seeds");
        for (_, folder, end) in CORPUS.iter().filter(|(whose, ..)| whose == name) {
            let corpus = files(&root().join("tests/corpus").join(folder));
            let before = seeds.len();
            seeds.extend(corpus.into_iter().filter(|file| file.to_string_lossy().ends_with(end)));
            assert!(seeds.len() > before, "there is no {end}");
        }
        for seed in seeds {
            let octets = fs::read(&seed).expect("a seed");
            hold(name, *invariant, &octets, &seed.display().to_string());
            let mut cuts = Cuts::of(&octets);
            for number in 0..CHANGED {
                hold(name, *invariant, &changed(&octets, &mut cuts), &format!("{}, change {number}", seed.display()));
            }
        }
    }
}

#[test]
fn each_has_a_target_and_each_target_is_one() {
    let manifest = fs::read_to_string(root().join("rust/fuzz/Cargo.toml")).expect("the manifest");
    let mut targets: Vec<&str> =
        manifest.lines().filter_map(|line| line.strip_prefix("path = \"targets/")?.strip_suffix(".rs\"")).collect();
    let mut names: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
    targets.sort_unstable();
    names.sort_unstable();
    assert_eq!(targets, names);
}
