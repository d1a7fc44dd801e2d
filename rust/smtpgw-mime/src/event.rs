//! What the decoder says while it reads: events, in the order of the message.
//!
//! Events nest: a container's [`Event::PartBegin`] comes before those of its children, its [`Event::PartEnd`]
//! after theirs. [`Event::Data`] belongs to the leaf begun last. Where a [`Event::Defect`] of a leaf comes among
//! its data is not specified: its offset tells.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::defect::Defect;
use crate::header::Header;
use crate::limits::LimitKind;
use crate::path::PartPath;

/// Takes the events of one message.
pub trait Sink {
    /// Called once for each event, while the decoder reads.
    fn event(&mut self, event: Event<'_>);
}

/// One thing that the decoder saw.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An entity's header is complete. The first one is the message itself.
    PartBegin(Box<PartHead>),
    /// Decoded octets of the current leaf; never empty, of any size.
    Data(&'a [u8]),
    /// The current part is complete.
    PartEnd,
    /// Something is odd: a place where programs differ, or where the RFCs were not followed.
    Defect(Defect),
    /// A limit was hit, so that not all of the message is shown. Once a kind and message, with the first part of which
    /// that is so.
    LimitHit(LimitKind, PartPath),
}

/// What kind of entity a part is to the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PartKind {
    /// Its data follow. Also containers that cannot be opened: no boundary, too deep, message/partial.
    Leaf,
    /// Its children follow.
    Multipart,
    /// The one entity in it follows (message/rfc822, message/global, message/news).
    Message,
}

/// Where the octets of a leaf stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Region {
    /// In the body of an entity.
    #[default]
    Body,
    /// Before the first delimiter of the multipart whose path it has; programs that know no MIME show it.
    Preamble,
    /// Behind the close delimiter of the multipart whose path it has.
    Epilogue,
}

/// What the header of an entity says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PartHead {
    /// Where it stands.
    pub path: PartPath,
    /// How it is opened.
    pub kind: PartKind,
    /// Which side of a multipart it is, if it is no part by the RFCs.
    pub region: Region,
    /// All its fields.
    pub header: Header,
    /// Declared type in lower case without parameters, `text/plain` when there is none that can be read.
    pub media_type: String,
    /// The name a recipient's program would show: that of Content-Disposition, else of Content-Type, extended
    /// forms (RFC 2231) before plain ones, encoded words (RFC 2047) decoded.
    pub filename: Option<String>,
    /// Every name that any reading of its fields gives, [`PartHead::filename`] first, without repetition. Of a part
    /// that has none what some programs take for one: its description, the end of its location.
    pub names: Vec<String>,
    /// Declared charset in lower case.
    pub charset: Option<String>,
    /// Declared encoding in lower case, `7bit` when there is none (RFC 2045 §6.1).
    pub transfer_encoding: String,
    /// Declared disposition in lower case: `attachment`.
    pub disposition: Option<String>,
}

impl PartHead {
    /// Of what stands outside the parts of the multipart at `path`.
    pub(crate) fn outside(path: PartPath, region: Region) -> Self {
        Self {
            path,
            kind: PartKind::Leaf,
            region,
            header: Header::default(),
            media_type: "text/plain".to_string(),
            filename: None,
            names: Vec::new(),
            charset: None,
            transfer_encoding: "7bit".to_string(),
            disposition: None,
        }
    }
}
