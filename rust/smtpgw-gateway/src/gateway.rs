//! The gateway in the real world, with a runtime of its own: an embedder needs none and cannot starve it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::error::StartError;
use crate::inspect::Inspect;
use crate::log::RecordSink;
use crate::service::Service;
use crate::settings::Settings;
use crate::world::RealWorld;

/// A running gateway. Dropping it stops it at once.
#[derive(Debug)]
pub struct Gateway {
    /// `None` only while it is dropped.
    running: Option<(Service<RealWorld>, Runtime)>,
}

impl Gateway {
    /// Binds every listener and begins to serve. Records go to `sinks`, on a thread of their own.
    ///
    /// # Errors
    /// [`StartError`], before anything was served.
    pub fn start(
        settings: Settings,
        inspect: Option<Arc<dyn Inspect>>,
        sinks: Vec<Box<dyn RecordSink>>,
    ) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().thread_name("smtpgw-io").enable_all().build()?;
        let service = runtime.block_on(Service::open(RealWorld, settings, inspect, sinks))?;
        Ok(Self { running: Some((service, runtime)) })
    }

    /// Where it listens, in the order of the configuration.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.running.as_ref().map_or(&[], |(service, _)| service.addresses())
    }

    /// Connections at the moment.
    pub fn connections(&self) -> usize {
        self.running.as_ref().map_or(0, |(service, _)| service.connections())
    }

    /// Takes new settings and inspectors for connections from now on. Listeners stay as they are bound.
    ///
    /// # Errors
    /// [`StartError`]; the gateway then goes on as before.
    pub fn reload(&self, settings: Settings, inspect: Option<Arc<dyn Inspect>>) -> Result<(), StartError> {
        let Some((service, runtime)) = &self.running else { return Ok(()) };
        let _entered = runtime.enter();
        service.reload(settings, inspect)
    }

    /// Accepts nothing more, ends with 421 every connection that has no content under way, and waits until that content
    /// has had its reply, at most `limits.drain_s`. Blocks.
    pub fn drain(&self) {
        if let Some((service, runtime)) = &self.running {
            runtime.block_on(service.drain());
        }
    }

    /// Ends every connection at once; clients without a 2yz come back.
    pub fn stop(self) {}
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some((service, runtime)) = self.running.take() {
            drop(service);
            // A thread that blocks must not hang us; it is left behind after a moment.
            runtime.shutdown_timeout(SHUTDOWN);
        }
    }
}

/// How long stopping waits for threads that block.
const SHUTDOWN: Duration = Duration::from_secs(1);
