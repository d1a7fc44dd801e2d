//! The moment at which an entity's header is complete: what it is, and how it is opened.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Body, DEFAULT_TYPE, Frame, Machine, Part, Place, Report, State};
use crate::defect::{DefectKind, DefectSet};
use crate::dialect::{EncodedMultipart, MissingBoundary};
use crate::entity::{Described, Encoding, describe};
use crate::event::{Event, PartKind, Region};
use crate::limits::LimitKind;
use crate::multipart::{Boundary, Multipart};
use crate::transfer::{Offset, Transfer};

/// What is in an entity.
enum Inside {
    Leaf,
    Message,
    Multipart(Multipart),
}

/// What is odd about an entity, until it has begun; once a kind, because a header may be a megabyte of oddities.
struct Notes {
    known: DefectSet,
    list: Vec<(DefectKind, u64)>,
}

impl Notes {
    fn add(&mut self, kind: DefectKind, at: u64) {
        if self.known.insert(kind) {
            self.list.push((kind, at));
        }
    }
}

impl Machine {
    /// The header is complete. `unclosed`: where it ended without an empty line.
    pub(super) fn begin_entity(&mut self, unclosed: Option<Offset>, report: &mut Report<'_>) {
        let State::Header(entity) = core::mem::replace(&mut self.state, State::Body(Body::None)) else { return };
        self.splitter.restart();
        let at = entity.at.get();
        let mut hits = Vec::new();
        if self.collector.hit_octets {
            hits.push(LimitKind::HeaderOctets);
        }
        if self.collector.hit_fields {
            hits.push(LimitKind::Fields);
        }
        let (header, notes) = self.collector.take(at);
        let mut notes = Notes { known: DefectSet::default(), list: notes };
        if report.context.parts >= report.context.limits.parts {
            let (Place::Top(path) | Place::Child(path)) = &entity.place;
            hits.push(LimitKind::Parts);
            hits.into_iter().for_each(|limit| report.hit(limit, path));
            self.state = State::Body(Body::Beyond);
            return;
        }
        report.context.parts += 1;
        if let Some(end) = unclosed {
            notes.add(DefectKind::HeaderNotClosed, end.get());
        }
        let Described { mut head, boundary, encoding, alternatives } = describe(
            header,
            entity.default_type,
            &report.context.dialect,
            &report.context.limits,
            &mut |kind| notes.add(kind, at),
            &mut |limit| hits.push(limit),
        );
        report.context.observed.alternatives(alternatives);
        let mut inside = match head.media_type.as_str() {
            "message/rfc822" | "message/global" | "message/news" => Inside::Message,
            kind if kind.starts_with("multipart/") => match self.multipart(kind, boundary, report) {
                Some(multipart) => {
                    if multipart.boundary.is_unknown() {
                        notes.add(DefectKind::MissingBoundary, at);
                    }
                    Inside::Multipart(multipart)
                }
                None => {
                    notes.add(DefectKind::MissingBoundary, at);
                    Inside::Leaf
                }
            },
            _ => Inside::Leaf,
        };
        let encoded = encoding != Encoding::Identity
            && match inside {
                Inside::Leaf => false,
                Inside::Message => {
                    if head.media_type != "message/global" {
                        notes.add(DefectKind::EncodedMessage, at);
                    }
                    true
                }
                Inside::Multipart(_) => {
                    notes.add(DefectKind::EncodedMultipart, at);
                    report.context.dialect.encoded_multipart == EncodedMultipart::Decode
                }
            };
        if !matches!(inside, Inside::Leaf) && self.outer_depth + self.frames.len() >= report.context.limits.depth {
            hits.push(LimitKind::Depth);
            inside = Inside::Leaf;
        } else if encoded && self.encoded_depth >= report.context.limits.encoded_depth {
            hits.push(LimitKind::EncodedDepth);
            inside = Inside::Leaf;
        }
        if let Inside::Multipart(multipart) = &inside {
            self.note_boundary(multipart, at, &mut notes);
            if multipart.boundary.is_cut() {
                hits.push(LimitKind::Boundary);
            }
        }

        head.kind = match inside {
            Inside::Leaf => PartKind::Leaf,
            Inside::Message => PartKind::Message,
            Inside::Multipart(_) => PartKind::Multipart,
        };
        head.path = match (entity.place, head.kind) {
            (Place::Child(path), _) | (Place::Top(path), PartKind::Multipart) => path,
            (Place::Top(path), _) => path.child(1),
        };
        let mut part = Part { path: head.path.clone(), defects: DefectSet::default() };
        report.sink.event(Event::PartBegin(Box::new(head)));
        for limit in hits {
            report.hit(limit, &part.path);
        }
        for (kind, at) in notes.list {
            report.defect(kind, at, &mut part);
        }

        let transfer = |report: &mut Report<'_>| {
            let dialect = report.context.dialect;
            Transfer::new(encoding, &dialect, &mut report.context.spares)
        };
        let multipart = match inside {
            Inside::Leaf => {
                self.state = State::Body(Body::Leaf { part, transfer: transfer(report) });
                return;
            }
            Inside::Message => None,
            Inside::Multipart(multipart) => Some(multipart),
        };
        if encoded {
            let container = Part { path: part.path.clone(), defects: part.defects };
            let inside = Box::new(self.for_inside(Frame { part: container, multipart }));
            self.state = State::Body(Body::Encoded { part, transfer: transfer(report), inside });
        } else if multipart.is_some() {
            self.multiparts += 1;
            self.frames.push(Frame { part, multipart });
            self.state = State::Body(Body::Outside { region: Region::Preamble, shown: false });
        } else {
            let place = Place::Top(part.path.clone());
            self.frames.push(Frame { part, multipart });
            self.begin_header(place, DEFAULT_TYPE);
        }
    }

    /// A multipart, if its boundary is one.
    fn multipart(&self, kind: &str, boundary: Option<Vec<u8>>, report: &Report<'_>) -> Option<Multipart> {
        let mut octets = boundary.unwrap_or_default();
        // Blanks at the end cannot be told from those behind a delimiter.
        octets.truncate(octets.trim_ascii_end().len());
        if octets.is_empty() && report.context.dialect.missing_boundary == MissingBoundary::None {
            return None;
        }
        let boundary = Boundary::new(octets, report.context.limits.boundary);
        Some(Multipart { boundary, closed: false, digest: kind == "multipart/digest", children: 0 })
    }

    fn note_boundary(&self, multipart: &Multipart, at: u64, notes: &mut Notes) {
        if multipart.boundary.is_unknown() {
            return;
        }
        if !multipart.boundary.is_valid() {
            notes.add(DefectKind::InvalidBoundary, at);
        }
        let mut outer = self.frames.iter().filter_map(|frame| frame.multipart.as_ref());
        if outer.any(|outer| outer.boundary.is_ambiguous_with(&multipart.boundary)) {
            notes.add(DefectKind::AmbiguousBoundary, at);
        }
    }
}
