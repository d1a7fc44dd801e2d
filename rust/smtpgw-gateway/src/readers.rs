//! Doors to the readers of what comes before SMTP, for the invariants that are held over all inputs and for nobody else.
//!
//! The readers are this crate's own business; what they make of their input is shown as text, so that they stay that.

use crate::client_hello;

/// What is read of the ClientHello in `pieces`, or why there is none.
pub fn client_hello<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> String {
    let mut reader = client_hello::Reader::new();
    pieces.for_each(|piece| reader.read(piece));
    format!("{:?}", reader.outcome())
}
