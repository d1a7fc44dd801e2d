//! What the seeds draw of clients that authenticate with the backend through the gateway.

use smtpgw_gateway::settings::{BackendTls, ClientLogin, ListenerTls};

use super::{Scenario, Step};
use crate::roll::Roll;

impl Scenario {
    /// AUTH is handed on; under TLS on both legs.
    pub fn with_logins(mut self) -> Self {
        self.settings.listener.iter_mut().for_each(|listener| listener.auth = ClientLogin::Relay);
        if !self.requires_tls() {
            self = self.with_backend_tls(BackendTls::Required);
        }
        (self.backend.tls, self.backend.logins) = (true, true);
        self
    }

    /// Some clients log in; where there is TLS for it, and one backend that can say who they are.
    pub fn draw_logins(mut self, roll: &mut Roll) -> Self {
        let encrypts = self.settings.listener.iter().all(|listener| listener.tls != ListenerTls::None);
        if !encrypts || self.has_second() {
            return self;
        }
        self = self.with_logins();
        for client in &mut self.clients {
            client.logs_in = roll.chance(2);
        }
        for faults in self.backend.connections.iter_mut().filter(|faults| !faults.is_empty()) {
            if roll.chance(3) {
                let at = roll.below(faults.len());
                faults[at].0 = Step::Login;
            }
        }
        self
    }
}
