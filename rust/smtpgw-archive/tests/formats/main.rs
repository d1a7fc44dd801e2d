//! Every format that is more than one packed stream, by the samples in `tests/corpus/archive` (see its README): whole,
//! cut at every length, spoilt; and what each format's own tests put together by hand.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test says so by failing

mod cab;
mod cfb_files;
#[path = "../collected/mod.rs"]
mod collected;
mod listed;
mod locked;
mod office;
mod plain;
mod samples;
mod self_extracting;
mod sevenzip;
mod udf;

use std::io::Cursor;
use std::time::Duration;

use collected::Collected;
use smtpgw_archive::{Budget, Format, HEAD, Limits, TAIL, Unscanned, detect, unpack};

/// Unpacks what is known by its content to be a container.
fn open(octets: &[u8], limits: Limits) -> Option<(Result<(), Unscanned>, Collected, Budget)> {
    let (head, tail) = (octets.len().min(HEAD), octets.len().saturating_sub(TAIL));
    let format = detect(&octets[..head], &octets[tail..])?;
    Some(open_as(format, octets, limits))
}

fn open_as(format: Format, octets: &[u8], limits: Limits) -> (Result<(), Unscanned>, Collected, Budget) {
    let mut budget = Budget::new(limits, || Duration::ZERO);
    let mut members = Collected::default();
    let outcome = unpack(format, Cursor::new(octets), &mut budget, &mut members);
    assert!(members.0.iter().all(|member| member.2.is_some()), "a member has no end");
    (outcome, members, budget)
}

/// No ratio, for what is small and packs well.
fn generous() -> Limits {
    Limits { ratio: u64::MAX, ..Limits::default() }
}

/// Whether nothing is said to be missing.
fn is_complete(outcome: Result<(), Unscanned>, members: &Collected) -> bool {
    outcome.is_ok() && members.0.iter().all(|member| member.2 == Some(Ok(())))
}
