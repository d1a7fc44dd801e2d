//! What the seeds draw of TLS, on both legs.

use std::time::Duration;

use smtpgw_gateway::settings::{BackendTls, Listener, ListenerTls};

use super::{BackendPlan, ClientPlan, Leave, Scenario, Step};
use crate::certificates;
use crate::roll::Roll;

/// How a client encrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientTls {
    /// Before the greeting, on the port for that (RFC 8314 §3.3), instead of by STARTTLS.
    pub implicit: bool,
    /// It has nothing newer than TLS 1.2.
    pub only_12: bool,
    /// Octets that go into one segment at most.
    pub piece: usize,
    /// When it says that it sends no more, it does not say so under TLS.
    pub truncates: bool,
    pub trouble: Option<Trouble>,
}

/// What goes wrong about a client's handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It stops after so many octets of it.
    Leaves(usize, Leave),
    /// Commands in clear take its place.
    Garbage,
    /// Commands in clear stand right behind STARTTLS.
    Injects,
}

impl ClientTls {
    pub const STARTTLS: Self =
        Self { implicit: false, only_12: false, piece: usize::MAX, truncates: false, trouble: None };

    fn draw(roll: &mut Roll, trouble: bool) -> Self {
        let trouble = (trouble && roll.chance(2)).then(|| match roll.below(6) {
            0 => Trouble::Garbage,
            1 => Trouble::Injects,
            _ => {
                let how = [Leave::Close, Leave::HalfClose, Leave::FallSilent][roll.below(3)];
                Trouble::Leaves(roll.below(2_200), how)
            }
        });
        Self {
            implicit: roll.chance(4),
            only_12: roll.chance(4),
            piece: if roll.chance(2) { usize::MAX } else { roll.within(40, 1_500) },
            truncates: roll.chance(2),
            trouble,
        }
    }
}

impl ClientPlan {
    /// Where it connects to.
    pub fn door(&self) -> &'static str {
        if self.tls.is_some_and(|tls| tls.implicit) { "gateway:465" } else { "gateway:25" }
    }
}

impl Scenario {
    /// STARTTLS on the one port, TLS from the first octet on the other.
    pub fn with_tls(mut self) -> Self {
        let listener = &mut self.settings.listener[0];
        listener.certificates = vec![certificates::files()];
        listener.tls = ListenerTls::Starttls;
        let implicit =
            Listener { address: "0.0.0.0:465".into(), tls: ListenerTls::Implicit, ..self.settings.listener[0].clone() };
        self.settings.listener.push(implicit);
        self.settings.limits.handshake_s = Duration::from_millis(400);
        self
    }

    /// How far the gateway goes for TLS with its backends.
    pub fn with_backend_tls(mut self, tls: BackendTls) -> Self {
        for backend in self.settings.backend.values_mut() {
            backend.tls = tls;
            backend.ca = (tls == BackendTls::Verified).then(|| certificates::file().to_owned());
            backend.name = (tls == BackendTls::Verified).then(|| "backend.example".into());
        }
        self
    }

    /// Whether nothing may go to a backend in clear.
    pub fn requires_tls(&self) -> bool {
        self.settings.backend.values().all(|it| matches!(it.tls, BackendTls::Required | BackendTls::Verified))
    }

    /// Whoever has TLS, and what goes wrong about it; where a client or a backend has other troubles already.
    pub fn draw_tls(self, roll: &mut Roll) -> Self {
        let tls = [BackendTls::None, BackendTls::Opportunistic, BackendTls::Required, BackendTls::Verified];
        let mut scenario = self.with_tls().with_backend_tls(tls[roll.below(4)]);
        let trouble = scenario.clients.iter().any(|client| client.leaves.is_some());
        for client in &mut scenario.clients {
            client.tls = (!roll.chance(4)).then(|| ClientTls::draw(roll, trouble));
        }
        for plan in [&mut scenario.backend, &mut scenario.second] {
            plan.draw_tls(roll);
        }
        scenario
    }

    /// Whether TLS is in nobody's way.
    pub(super) fn tls_is_calm(&self) -> bool {
        let offered = self.backend.tls && (self.second.tls || !self.has_second());
        (offered || !self.requires_tls())
            && self.clients.iter().filter_map(|client| client.tls).all(|tls| tls.trouble.is_none())
    }
}

impl BackendPlan {
    fn draw_tls(&mut self, roll: &mut Roll) {
        self.tls = !roll.chance(4);
        for faults in self.connections.iter_mut().filter(|faults| !faults.is_empty()) {
            if self.tls && roll.chance(3) {
                let at = roll.below(faults.len());
                faults[at].0 = if roll.chance(2) { Step::Starttls } else { Step::Handshake };
            }
        }
    }
}
