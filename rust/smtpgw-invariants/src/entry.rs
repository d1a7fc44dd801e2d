//! What is read of a stranger before SMTP begins.

use smtpgw_gateway::readers;

use crate::cuts::cut_does_not_show;

/// What a client says of itself before TLS: the cut does not show.
pub fn client_hello(octets: &[u8]) {
    cut_does_not_show(octets, |pieces| readers::client_hello(pieces.iter().copied()));
}
