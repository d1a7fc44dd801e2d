//! Plays a scenario in the simulated network, until everybody has ended or it is clear that somebody never will.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use smtpgw_gateway::inspect::Inspect;
use smtpgw_gateway::service::Service;
use smtpgw_gateway::settings::Settings;
use smtpgw_gateway::{Record, RecordSink};

use crate::actors::{self, Log, Witnessed};
use crate::certificates;
use crate::lies::Lies;
use crate::moody::Moody;
use crate::scenario::{Event, Scenario};
use crate::world::SimWorld;

/// What a run leaves to judge.
#[derive(Debug)]
pub struct Played {
    pub witnessed: Witnessed,
    /// Connections and octets, of memory and of disk, that the gateway still holds; `None` if it is gone.
    pub left: Option<(usize, u64)>,
    pub records: Vec<String>,
}

struct Records(Arc<Mutex<Vec<String>>>);

impl RecordSink for Records {
    fn write(&mut self, record: &Record) {
        self.0.lock().unwrap().push(format!("{} {}", record.event, record.json));
    }
}

/// Milliseconds after which whatever has not ended never will. The longest wait is for content: 60 s by default.
const PATIENCE: u64 = 90_000;

/// What is wrong with the gateway, on purpose.
#[derive(Clone, Default)]
pub struct Breach {
    pub lies: Lies,
    /// It goes by these.
    pub settings: Option<Settings>,
    /// It asks this one.
    pub inspect: Option<Arc<dyn Inspect>>,
}

pub fn play(scenario: &Scenario) -> Played {
    play_broken(scenario, &Breach::default())
}

/// Plays it with a gateway that is broken.
pub fn play_broken(scenario: &Scenario, breach: &Breach) -> Played {
    let mut builder = turmoil::Builder::new();
    builder.rng_seed(scenario.seed).tick_duration(Duration::from_millis(1));
    builder.simulation_duration(Duration::from_millis(2 * PATIENCE));
    builder.min_message_latency(Duration::from_millis(1)).max_message_latency(Duration::from_millis(3));
    let mut sim = builder.build();
    let log: Log = Arc::default();
    let records: Arc<Mutex<Vec<String>>> = Arc::default();

    let (plan, backend_log, count) = (scenario.backend.clone(), Arc::clone(&log), Arc::default());
    sim.host("backend", move || {
        let (plan, log, count) = (plan.clone(), Arc::clone(&backend_log), Arc::<AtomicUsize>::clone(&count));
        async move { Ok(actors::backend("b", plan, log, count).await?) }
    });
    if scenario.has_second() {
        let (plan, second_log, count) = (scenario.second.clone(), Arc::clone(&log), Arc::default());
        sim.host("second", move || {
            let (plan, log, count) = (plan.clone(), Arc::clone(&second_log), Arc::<AtomicUsize>::clone(&count));
            async move { Ok(actors::backend("s", plan, log, count).await?) }
        });
    }
    let left = Arc::new(Mutex::new(None));
    let (mut told, gateway_left, gateway_records) = (scenario.clone(), Arc::clone(&left), Arc::clone(&records));
    told.settings = breach.settings.clone().unwrap_or(told.settings);
    // A folder of its own, if it is to vanish.
    let folder = told.spool_vanishes.map(|_| tempfile::tempdir().unwrap());
    if let Some(folder) = &folder {
        told.settings.spool.path = folder.path().to_owned();
    }
    let breach = breach.clone();
    let gateway_log = Arc::clone(&log);
    sim.host("gateway", move || {
        let (log, left, records) = (Arc::clone(&gateway_log), Arc::clone(&gateway_left), Arc::clone(&gateway_records));
        gateway(told.clone(), breach.clone(), log, left, records)
    });
    let [mut tls, mut tls_12] = [None, None];
    for (number, plan) in scenario.clients.iter().enumerate() {
        let (plan, log) = (plan.clone(), Arc::clone(&log));
        let tls = plan.tls.map(|tls_plan| {
            let shared = if tls_plan.only_12 { &mut tls_12 } else { &mut tls };
            Arc::clone(shared.get_or_insert_with(|| certificates::client(tls_plan.only_12)))
        });
        log.lock().unwrap().clients_open += 1;
        sim.host(format!("c{number}"), move || {
            let (plan, tls, log) = (plan.clone(), tls.clone(), Arc::clone(&log));
            async move {
                // How far it came is in the log; an error is a client that was cut off or left.
                let _ = actors::client(number, plan, tls, Arc::clone(&log)).await;
                log.lock().unwrap().clients_open -= 1;
                std::future::pending::<()>().await;
                Ok(())
            }
        });
    }

    let gone = |event: &Event| matches!(event, Event::Kill | Event::Drain);
    let gone = scenario.events.iter().any(|(_, event)| gone(event));
    // Whoever talks to a host that died may never learn of it but by timeouts of its own.
    let killed = scenario.events.iter().find(|(_, event)| *event == Event::Kill).map(|(at, _)| *at);
    let last_event = scenario.events.last().map_or(0, |(at, _)| *at);
    let mut quiet = 0;
    for at in 0..PATIENCE {
        for (_, event) in scenario.events.iter().filter(|(when, _)| *when == at) {
            match event {
                Event::Kill => sim.crash("gateway"),
                Event::BackendDies => sim.crash("backend"),
                Event::BackendReturns => sim.bounce("backend"),
                Event::Reload | Event::Drain => {}
            }
        }
        if scenario.spool_vanishes == Some(at)
            && let Some(folder) = &folder
        {
            std::fs::remove_dir_all(folder.path()).unwrap();
        }
        sim.step().unwrap();
        let over = {
            let log = log.lock().unwrap();
            (log.clients_open == 0 && log.backend_open == 0) || killed.is_some_and(|killed| at > killed + 1_000)
        };
        let given_back = gone || *left.lock().unwrap() == Some((0, 0));
        quiet = if over && given_back { quiet + 1 } else { 0 };
        if quiet > 20 && at > last_event + 20 {
            break;
        }
    }
    let left = if gone { None } else { *left.lock().unwrap() };
    let witnessed = std::mem::take(&mut *log.lock().unwrap());
    drop(sim);
    let records = std::mem::take(&mut *records.lock().unwrap());
    Played { witnessed, left, records }
}

async fn gateway(
    scenario: Scenario,
    breach: Breach,
    log: Log,
    left: Arc<Mutex<Option<(usize, u64)>>>,
    records: Arc<Mutex<Vec<String>>>,
) -> turmoil::Result {
    let inspect = || -> Option<Arc<dyn Inspect>> {
        let moody = || Arc::new(Moody::new(scenario.tempers.clone(), Arc::clone(&log))) as Arc<dyn Inspect>;
        Some(breach.inspect.clone().unwrap_or_else(moody))
    };
    let mut world = SimWorld::new(scenario.seed, None);
    world.clock_jumps = scenario.clock_jumps;
    world.lies = breach.lies.clone();
    let settings = scenario.settings.clone();
    let service = Service::open(world, settings, inspect(), vec![Box::new(Records(records))]).await?;
    for at in 0_u64.. {
        tokio::time::sleep(Duration::from_millis(1)).await;
        for (_, event) in scenario.events.iter().filter(|(when, _)| *when == at) {
            match event {
                Event::Reload => {
                    // Without its folder it goes on as before.
                    let settings = scenario.reloaded.as_ref().unwrap_or(&scenario.settings);
                    let reloaded = service.reload(settings.clone(), inspect());
                    assert!(reloaded.is_ok() || scenario.spool_vanishes.is_some(), "{reloaded:?}");
                }
                Event::Drain => {
                    service.drain().await;
                    drop(service);
                    log.lock().unwrap().gateway_at_rest = true;
                    return std::future::pending().await;
                }
                _ => {}
            }
        }
        let held = (service.connections(), service.memory() + service.disk());
        log.lock().unwrap().gateway_at_rest = held == (0, 0);
        *left.lock().unwrap() = Some(held);
    }
    Ok(())
}
