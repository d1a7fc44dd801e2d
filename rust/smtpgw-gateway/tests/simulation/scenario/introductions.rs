//! What the seeds draw of proxies in front of the gateway: who says for whom a client comes, and how.

use std::net::SocketAddr;
use std::time::Duration;

use super::{ClientPlan, Scenario};
use crate::roll::Roll;

/// How the gateway learns whom a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Introduction {
    /// A PROXY header as text.
    Version1,
    /// And as octets.
    Version2,
    /// XCLIENT behind the greeting.
    Xclient,
    /// A PROXY header that names nobody.
    Unnamed,
    /// None, where one is due.
    Missing,
}

impl Introduction {
    const fn names_somebody(self) -> bool {
        matches!(self, Self::Version1 | Self::Version2 | Self::Xclient)
    }
}

impl ClientPlan {
    /// For whom client `number` comes, if it is said.
    pub fn spoken_for(&self, number: usize) -> Option<SocketAddr> {
        let number = u8::try_from(number).unwrap();
        let said = self.introduction.is_some_and(Introduction::names_somebody);
        said.then(|| SocketAddr::from(([192, 0, 2, 1 + number], 40_000 + u16::from(number))))
    }
}

impl Scenario {
    /// Everybody is a proxy: all of one kind.
    pub fn draw_introductions(mut self, roll: &mut Roll) -> Self {
        let xclient = roll.chance(3);
        let everybody = vec!["192.168.0.0/16".parse().unwrap()];
        for listener in &mut self.settings.listener {
            let networks = if xclient { &mut listener.xclient_from } else { &mut listener.proxy_protocol_from };
            networks.clone_from(&everybody);
        }
        self.settings.limits.proxy_header_s = Duration::from_millis(400);
        for client in &mut self.clients {
            client.introduction = Some(match roll.below(12) {
                0 => Introduction::Missing,
                _ if xclient => Introduction::Xclient,
                1 => Introduction::Unnamed,
                2..7 => Introduction::Version1,
                _ => Introduction::Version2,
            });
        }
        self
    }

    /// Whether proxies are in nobody's way.
    pub(super) fn introductions_are_calm(&self) -> bool {
        self.clients.iter().filter_map(|client| client.introduction).all(Introduction::names_somebody)
    }
}
