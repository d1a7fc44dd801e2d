//! What is read of a stranger before SMTP begins.

use smtpgw_gateway::readers;

use crate::cuts::{Cuts, cut_does_not_show};

/// What a client says of itself before TLS: the cut does not show.
pub fn client_hello(octets: &[u8]) {
    cut_does_not_show(octets, |pieces| readers::client_hello(pieces.iter().copied()));
}

/// What a proxy says of its client: as a connection reads it, in whatever pieces, it never reads beyond the header, and
/// learns the same.
pub fn proxy_header(octets: &[u8]) {
    let mut cuts = Cuts::of(octets);
    let whole = readers::proxy_header(octets, |wanted| wanted);
    assert_eq!(readers::proxy_header(octets, |wanted| cuts.size().min(wanted)), whole, "in pieces and whole");
    assert_eq!(readers::proxy_header(octets, |_| 1), whole, "octet by octet and whole");
}
