//! What all machines of one message share: limits, dialect, and what was counted and reported so far.

use crate::defect::{Defect, DefectKind, DefectSet};
use crate::dialect::Dialect;
use crate::event::{Event, Sink};
use crate::limits::{LimitKind, Limits};
use crate::path::PartPath;
use crate::readings::Observed;
use crate::transfer::Spares;

/// The state of a whole message, encoded messages inside it included.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) limits: Limits,
    pub(crate) dialect: Dialect,
    /// Parts begun.
    pub(crate) parts: usize,
    pub(crate) spares: Spares,
    /// Limits reported, as bits.
    hit: u16,
    defects: usize,
    /// Octets delivered.
    pub(crate) decoded: u64,
    pub(crate) observed: Observed,
}

impl Context {
    pub(crate) fn new(limits: Limits, dialect: Dialect) -> Self {
        Self {
            limits,
            dialect,
            parts: 0,
            spares: Spares::default(),
            hit: 0,
            defects: 0,
            decoded: 0,
            observed: Observed::default(),
        }
    }

    /// Reports a limit that was hit at the part at `path`, once.
    pub(crate) fn hit(&mut self, limit: LimitKind, path: &PartPath, sink: &mut dyn Sink) {
        if self.hit & limit.bit() == 0 {
            self.hit |= limit.bit();
            sink.event(Event::LimitHit(limit, path.clone()));
        }
    }

    /// Reports a defect of the part at `path`, once a kind; `known` are those it had.
    pub(crate) fn defect(
        &mut self,
        kind: DefectKind,
        at: u64,
        path: &PartPath,
        known: &mut DefectSet,
        sink: &mut dyn Sink,
    ) {
        if !known.insert(kind) {
            return;
        }
        self.observed.kinds.insert(kind);
        if self.defects >= self.limits.defects {
            self.hit(LimitKind::Defects, path, sink);
            return;
        }
        self.defects += 1;
        sink.event(Event::Defect(Defect { kind, path: path.clone(), offset: at }));
    }

    /// Delivers decoded octets of the leaf at `path`, as far as the limit goes.
    pub(crate) fn data(&mut self, octets: &[u8], path: &PartPath, sink: &mut dyn Sink) {
        let room = self.limits.decoded_total.saturating_sub(self.decoded);
        let allowed = usize::try_from(room).unwrap_or(usize::MAX).min(octets.len());
        let (allowed, beyond) = octets.split_at(allowed);
        self.decoded += allowed.len() as u64;
        if !allowed.is_empty() {
            sink.event(Event::Data(allowed));
        }
        if !beyond.is_empty() {
            self.hit(LimitKind::DecodedTotal, path, sink);
        }
    }
}
