//! The gateway's work in some world: open the listeners, serve, reload, drain.
//!
//! [`Gateway`](crate::Gateway) is this in the real world with a runtime of its own; a simulation opens it in a
//! network of its making. Start-up does everything that can fail (certificates, folders, addresses) before the
//! first connection is taken.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::{JoinHandle, JoinSet};

use crate::backend;
use crate::error::StartError;
use crate::house::{Drain, House};
use crate::inspect::Inspect;
use crate::listener;
use crate::log::{Journal, RecordSink};
use crate::record::{Notice, Ready, Reloaded};
use crate::settings::{LogLevel, Settings};
use crate::setup::Setup;
use crate::tls::{self, CertificateState};
use crate::world::{Listen as _, World, timeout};

/// An open gateway in a world. Dropping it ends every connection at once; clients without a 2yz come back.
#[derive(Debug)]
pub struct Service<W: World> {
    house: Arc<House<W>>,
    addresses: Vec<SocketAddr>,
    serving: Mutex<JoinSet<()>>,
    /// Looks after certificates.
    watching: JoinHandle<()>,
    /// Looks after backends, a task each.
    looking: parking_lot::Mutex<JoinSet<()>>,
    log: Option<std::thread::JoinHandle<()>>,
}

impl<W: World> Service<W> {
    /// Binds every listener and begins to serve. Records go to `sinks`, on a thread of their own.
    ///
    /// # Errors
    /// [`StartError`], before anything was served.
    pub async fn open(
        world: W,
        settings: Settings,
        inspect: Option<Arc<dyn Inspect>>,
        sinks: Vec<Box<dyn RecordSink>>,
    ) -> Result<Self, StartError> {
        let level = settings.log.level;
        let setup = Setup::new(settings, inspect, None)?;
        let mut bound = Vec::new();
        for listener in &setup.desk.settings.listener {
            let failed = |source| StartError::Bind { address: listener.address.clone(), source };
            let socket = world.bind(&listener.address).await.map_err(failed)?;
            let address = socket.local_addr().map_err(failed)?;
            bound.push((socket, address));
        }
        let (journal, log) = Journal::start(level, sinks)?;
        let addresses: Vec<SocketAddr> = bound.iter().map(|(_, address)| *address).collect();
        let house = House::new(world, setup, journal);
        let mut serving = JoinSet::new();
        for (front, (socket, _)) in bound.into_iter().enumerate() {
            serving.spawn(listener::serve(Arc::clone(&house), socket, front));
        }
        let watching = tokio::spawn(tls::watch(Arc::clone(&house), addresses.clone()));
        let service = Self {
            house,
            addresses,
            serving: Mutex::new(serving),
            watching,
            looking: Default::default(),
            log: Some(log),
        };
        service.look_after_backends();
        service.tell_certificates(Told::All);
        service.say_ready();
        Ok(service)
    }

    /// Where it listens, in the order of the configuration.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Connections at the moment.
    pub fn connections(&self) -> usize {
        self.house.admission.connections()
    }

    /// Octets of content in memory at the moment, as `limits.memory` counts them.
    pub fn memory(&self) -> u64 {
        self.house.setup.load().desk.budget.used()
    }

    /// Octets of content in files at the moment, as `spool.total` counts them.
    pub fn disk(&self) -> u64 {
        self.house.setup.load().desk.budget.disk_used()
    }

    /// Takes new settings and inspectors for connections from now on. Listeners stay as they are bound.
    ///
    /// # Errors
    /// [`StartError`]; the gateway then goes on as before.
    pub fn reload(&self, settings: Settings, inspect: Option<Arc<dyn Inspect>>) -> Result<(), StartError> {
        let before = self.house.setup.load_full();
        let addresses = |settings: &Settings| -> Vec<String> {
            settings.listener.iter().map(|listener| listener.address.clone()).collect()
        };
        if addresses(&settings) != addresses(&before.desk.settings) {
            return Err(StartError::settings("listener", "addresses cannot change while it runs; restart"));
        }
        let setup = Setup::new(settings, inspect, Some(&before));
        let setup = setup.and_then(|setup| setup.succeeds(&before, self.house.world.now()).map(|()| setup));
        let setup = setup.inspect_err(|_| self.tell_certificates(Told::Refused))?;
        self.house.setup.store(Arc::new(setup));
        self.look_after_backends();
        self.tell_certificates(Told::All);
        let message = "new connections use the new settings";
        let reloaded = Reloaded { message, certificates: self.certificates() };
        self.house.log(LogLevel::Info, "reloaded", &reloaded);
        Ok(())
    }

    /// Accepts nothing more, ends with 421 every connection that has no content under way, and waits until that content
    /// has had its reply, at most `limits.drain_s`. Then 421 is the last word to the others as well.
    pub async fn drain(&self) {
        let patience = self.house.setup.load().desk.settings.limits.drain_s;
        let message = format!("{} connections, at most {} s", self.connections(), patience.as_secs());
        self.house.log(LogLevel::Info, "draining", &Notice { message });
        self.house.drain.send_replace(Drain::Begun);
        let mut serving = self.serving.lock().await;
        let ended = timeout(patience, async { while serving.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            self.house.drain.send_replace(Drain::Over);
            let _ = timeout(LAST_WORD, async { while serving.join_next().await.is_some() {} }).await;
        }
        let message = if ended.is_ok() { "every connection has ended" } else { "time is up" };
        self.house.log(LogLevel::Info, "drained", &Notice { message: message.into() });
    }

    /// So that the first EHLO can already announce what the backends offer, and later ones who is down.
    fn look_after_backends(&self) {
        let setup = self.house.setup.load_full();
        let mut looking = self.looking.lock();
        looking.abort_all();
        *looking = JoinSet::new();
        looking.spawn(backend::sweep(Arc::clone(&self.house)));
        for site in setup.sites.values() {
            looking.spawn(backend::look_after_authorities(Arc::clone(&self.house), Arc::clone(site)));
            looking.spawn(backend::look_after(Arc::clone(&self.house), Arc::clone(site)));
        }
    }

    fn tell_certificates(&self, which: Told) {
        let setup = self.house.setup.load();
        for (front, address) in setup.fronts.iter().zip(&self.addresses) {
            if let Some(tls) = &front.tls
                && (which == Told::All || tls.certificates.refused().is_some())
            {
                tls::tell(&self.house, *address, &tls.certificates);
            }
        }
    }

    /// How the certificates of each listener are, in the order of the configuration.
    fn certificates(&self) -> Vec<Option<CertificateState>> {
        let (setup, now) = (self.house.setup.load(), self.house.world.now());
        setup.fronts.iter().map(|front| Some(front.tls.as_ref()?.certificates.state(now))).collect()
    }

    fn say_ready(&self) {
        let setup = self.house.setup.load();
        let settings = &setup.desk.settings;
        let roster = setup.desk.panel.iter().flat_map(|panel| panel.roster());
        let ready = Ready {
            hostname: settings.hostname.clone(),
            listeners: self.addresses.clone(),
            tls: settings.listener.iter().map(|listener| listener.tls).collect(),
            certificates: self.certificates(),
            inspectors: roster.map(|info| info.name.clone()).collect(),
        };
        self.house.log(LogLevel::Info, "ready", &ready);
    }
}

impl<W: World> Drop for Service<W> {
    fn drop(&mut self) {
        self.watching.abort();
        self.looking.get_mut().abort_all();
        self.serving.get_mut().abort_all();
        self.house.journal.close();
        if let Some(log) = self.log.take() {
            // It ends when the ring is empty. A sink that is stuck is left behind: it must not hang us.
            let patience = std::iter::repeat_n(LOG_STEP, LOG_STEPS);
            patience.take_while(|_| !log.is_finished()).for_each(std::thread::sleep);
        }
    }
}

/// Of which listeners the certificates are told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    All,
    /// Those that do not serve what they were to.
    Refused,
}

/// How long a 421 may take at the end of a drain.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Stopping waits for the log thread in steps, a second in all.
const LOG_STEP: Duration = Duration::from_millis(5);
const LOG_STEPS: usize = 200;
