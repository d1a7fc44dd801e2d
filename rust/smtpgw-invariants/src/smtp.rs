//! SMTP in both roles: the cut does not show, and nobody disagrees on where a message ends.
//!
//! | file | holds |
//! |---|---|
//! | `server` | whatever a client says to the server role |
//! | `client` | whatever a server says to the client role |
//! | `back_to_back` | messages from role to role to role, each by another way |
//! | `listening` | a server role with the manners of the gateway around it |
//! | `simple` | the simplest readers and writers there are, to hold the others against |

mod back_to_back;
mod client;
mod listening;
mod server;
mod simple;

pub use self::back_to_back::back_to_back;
pub use self::client::{client, reply};
pub use self::server::{content, server};
