//! TNEF (MS-OXTNEF), the `winmail.dat` of Outlook and Exchange: a list of attributes, of the message and of its
//! attachments, and within some of them lists of MAPI properties.
//!
//! What a recipient's program shows comes out: attachments under their long names, messages that were attached, and the
//! body as text, HTML and RTF (which is compressed). Names may follow the octets they belong to, so an attachment is
//! given out when the next one begins. Nothing of any size is held.
//!
//! What an attribute is stands in 32 bits: its type above, its name below. Some programs go by all of them, others by
//! the name alone, so the name decides here; an attachment that has one title for either is given out under both.

mod properties;
mod rtf;

use std::io::{Read, Seek};

use crate::Unscanned;
use crate::flow::Flow;
use crate::limits::TNEF_NAME;
use crate::member::other_name;
use crate::source::{le16, le32};

use properties::Value;

/// `0x223E9F78`, by which every TNEF begins.
pub(crate) const SIGNATURE: [u8; 4] = [0x78, 0x9f, 0x3e, 0x22];

pub(crate) fn unpack<R: Read + Seek>(mut flow: Flow<'_, R>) -> Result<(), Unscanned> {
    let mut attachment = Attachment::default();
    // Behind the signature stands a key of two octets.
    let mut at = SIGNATURE.len() as u64 + 2;
    let mut is_damaged = false;
    while at < flow.source.length() {
        flow.out.budget.tick()?;
        let Some(head) = flow.source.array_at::<HEAD>(at)? else {
            is_damaged = true;
            break;
        };
        let (level, id, length) = (head[0], le32(&head, 1), u64::from(le32(&head, 5)));
        if !matches!(level, 1 | 2) {
            // Lengths are all that holds the list together: nothing behind this can be found.
            is_damaged = true;
            break;
        }
        let place = Place { start: at + HEAD as u64, length };
        attribute(&mut flow, &mut attachment, id, place, &mut is_damaged)?;
        let end = place.end();
        is_damaged |= !has_sum(&flow, place)?;
        // A checksum of two octets follows.
        at = end.saturating_add(2);
    }
    attachment.give(&mut flow)?;
    if is_damaged { Err(Unscanned::PartiallyCorrupted) } else { Ok(()) }
}

/// The same compressed RTF where it stands by itself: the body of a `.msg` (MS-OXMSG), which is a stream of its own.
pub(crate) fn unpack_rtf<R: Read + Seek>(mut flow: Flow<'_, R>) -> Result<(), Unscanned> {
    let length = flow.source.length();
    rtf::give(&mut flow, Place { start: 0, length })
}

fn attribute<R: Read + Seek>(
    flow: &mut Flow<'_, R>,
    attachment: &mut Attachment,
    id: u32,
    place: Place,
    is_damaged: &mut bool,
) -> Result<(), Unscanned> {
    match id & NAME {
        // Those that go by the type see no beginning: the title before is that of the octets behind.
        ATTACHMENT_BEGINS if id != BEGINS_BY_TYPE && attachment.data.is_empty() => {}
        ATTACHMENT_BEGINS => std::mem::take(attachment).give(flow)?,
        ATTACHMENT_TITLE => {
            let title = flow.text(place.start, place.length, TNEF_NAME)?;
            let by_name = if id == TITLE_BY_TYPE { &mut attachment.title } else { &mut attachment.odd_title };
            *by_name = title;
        }
        ATTACHMENT_DATA => attachment.data.push(place),
        ATTACHMENT_PROPERTIES => {
            *is_damaged |= !properties::walk(flow, place, &mut |flow, value| {
                match value {
                    Value { id: LONG_NAME, .. } => {
                        attachment.long_name = value.text(flow)?.or(attachment.long_name.take());
                    }
                    Value { id: SHORT_NAME, .. } => {
                        attachment.short_name = value.text(flow)?.or(attachment.short_name.take());
                    }
                    Value { id: DATA_OBJECT, .. } => attachment.data.push(value.object()),
                    _ => {}
                }
                Ok(())
            })?;
        }
        BODY => flow.stored(b"body.txt", place.start, place.length, Ok(()))?,
        MESSAGE_PROPERTIES => {
            *is_damaged |= !properties::walk(flow, place, &mut |flow, Value { id, place, .. }| match id {
                BODY_TEXT => flow.stored(b"body.txt", place.start, place.length, Ok(())),
                BODY_HTML => flow.stored(b"body.html", place.start, place.length, Ok(())),
                BODY_RTF => rtf::give(flow, place),
                _ => Ok(()),
            })?;
        }
        _ => {}
    }
    Ok(())
}

/// A stretch of the container.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) start: u64,
    pub(crate) length: u64,
}

impl Place {
    pub(crate) fn end(self) -> u64 {
        self.start.saturating_add(self.length)
    }
}

/// What is known of an attachment before the next one begins.
#[derive(Default)]
struct Attachment {
    title: Option<Vec<u8>>,
    /// One whose type is none of a title.
    odd_title: Option<Vec<u8>>,
    long_name: Option<Vec<u8>>,
    short_name: Option<Vec<u8>>,
    data: Vec<Place>,
}

impl Attachment {
    /// Gives it out, if there is anything of it.
    fn give<R: Read + Seek>(self, flow: &mut Flow<'_, R>) -> Result<(), Unscanned> {
        let names = [&self.long_name, &self.short_name, &self.title, &self.odd_title];
        let [long, short, title, odd] = names.map(|name| name.as_deref().map(until_zero));
        let odd = odd.filter(|odd| Some(odd) != title.as_ref());
        let name = long.or(short.clone()).or(title.clone()).or(odd.clone()).unwrap_or_default();
        let odd = odd.filter(|odd| *odd != name);
        // Programs show the one that they know.
        let others = [short, title].map(|other| String::from_utf8_lossy(&other.unwrap_or_default()).into_owned());
        let other = other_name(&String::from_utf8_lossy(&name), others.into_iter());
        for name in std::iter::once(name).chain(odd) {
            for place in &self.data {
                other.iter().for_each(|other| flow.out.also(other.clone()));
                flow.stored(&name, place.start, place.length, Ok(()))?;
            }
        }
        Ok(())
    }
}

fn until_zero(name: &[u8]) -> Vec<u8> {
    name.split(|&octet| octet == 0).next().unwrap_or_default().to_vec()
}

/// Whether the octets of an attribute sum up to what stands behind them, and are all there.
fn has_sum<R: Read + Seek>(flow: &Flow<'_, R>, place: Place) -> Result<bool, Unscanned> {
    let Some(said) = flow.source.array_at::<2>(place.end())? else { return Ok(false) };
    let mut buffer = vec![0; crate::flow::CHUNK];
    let (mut at, mut sum) = (place.start, 0_u16);
    while at < place.end() {
        let wanted = usize::try_from(place.end() - at).unwrap_or(buffer.len()).min(buffer.len());
        let octets = flow.source.read_at(at, buffer.get_mut(..wanted).unwrap_or(&mut []))?;
        sum = octets.iter().fold(sum, |sum, &octet| sum.wrapping_add(u16::from(octet)));
        at += octets.len() as u64;
    }
    Ok(le16(&said, 0) == sum)
}

/// Level, what it is, how long it is.
const HEAD: usize = 9;

/// The name of an attribute, without its type.
const NAME: u32 = 0xffff;

const ATTACHMENT_BEGINS: u32 = 0x9002;
const ATTACHMENT_TITLE: u32 = 0x8010;
const ATTACHMENT_DATA: u32 = 0x800f;
const ATTACHMENT_PROPERTIES: u32 = 0x9005;
const MESSAGE_PROPERTIES: u32 = 0x9003;
const BODY: u32 = 0x800c;

/// A beginning with its own type.
const BEGINS_BY_TYPE: u32 = 0x0006_9002;

/// A title with the type of a string.
const TITLE_BY_TYPE: u32 = 0x0001_8010;

/// MAPI properties (MS-OXPROPS).
const DATA_OBJECT: u16 = 0x3701;
const SHORT_NAME: u16 = 0x3704;
const LONG_NAME: u16 = 0x3707;
const BODY_TEXT: u16 = 0x1000;
const BODY_RTF: u16 = 0x1009;
const BODY_HTML: u16 = 0x1013;
