//! The body side of the machine: content goes to where it is decoded, delimiters end what is open.

use alloc::boxed::Box;

use super::{Body, DEFAULT_TYPE, Frame, Machine, Part, Place, Report, State, delimiters};
use crate::defect::DefectKind;
use crate::event::{Event, PartHead, Region};
use crate::limits::LimitKind;
use crate::multipart::{Boundary, Found, Piece};
use crate::transfer::{Offset, Output, Transfer};

impl Machine {
    /// Reads from a body, or the rest of a delimiter's line; how many octets that was.
    pub(super) fn body(&mut self, raw: &[u8], report: &mut Report<'_>) -> usize {
        let start = self.offset;
        if self.multiparts == 0 {
            self.offset = start.plus(raw.len());
            self.content(raw, start, report);
            return raw.len();
        }
        let (runs, raw) = self.base64_runs(raw, report);
        if runs > 0 {
            self.offset = start.plus(runs);
            return runs;
        }
        let (consumed, piece) = self.splitter.step(raw, delimiters(&self.frames, report.context));
        self.offset = start.plus(consumed);
        self.note_near_miss(report);
        self.piece(piece, raw, start, report);
        consumed
    }

    /// Lines of pure base64 need no search for delimiters, because there is no hyphen in its alphabet: how many
    /// octets of them were decoded; if none, what to search instead.
    fn base64_runs<'a>(&mut self, raw: &'a [u8], report: &mut Report<'_>) -> (usize, &'a [u8]) {
        if !self.splitter.is_idle() {
            return (0, raw);
        }
        let (consumed, is_within_group) = match &mut self.state {
            State::Body(Body::Leaf { part, transfer: Transfer::Base64(decoder) }) => {
                (decoder.feed_runs(raw, &mut LeafOutput { part, report }), decoder.is_within_group())
            }
            State::Body(Body::Encoded { part, transfer: Transfer::Base64(decoder), inside }) => {
                (decoder.feed_runs(raw, &mut EncodedOutput { part, inside, report }), decoder.is_within_group())
            }
            _ => return (0, raw),
        };
        self.splitter.skip(raw.get(..consumed).unwrap_or_default());
        if !is_within_group {
            return (consumed, raw);
        }
        // The input was cut within a group: one line, and runs go on.
        let line = memchr::memchr(b'\n', raw).and_then(|at| raw.get(..=at));
        (consumed, line.unwrap_or(raw))
    }

    pub(super) fn piece(&mut self, piece: Piece, raw: &[u8], start: Offset, report: &mut Report<'_>) {
        match piece {
            Piece::None => {}
            Piece::Input(range) => self.content(raw.get(range).unwrap_or_default(), start, report),
            Piece::LineEnd(octets) => self.content(octets, start.minus(octets.len()), report),
            Piece::Held(octets, back) => {
                self.content(&octets, self.offset.minus(back), report);
                self.splitter.give_back(octets);
            }
            Piece::Delimiter { found, len, bare } => self.delimiter(found, self.offset.minus(len), bare, report),
        }
    }

    fn content(&mut self, octets: &[u8], at: Offset, report: &mut Report<'_>) {
        let State::Body(body) = &mut self.state else { return };
        match body {
            Body::Leaf { part, transfer } => transfer.feed(octets, at, &mut LeafOutput { part, report }),
            Body::Encoded { part, transfer, inside } => {
                transfer.feed(octets, at, &mut EncodedOutput { part, inside, report });
            }
            Body::Outside { region, shown } => {
                if let Some(frame) = self.frames.last_mut() {
                    outside(octets, at, *region, shown, frame, report);
                }
            }
            Body::Beyond | Body::None => {}
        }
    }

    pub(super) fn note_near_miss(&mut self, report: &mut Report<'_>) {
        if let Some((found, back)) = self.splitter.take_near_miss() {
            self.near_miss(found, self.offset.minus(back), report);
        }
    }

    pub(super) fn near_miss(&mut self, found: Found, at: Offset, report: &mut Report<'_>) {
        let Some(frame) = self.frames.get_mut(found.frame) else { return };
        let kind = match found {
            Found { other_case: true, .. } => DefectKind::DelimiterCase,
            Found { trailer: true, .. } => DefectKind::DelimiterTrailer,
            _ => DefectKind::DelimiterAfterClose,
        };
        report.defect(kind, at.get(), &mut frame.part);
    }

    /// A delimiter, whose line begins at `at`.
    pub(super) fn delimiter(&mut self, found: Found, at: Offset, bare: bool, report: &mut Report<'_>) {
        self.close_down_to(found.frame + 1, at, report);
        let Some(Frame { part, multipart: Some(multipart) }) = self.frames.last_mut() else { return };
        if bare {
            report.defect(DefectKind::BareLineFeed, at.get(), part);
        }
        if found.trailer {
            report.defect(DefectKind::DelimiterTrailer, at.get(), part);
        }
        if found.after_close {
            report.defect(DefectKind::DelimiterAfterClose, at.get(), part);
        }
        if found.other_case {
            report.defect(DefectKind::DelimiterCase, at.get(), part);
        }
        if let Some(octets) = self.splitter.take_guess() {
            multipart.boundary = Boundary::new(octets, report.context.limits.boundary);
        }
        multipart.closed = found.close;
        if found.close {
            if multipart.children == 0 {
                report.defect(DefectKind::MultipartWithoutParts, at.get(), part);
            }
            self.state = State::Body(Body::Outside { region: Region::Epilogue, shown: false });
            return;
        }
        multipart.children = multipart.children.saturating_add(1);
        let place = Place::Child(part.path.child(multipart.children));
        let default_type = if multipart.digest { "message/rfc822" } else { DEFAULT_TYPE };
        self.begin_header(place, default_type);
    }

    /// Ends the body at hand and all containers but the `kept` outermost ones; `at` is where they end.
    pub(super) fn close_down_to(&mut self, kept: usize, at: Offset, report: &mut Report<'_>) {
        match core::mem::replace(&mut self.state, State::Body(Body::None)) {
            State::Body(Body::Leaf { mut part, mut transfer }) => {
                transfer.finish(at, &mut LeafOutput { part: &mut part, report });
                report.context.spares.keep(transfer);
                report.sink.event(Event::PartEnd);
            }
            State::Body(Body::Encoded { mut part, mut transfer, mut inside }) => {
                transfer.finish(at, &mut EncodedOutput { part: &mut part, inside: &mut inside, report });
                report.context.spares.keep(transfer);
                inside.finish(report.context, report.sink);
            }
            State::Body(Body::Outside { shown: true, .. }) => report.sink.event(Event::PartEnd),
            _ => {}
        }
        while self.frames.len() > kept {
            let Some(mut frame) = self.frames.pop() else { break };
            if let Some(multipart) = frame.multipart {
                self.multiparts -= 1;
                if !multipart.closed {
                    report.defect(DefectKind::MultipartNotClosed, at.get(), &mut frame.part);
                    if multipart.children == 0 {
                        report.defect(DefectKind::MultipartWithoutParts, at.get(), &mut frame.part);
                    }
                }
            }
            report.sink.event(Event::PartEnd);
        }
    }
}

/// What stands outside of a multipart's parts: a leaf of its own, once there is more than blanks.
fn outside(octets: &[u8], at: Offset, region: Region, shown: &mut bool, frame: &mut Frame, report: &mut Report<'_>) {
    let mut octets = octets;
    if !*shown {
        let Some(something) = octets.iter().position(|octet| !b" \t\r\n".contains(octet)) else { return };
        if region == Region::Epilogue {
            report.defect(DefectKind::EpilogueNotEmpty, at.plus(something).get(), &mut frame.part);
        }
        if report.context.parts >= report.context.limits.parts {
            report.hit(LimitKind::Parts, &frame.part.path);
            return;
        }
        report.context.parts += 1;
        *shown = true;
        report.sink.event(Event::PartBegin(Box::new(PartHead::outside(frame.part.path.clone(), region))));
        octets = octets.get(something..).unwrap_or_default();
    }
    if !octets.is_empty() {
        report.context.data(octets, &frame.part.path, report.sink);
    }
}

/// To the sink.
struct LeafOutput<'a, 'b> {
    part: &'a mut Part,
    report: &'a mut Report<'b>,
}

impl Output for LeafOutput<'_, '_> {
    fn data(&mut self, octets: &[u8]) {
        self.report.context.data(octets, &self.part.path, self.report.sink);
    }

    fn defect(&mut self, kind: DefectKind, at: Offset) {
        self.report.defect(kind, at.get(), self.part);
    }
}

/// To the machine of an encoded message.
struct EncodedOutput<'a, 'b> {
    part: &'a mut Part,
    inside: &'a mut Machine,
    report: &'a mut Report<'b>,
}

impl Output for EncodedOutput<'_, '_> {
    fn data(&mut self, octets: &[u8]) {
        self.inside.read(octets, self.report);
    }

    fn defect(&mut self, kind: DefectKind, at: Offset) {
        self.report.defect(kind, at.get(), self.part);
    }
}
