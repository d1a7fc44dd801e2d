//! The same engine offline: one message from a file, decoded, inspected and judged as on the wire.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use serde::Serialize;

use crate::error::StartError;
use crate::inspect::Inspect;
use crate::inspection::Panel;
use crate::message::{Envelope, Session};
use crate::reception::{Desk, Reception};
use crate::record::JudgedRecord;
use crate::settings::Settings;
use crate::spool::Budget;
use crate::world::Instant;

/// Scans messages; one at a time, as often as wanted.
pub struct Scanner {
    desk: Desk,
    runtime: tokio::runtime::Runtime,
}

/// What a scan found.
#[derive(Debug, Serialize)]
pub struct ScanReport {
    /// Everything a transaction's record would say of the message.
    #[serde(flatten)]
    pub judged: JudgedRecord,
    /// Header fields that a relayed message would get on top, with CRLF.
    pub added_header: String,
    /// Where each defect stands: name, part, offset in the raw message (octets).
    pub defects_at: Vec<(String, String, u64)>,
}

impl Scanner {
    /// A scanner with these settings (listeners and backends do not matter) and inspectors.
    ///
    /// # Errors
    /// If the system refuses a runtime.
    pub fn new(settings: Settings, inspect: Option<Arc<dyn Inspect>>) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let desk = Desk {
            panel: inspect.filter(|inspect| !inspect.roster().is_empty()).map(Panel::new),
            budget: Budget::new(settings.limits.memory),
            folder: Arc::new(settings.spool.path.clone()),
            settings: Arc::new(settings),
        };
        Ok(Self { desk, runtime })
    }

    /// Scans one message. Blocks.
    ///
    /// # Errors
    /// If `source` or the spool fails.
    pub fn scan(&self, mut source: impl Read, envelope: Envelope) -> io::Result<ScanReport> {
        let nowhere = SocketAddr::from(([0; 4], 0));
        let session = Arc::new(Session { esmtp: true, ..Session::new("scan", nowhere, nowhere) });
        self.runtime.block_on(async {
            let mut reception = Reception::new(&self.desk, session, envelope);
            let (mut piece, mut line_ends) = (BytesMut::zeroed(PIECE), LineEnds::default());
            loop {
                let read = source.read(&mut piece)?;
                if read == 0 {
                    break;
                }
                line_ends.push(&piece[..read], |octets| reception.push(octets));
                reception.settle().await;
            }
            line_ends.finish(|octets| reception.push(octets));
            let deadline = Instant::now() + self.desk.settings.verdict.budget_s;
            let judged = reception.finish(Vec::new(), deadline).await?;
            let progress = judged.message.progress.read();
            let defects = progress.defects.iter();
            let defects_at = defects.map(|d| (d.kind.name().to_owned(), d.path.to_string(), d.offset)).collect();
            drop(progress);
            let (added, _) = judged.added_header(&self.desk);
            let added_header = String::from_utf8_lossy(&added).into_owned();
            Ok(ScanReport { judged: judged.record(&self.desk), added_header, defects_at })
        })
    }
}

/// The line ends of a file: where its first line ends with CR alone, as old systems wrote, all of them become CRLF,
/// since so programs that read files take it. On the wire such a message is refused.
#[derive(Default)]
struct LineEnds {
    kind: Kind,
    /// The last octet was a CR.
    after_cr: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Unknown,
    /// They stay as they are.
    Usual,
    CrAlone,
}

impl LineEnds {
    fn push(&mut self, octets: &[u8], mut take: impl FnMut(&[u8])) {
        if self.kind == Kind::Unknown && !octets.is_empty() {
            let end = octets.iter().position(|octet| matches!(octet, b'\r' | b'\n'));
            let found = match (self.after_cr, end.map(|at| octets.get(at..).unwrap_or_default())) {
                (true, _) if !octets.starts_with(b"\n") => Kind::CrAlone,
                (true, _) | (_, Some([b'\n', ..] | [b'\r', b'\n', ..])) => Kind::Usual,
                (_, Some([b'\r', _, ..])) => Kind::CrAlone,
                _ => Kind::Unknown,
            };
            if self.after_cr {
                take(if found == Kind::Usual { b"\r" } else { b"\r\n" });
            }
            self.kind = found;
            self.after_cr = false;
        }
        match self.kind {
            Kind::Usual => take(octets),
            Kind::Unknown => {
                let text = octets.strip_suffix(b"\r");
                self.after_cr = text.is_some();
                take(text.unwrap_or(octets));
            }
            Kind::CrAlone => {
                for (at, line) in octets.split(|octet| *octet == b'\r').enumerate() {
                    if at > 0 {
                        take(b"\r\n");
                        self.after_cr = true;
                    }
                    let line = if self.after_cr { line.strip_prefix(b"\n").unwrap_or(line) } else { line };
                    self.after_cr &= line.is_empty();
                    take(line);
                }
            }
        }
    }

    /// Nothing more comes.
    fn finish(self, mut take: impl FnMut(&[u8])) {
        if self.kind == Kind::Unknown && self.after_cr {
            take(b"\r\n");
        }
    }
}

/// Octets read at a time.
const PIECE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &[u8], piece: usize) -> Vec<u8> {
        let (mut ends, mut read) = (LineEnds::default(), Vec::new());
        file.chunks(piece).for_each(|octets| ends.push(octets, |octets| read.extend_from_slice(octets)));
        ends.finish(|octets| read.extend_from_slice(octets));
        read
    }

    #[test]
    fn a_file_whose_first_line_ends_with_cr_has_such_lines() {
        let table: [(&[u8], &[u8]); 7] = [
            (b"a: b\r\r--b\rx\r", b"a: b\r\n\r\n--b\r\nx\r\n"),
            (b"a: b\rc\r\nd\ne\r", b"a: b\r\nc\r\nd\ne\r\n"),
            (b"a: b\r\nc\rd\n", b"a: b\r\nc\rd\n"),
            (b"a: b\nc\rd", b"a: b\nc\rd"),
            (b"\r\r\n", b"\r\n\r\n"),
            (b"a\r", b"a\r\n"),
            (b"a", b"a"),
        ];
        for (file, lines) in table {
            for piece in 1..=file.len() {
                assert_eq!(read(file, piece), lines, "{} by {piece}", file.escape_ascii());
            }
        }
    }
}
