//! The state machine behind [`crate::Decoder`]: headers, bodies, and the containers that are open around them.
//!
//! | state            | input                    | what happens                                                      |
//! |------------------|--------------------------|-------------------------------------------------------------------|
//! | Header           | line of a header         | collected                                                         |
//! | Header           | empty line               | entity begins: → Body, or → Header of the message inside          |
//! | Header           | line that is no field    | by dialect: skipped, or as the empty line; then it is body        |
//! | Header           | delimiter, end           | entity begins with an empty body, which ends at once              |
//! | Body: Leaf       | content                  | decoded to the sink                                               |
//! | Body: Encoded    | content                  | decoded to a machine of its own, which reads the message in it    |
//! | Body: Preamble, Epilogue, Beyond | content  | dropped; something in an epilogue is a defect                     |
//! | Body             | delimiter of frame *n*   | all that is open above *n* ends; → Header, or → Body: Epilogue    |
//! | any              | end                      | all that is open ends                                             |
//!
//! Containers whose content stands in the message as it is are frames on one stack. Only a message that is encoded
//! has a machine of its own, because its octets are others; such machines nest, at most `Limits::encoded_depth`
//! deep, and that is all the recursion there is.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use crate::context::Context;
use crate::defect::{DefectKind, DefectSet};
use crate::dialect::{EncodedMultipart, JunkLine};
use crate::entity::{Described, Encoding, describe};
use crate::event::{Event, PartKind, Sink};
use crate::header::{Collector, JUDGED, Line};
use crate::limits::LimitKind;
use crate::multipart::{Boundary, Delimiters, Found, Frames, Judgement, Multipart, Piece, Splitter, ends_bare};
use crate::path::PartPath;
use crate::transfer::{Offset, Output, Transfer};

/// Reads one message, or the inside of one container that was encoded.
#[derive(Debug)]
pub(crate) struct Machine {
    state: State,
    /// Open containers, the outermost first.
    frames: Vec<Frame>,
    /// How many of them are multiparts: none means that there are no delimiters to look for.
    multiparts: usize,
    /// Containers around this machine.
    outer_depth: usize,
    /// Encoded containers around this machine.
    encoded_depth: usize,
    collector: Collector,
    splitter: Splitter,
    /// Where the next octet stands.
    offset: Offset,
}

#[derive(Debug)]
enum State {
    Header(Entity),
    Body(Body),
}

/// An entity whose header is being read.
#[derive(Debug)]
struct Entity {
    place: Place,
    /// Its type if it does not say.
    default_type: &'static str,
    /// Where its header begins.
    at: Offset,
    /// Where the current line begins.
    line_at: Offset,
}

/// Where an entity stands; its path depends on what it turns out to be (see [`PartPath`]).
#[derive(Debug)]
enum Place {
    /// At the top of a message with this path.
    Top(PartPath),
    /// A child of a multipart.
    Child(PartPath),
}

#[derive(Debug)]
enum Body {
    Leaf {
        part: Part,
        transfer: Transfer,
    },
    Encoded {
        part: Part,
        transfer: Transfer,
        inside: Box<Machine>,
    },
    Preamble,
    Epilogue,
    /// Of an entity beyond `Limits::parts`.
    Beyond,
    /// Ended.
    None,
}

/// A part that has begun.
#[derive(Debug)]
struct Part {
    path: PartPath,
    defects: DefectSet,
}

/// An open container.
#[derive(Debug)]
struct Frame {
    part: Part,
    /// What it is if it is no message.
    multipart: Option<Multipart>,
}

impl Frames for Vec<Frame> {
    fn count(&self) -> usize {
        self.len()
    }

    fn multipart(&self, index: usize) -> Option<&Multipart> {
        self.get(index)?.multipart.as_ref()
    }
}

/// Where everything is reported.
struct Report<'a> {
    context: &'a mut Context,
    sink: &'a mut dyn Sink,
}

impl Report<'_> {
    fn defect(&mut self, kind: DefectKind, at: u64, part: &mut Part) {
        self.context.defect(kind, at, &part.path, &mut part.defects, self.sink);
    }

    fn hit(&mut self, limit: LimitKind) {
        self.context.hit(limit, self.sink);
    }
}

impl Machine {
    /// At the beginning of a message.
    pub(crate) fn for_message() -> Self {
        let mut machine = Self {
            state: State::Body(Body::None),
            frames: Vec::new(),
            multiparts: 0,
            outer_depth: 0,
            encoded_depth: 0,
            collector: Collector::default(),
            splitter: Splitter::default(),
            offset: Offset::START,
        };
        machine.begin_header(Place::Top(PartPath::root()), DEFAULT_TYPE);
        machine
    }

    /// For the inside of a container that is encoded: `frame` is the container, which this machine closes.
    fn for_inside(&self, frame: Frame) -> Self {
        let mut machine = Self {
            state: State::Body(Body::Preamble),
            frames: Vec::new(),
            multiparts: usize::from(frame.multipart.is_some()),
            outer_depth: self.outer_depth + self.frames.len(),
            encoded_depth: self.encoded_depth + 1,
            collector: Collector::default(),
            splitter: Splitter::default(),
            offset: self.offset.fixed(),
        };
        if frame.multipart.is_none() {
            machine.begin_header(Place::Top(frame.part.path.clone()), DEFAULT_TYPE);
        }
        machine.frames = vec![frame];
        machine
    }

    pub(crate) fn push(&mut self, raw: &[u8], context: &mut Context, sink: &mut dyn Sink) {
        let mut report = Report { context, sink };
        self.read(raw, &mut report);
    }

    pub(crate) fn finish(&mut self, context: &mut Context, sink: &mut dyn Sink) {
        let mut report = Report { context, sink };
        self.finish_header(&mut report);
        let piece = self.splitter.finish(delimiters(&self.frames, report.context));
        self.note_near_miss(&mut report);
        self.piece(piece, &[], self.offset, &mut report);
        // A delimiter at the very end has begun one more part.
        self.finish_header(&mut report);
        self.close_down_to(0, self.offset, &mut report);
    }

    fn read(&mut self, raw: &[u8], report: &mut Report<'_>) {
        let mut rest = raw;
        while !rest.is_empty() {
            let consumed = match self.state {
                State::Header(_) if !self.splitter.is_in_trailer() => self.header(rest, report),
                _ => self.body(rest, report),
            };
            rest = rest.get(consumed..).unwrap_or_default();
        }
    }

    // --- headers ---

    fn begin_header(&mut self, place: Place, default_type: &'static str) {
        self.collector.clear();
        self.collector.of_message = matches!(place, Place::Top(_));
        self.state = State::Header(Entity { place, default_type, at: self.offset, line_at: self.offset });
    }

    /// Reads at most one line of a header; how many octets that was.
    fn header(&mut self, raw: &[u8], report: &mut Report<'_>) -> usize {
        let State::Header(entity) = &mut self.state else { return 0 };
        let before = self.collector.line_len();
        if before == 0 {
            entity.line_at = self.offset;
        }
        // A line is looked at when it is complete, and once before when it is long: a body that follows without an
        // empty line may have no line end at all.
        let window = if before < JUDGED { raw.get(..JUDGED - before).unwrap_or(raw) } else { raw };
        let len = memchr::memchr(b'\n', window).map_or(window.len(), |at| at + 1);
        let taken = window.get(..len).unwrap_or_default();
        self.collector.extend(taken, &report.context.limits);
        self.offset = self.offset.plus(len);
        let complete = taken.ends_with(b"\n");
        if complete || before + len == JUDGED {
            self.header_line(complete, report);
        }
        len
    }

    fn header_line(&mut self, complete: bool, report: &mut Report<'_>) {
        let State::Header(entity) = &self.state else { return };
        let line_at = entity.line_at;
        if self.multiparts > 0 && self.collector.line().starts_with(b"--") {
            let line = self.collector.line();
            let delimiters = delimiters(&self.frames, report.context);
            match delimiters.judge(line, complete || line.len() >= delimiters.judged()) {
                Judgement::Delimiter(found) => {
                    let line = self.collector.take_line();
                    self.begin_unclosed(line_at, report);
                    self.splitter.go_on_after(&line);
                    self.delimiter(found, line_at, ends_bare(&line), report);
                    return;
                }
                Judgement::Undecided => return,
                Judgement::NearMiss(found) => self.near_miss(found, line_at, report),
                Judgement::Content => {}
            }
        }
        let skip_junk = report.context.dialect.junk_line == JunkLine::Skip;
        if complete {
            match self.collector.end_line(line_at.get(), skip_junk, &report.context.limits) {
                Line::Taken => {}
                Line::End => self.begin_entity(None, report),
                Line::Junk => self.end_header_at_junk(line_at, report),
            }
        } else if !skip_junk && self.collector.is_junk() {
            self.collector.note_junk(line_at.get());
            self.end_header_at_junk(line_at, report);
        }
    }

    /// The current line is no field: it is the first of the body.
    fn end_header_at_junk(&mut self, line_at: Offset, report: &mut Report<'_>) {
        let line = self.collector.take_line();
        let end = self.offset;
        self.offset = line_at;
        self.begin_entity(None, report);
        // Recursion ends: only the header of a message is followed by another one, and that one, empty as it is,
        // makes a leaf.
        self.read(&line, report);
        self.offset = end;
    }

    fn finish_header(&mut self, report: &mut Report<'_>) {
        if matches!(self.state, State::Header(_)) && self.collector.line_len() > 0 {
            self.header_line(true, report);
        }
        self.begin_unclosed(self.offset, report);
    }

    /// Begins the entity at hand, and those in it, though their headers were not closed: at `at` they end.
    fn begin_unclosed(&mut self, at: Offset, report: &mut Report<'_>) {
        while matches!(self.state, State::Header(_)) {
            self.begin_entity(Some(at), report);
        }
    }

    /// The header is complete. `unclosed`: where it ended without an empty line.
    fn begin_entity(&mut self, unclosed: Option<Offset>, report: &mut Report<'_>) {
        let State::Header(entity) = core::mem::replace(&mut self.state, State::Body(Body::None)) else { return };
        self.splitter.restart();
        let at = entity.at.get();
        if self.collector.hit_octets {
            report.hit(LimitKind::HeaderOctets);
        }
        if self.collector.hit_fields {
            report.hit(LimitKind::Fields);
        }
        let (header, mut notes) = self.collector.take(at);
        if report.context.parts >= report.context.limits.parts {
            report.hit(LimitKind::Parts);
            self.state = State::Body(Body::Beyond);
            return;
        }
        report.context.parts += 1;
        if let Some(end) = unclosed {
            notes.push((DefectKind::HeaderNotClosed, end.get()));
        }
        let mut hits = Vec::new();
        let Described { mut head, boundary, encoding } = describe(
            header,
            entity.default_type,
            &report.context.dialect,
            &report.context.limits,
            &mut |kind| notes.push((kind, at)),
            &mut |limit| hits.push(limit),
        );
        let mut inside = match head.media_type.as_str() {
            "message/rfc822" | "message/global" | "message/news" => Inside::Message,
            kind if kind.starts_with("multipart/") => match self.multipart(kind, boundary, report) {
                Some(multipart) => Inside::Multipart(multipart),
                None => {
                    notes.push((DefectKind::MissingBoundary, at));
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
                        notes.push((DefectKind::EncodedMessage, at));
                    }
                    true
                }
                Inside::Multipart(_) => {
                    notes.push((DefectKind::EncodedMultipart, at));
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
            report.hit(limit);
        }
        for (kind, at) in notes {
            report.defect(kind, at, &mut part);
        }

        let transfer = |report: &mut Report<'_>| {
            let after_padding = report.context.dialect.base64_after_padding;
            Transfer::new(encoding, after_padding, &mut report.context.spares)
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
            self.state = State::Body(Body::Preamble);
        } else {
            let place = Place::Top(part.path.clone());
            self.frames.push(Frame { part, multipart });
            self.begin_header(place, DEFAULT_TYPE);
        }
    }

    /// A multipart, if its boundary is one.
    fn multipart(&self, kind: &str, boundary: Option<Vec<u8>>, report: &Report<'_>) -> Option<Multipart> {
        let mut octets = boundary?;
        // Blanks at the end cannot be told from those behind a delimiter.
        octets.truncate(octets.trim_ascii_end().len());
        if octets.is_empty() {
            return None;
        }
        let boundary = Boundary::new(octets, report.context.limits.boundary);
        Some(Multipart { boundary, closed: false, digest: kind == "multipart/digest", children: 0 })
    }

    fn note_boundary(&self, multipart: &Multipart, at: u64, notes: &mut Vec<(DefectKind, u64)>) {
        if !multipart.boundary.is_valid() {
            notes.push((DefectKind::InvalidBoundary, at));
        }
        let mut outer = self.frames.iter().filter_map(|frame| frame.multipart.as_ref());
        if outer.any(|outer| outer.boundary.is_ambiguous_with(&multipart.boundary)) {
            notes.push((DefectKind::AmbiguousBoundary, at));
        }
    }

    // --- bodies ---

    /// Reads from a body, or the rest of a delimiter's line; how many octets that was.
    fn body(&mut self, raw: &[u8], report: &mut Report<'_>) -> usize {
        let start = self.offset;
        if self.multiparts == 0 {
            self.offset = start.plus(raw.len());
            self.content(raw, start, report);
            return raw.len();
        }
        let (consumed, piece) = self.splitter.step(raw, delimiters(&self.frames, report.context));
        self.offset = start.plus(consumed);
        self.note_near_miss(report);
        self.piece(piece, raw, start, report);
        consumed
    }

    fn piece(&mut self, piece: Piece, raw: &[u8], start: Offset, report: &mut Report<'_>) {
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
            Body::Epilogue => {
                if let Some(frame) = self.frames.last_mut()
                    && let Some(something) = octets.iter().position(|octet| !b" \t\r\n".contains(octet))
                {
                    report.defect(DefectKind::EpilogueNotEmpty, at.plus(something).get(), &mut frame.part);
                }
            }
            Body::Preamble | Body::Beyond | Body::None => {}
        }
    }

    fn note_near_miss(&mut self, report: &mut Report<'_>) {
        if let Some((found, back)) = self.splitter.take_near_miss() {
            self.near_miss(found, self.offset.minus(back), report);
        }
    }

    fn near_miss(&mut self, found: Found, at: Offset, report: &mut Report<'_>) {
        let Some(frame) = self.frames.get_mut(found.frame) else { return };
        let kind = if found.trailer { DefectKind::DelimiterTrailer } else { DefectKind::DelimiterAfterClose };
        report.defect(kind, at.get(), &mut frame.part);
    }

    /// A delimiter, whose line begins at `at`.
    fn delimiter(&mut self, found: Found, at: Offset, bare: bool, report: &mut Report<'_>) {
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
        multipart.closed = found.close;
        if found.close {
            if multipart.children == 0 {
                report.defect(DefectKind::MultipartWithoutParts, at.get(), part);
            }
            self.state = State::Body(Body::Epilogue);
            return;
        }
        multipart.children = multipart.children.saturating_add(1);
        let place = Place::Child(part.path.child(multipart.children));
        let default_type = if multipart.digest { "message/rfc822" } else { DEFAULT_TYPE };
        self.begin_header(place, default_type);
    }

    /// Ends the body at hand and all containers but the `kept` outermost ones; `at` is where they end.
    fn close_down_to(&mut self, kept: usize, at: Offset, report: &mut Report<'_>) {
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

/// RFC 2045 §5.2.
const DEFAULT_TYPE: &str = "text/plain";

/// What is in an entity.
enum Inside {
    Leaf,
    Message,
    Multipart(Multipart),
}

fn delimiters<'a>(frames: &'a Vec<Frame>, context: &'a Context) -> Delimiters<'a> {
    Delimiters { frames, dialect: &context.dialect, longest: context.limits.boundary }
}

/// To the sink.
struct LeafOutput<'a, 'b> {
    part: &'a mut Part,
    report: &'a mut Report<'b>,
}

impl Output for LeafOutput<'_, '_> {
    fn data(&mut self, octets: &[u8]) {
        self.report.context.data(octets, self.report.sink);
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
