//! Doors to the readers of what comes before SMTP, for the invariants that are held over all inputs and for nobody
//! else.
//!
//! The readers are this crate's own business; what they make of their input is shown as text, so that they stay that.

use crate::client_hello;
use crate::proxy_header::{self, Step};

/// What is read of the ClientHello in `pieces`, or why there is none.
pub fn client_hello<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> String {
    let mut reader = client_hello::Reader::new();
    pieces.for_each(|piece| reader.read(piece));
    format!("{:?}", reader.outcome())
}

/// What a connection learns of the PROXY header in front of `octets`, of which each read brings `piece` of those that
/// are wanted, and how many octets it has taken for that; `None` if it waits for more.
pub fn proxy_header(octets: &[u8], mut piece: impl FnMut(usize) -> usize) -> Option<String> {
    let mut have = 0;
    loop {
        match proxy_header::read(octets.get(..have)?) {
            Ok(Step::Whole(taken, header)) => return Some(format!("{taken} of {have}: {header:?}")),
            Ok(Step::More(0)) => return Some("waits for nothing".into()),
            Ok(Step::More(_)) if have == octets.len() => return None,
            Ok(Step::More(wanted)) => have = octets.len().min(have + piece(wanted)),
            Err(error) => return Some(error.to_string()),
        }
    }
}
