//! The server we protect: dialled late, spoken to in commands rebuilt from parsed pieces, never trusted.
//!
//! A [`Site`] is what we know of a backend between connections (settings, what it last offered, whether it is
//! down); a [`Leg`] is one connection to it, made at the first MAIL of a client (rule B2) and kept for that client
//! alone. Replies to MAIL, RCPT and the end of data are handed up as they came (rule R1). Every error here is our
//! own trouble to the client: 4yz, and the leg is not used again.

mod leg;
mod maildir;
mod site;
mod smtp;
mod streaming;
#[cfg(test)]
mod tests;

pub(crate) use self::leg::Leg;
pub(crate) use self::site::Site;
