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
            let mut piece = BytesMut::zeroed(PIECE);
            loop {
                let read = source.read(&mut piece)?;
                if read == 0 {
                    break;
                }
                reception.push(&piece[..read]);
                reception.settle().await;
            }
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

/// Octets read at a time.
const PIECE: usize = 64 << 10;
