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
//! | Body: Outside    | content                  | a leaf of its own, if it is more than blanks                      |
//! | Body: Beyond     | content                  | dropped                                                           |
//! | Body             | delimiter of frame *n*   | all that is open above *n* ends; → Header, or → Body: Outside     |
//! | any              | end                      | all that is open ends                                             |
//!
//! Containers whose content stands in the message as it is are frames on one stack. Only a message that is encoded
//! has a machine of its own, because its octets are others; such machines nest, at most `Limits::encoded_depth`
//! deep, and that is all the recursion there is.
//!
//! One file each for the two sides of the table, and one for the step from a header to what it describes.

mod body;
mod header;
mod opening;

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use crate::context::Context;
use crate::defect::{DefectKind, DefectSet};
use crate::event::{Region, Sink};
use crate::header::Collector;
use crate::limits::LimitKind;
use crate::multipart::{Delimiters, Frames, Multipart, Splitter};
use crate::path::PartPath;
use crate::transfer::{Offset, Transfer};

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
    /// Preamble or epilogue.
    Outside {
        region: Region,
        /// It is more than blanks, and its leaf has begun.
        shown: bool,
    },
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

    fn hit(&mut self, limit: LimitKind, path: &PartPath) {
        self.context.hit(limit, path, self.sink);
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
            state: State::Body(Body::Outside { region: Region::Preamble, shown: false }),
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
}

/// RFC 2045 §5.2.
const DEFAULT_TYPE: &str = "text/plain";

fn delimiters<'a>(frames: &'a Vec<Frame>, context: &'a Context) -> Delimiters<'a> {
    Delimiters { frames, dialect: &context.dialect, longest: context.limits.boundary }
}
