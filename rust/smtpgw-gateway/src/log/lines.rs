//! Lines on their way into a file or a pipe, which may be full.
//!
//! Whole lines in one write, so that lines of several processes do not mix. A log that cannot be written has no better
//! place to say so than itself: lines that found no room are counted, and once there is room again the count is the
//! first that is written. Where half a line stands, a line end comes before that, so that no record is lost in the half
//! of another.

use std::io::{self, Write};

/// What a place could not take.
#[derive(Debug, Default)]
pub(super) struct Losses {
    lines: u64,
    /// The last octet written is not that of a line end.
    torn: bool,
}

impl Losses {
    /// What comes next is the beginning of another file.
    pub(super) const fn begin_file(&mut self) {
        self.torn = false;
    }

    /// Writes whole `lines`, behind what `notice` makes of the number of those that were lost.
    pub(super) fn write(&mut self, to: &mut impl Write, lines: &str, notice: impl FnOnce(u64) -> String) {
        let mut before = String::new();
        if self.torn {
            before.push('\n');
        }
        if self.lines > 0 {
            before.push_str(&notice(self.lines));
        }
        let written = match written_of(to, before.as_bytes()) {
            written if written < before.len() => written,
            written => written + written_of(to, lines.as_bytes()),
        };
        // A line that lacks nothing but its end gets that next time, and is not lost.
        if written + 1 >= before.len() {
            self.lines = 0;
        }
        let mut left = lines.as_bytes().get(written.saturating_sub(before.len())..).unwrap_or_default();
        if written > before.len() {
            left = left.strip_prefix(b"\n").unwrap_or(left);
        }
        self.lines += left.iter().filter(|octet| **octet == b'\n').count() as u64;
        if let Some(last) = written.checked_sub(1) {
            let last =
                last.checked_sub(before.len()).map_or(before.as_bytes().get(last), |at| lines.as_bytes().get(at));
            self.torn = last != Some(&b'\n');
        }
    }
}

/// How many of the octets could be written.
fn written_of(to: &mut impl Write, octets: &[u8]) -> usize {
    let mut written = 0;
    while let Some(rest) = octets.get(written..).filter(|rest| !rest.is_empty()) {
        match to.write(rest) {
            Ok(0) => break,
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk of so many octets.
    struct Disk(usize, Vec<u8>);

    impl Write for Disk {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            let room = (self.0 - self.1.len()).min(octets.len());
            if room == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.1.extend_from_slice(&octets[..room]);
            Ok(room)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_full_disk_does_not_take_is_counted_and_no_line_is_torn_for_good() {
        let notice = |count| format!("lost {count}\n");
        // Whatever the place at which the disk is full, and at which there is room again.
        for room in 0..40 {
            let (mut disk, mut losses) = (Disk(room, Vec::new()), Losses::default());
            for line in 0..9 {
                disk.0 += usize::from(line == 4) * 3;
                losses.write(&mut disk, &format!("line {line}\nsecond\n"), notice);
            }
            disk.0 += 1_000;
            losses.write(&mut disk, "last\n", notice);
            let all = String::from_utf8_lossy(&disk.1).into_owned();
            let whole = |line: &&str| line.len() == 6 && (line.starts_with("line ") || *line == "second");
            let kept = all.lines().filter(whole).count() as u64;
            let lost: u64 = all.lines().filter_map(|line| line.strip_prefix("lost ")?.parse::<u64>().ok()).sum();
            assert!(all.ends_with("\nlast\n") || all == "last\n", "{room}: {all:?}");
            assert_eq!(kept + lost, 18, "{room}: {all:?}");
        }
    }
}
