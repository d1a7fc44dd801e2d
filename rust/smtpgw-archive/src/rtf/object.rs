//! The head of an object by OLE 1 (MS-OLEDS §2.2.4, §2.2.5), as it stands in RTF before the object's own octets.

use crate::cfb::Native;
use crate::source::le32;

/// What an object says of itself.
pub(super) struct Object {
    /// Where its own octets begin.
    pub(super) start: u64,
    /// It stands elsewhere, and only its place stands here.
    pub(super) is_linked: bool,
    /// The file in it, if it is a package: where among its own octets.
    pub(super) package: Option<Native>,
}

impl Object {
    /// Reads the head of an object of `size` octets; `None` if it is none.
    pub(super) fn read(head: &[u8], size: u64) -> Option<Self> {
        let kind = le32(head.get(4..8)?, 0);
        let mut at = 8;
        let class = text(head, &mut at)?;
        if !matches!(kind, LINKED | EMBEDDED) {
            return None;
        }
        let is_package = class.strip_suffix(b"\0").unwrap_or(class).eq_ignore_ascii_case(b"Package");
        text(head, &mut at)?;
        text(head, &mut at)?;
        if kind == LINKED {
            return Some(Self { start: 0, is_linked: true, package: None });
        }
        // How many octets it has; programs read on where that is a lie.
        let start = at.checked_add(4).filter(|&start| start <= head.len())?;
        let size = size.saturating_sub(start as u64);
        let package = is_package.then(|| Native::parse(head.get(start..)?, 0, size)).flatten();
        Some(Self { start: start as u64, is_linked: false, package })
    }
}

/// The text at `at`, behind its length.
fn text<'a>(head: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let length = usize::try_from(le32(head.get(*at..)?.get(..4)?, 0)).ok()?;
    let text = head.get(*at + 4..)?.get(..length)?;
    *at += 4 + length;
    Some(text)
}

const LINKED: u32 = 1;
const EMBEDDED: u32 = 2;
