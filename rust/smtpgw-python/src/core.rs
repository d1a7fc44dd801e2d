//! `Core` and `Scanner`: the gateway and its offline twin, with inspectors of Python.
//!
//! Everything that may block is done detached from the interpreter.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use smtpgw_gateway::inspect::Inspect;
use smtpgw_gateway::message::Envelope;
use smtpgw_gateway::settings::Settings;
use smtpgw_gateway::{Gateway, log_sink};

use crate::crew::{Ending, Hooks};
use crate::errors;
use crate::records::{Records, SharedRecords};

/// A gateway; `smtpgw.Gateway` wraps it.
#[pyclass(frozen, module = "smtpgw._core", name = "Core")]
pub(crate) struct Core {
    threads: usize,
    records: Option<Arc<Records>>,
    state: Mutex<State>,
}

enum State {
    Ready(Box<Settings>, Py<PyAny>),
    /// Shared with whoever drains it.
    Running(Arc<Gateway>, Option<Ending>),
    Stopped,
}

#[pymethods]
impl Core {
    #[new]
    #[pyo3(signature = (settings, roster, *, threads, records = false))]
    fn new(py: Python<'_>, settings: &str, roster: Py<PyAny>, threads: usize, records: bool) -> PyResult<Self> {
        let state = State::Ready(Box::new(parse(py, settings)?), roster);
        Ok(Self { threads, records: records.then(Records::new), state: Mutex::new(state) })
    }

    fn start(&self, py: Python<'_>) -> PyResult<()> {
        let state = std::mem::replace(&mut *self.state.lock(), State::Stopped);
        let State::Ready(settings, roster) = state else {
            *self.state.lock() = state;
            return Err(errors::other(py, "the core was started before"));
        };
        let (inspect, ending) = crew(roster.bind(py), self.threads)?;
        let mut sinks = vec![log_sink(&settings.log).map_err(|error| errors::other(py, format!("log: {error}")))?];
        if let Some(records) = &self.records {
            sinks.push(Box::new(SharedRecords(Arc::clone(records))));
        }
        let gateway = py.detach(|| Gateway::start(*settings, inspect, sinks));
        let gateway = gateway.map_err(|error| errors::start(py, &error))?;
        *self.state.lock() = State::Running(Arc::new(gateway), ending);
        Ok(())
    }

    #[getter]
    fn addresses(&self) -> Vec<(String, u16)> {
        let gateway = self.running();
        let addresses = gateway.iter().flat_map(|gateway| gateway.addresses().iter());
        addresses.map(|address| (address.ip().to_string(), address.port())).collect()
    }

    fn reload(&self, py: Python<'_>, settings: &str, roster: &Bound<'_, PyAny>) -> PyResult<()> {
        let settings = parse(py, settings)?;
        let Some(gateway) = self.running() else { return Err(errors::other(py, "the gateway is not running")) };
        let (inspect, fresh) = crew(roster, self.threads)?;
        py.detach(|| gateway.reload(settings, inspect)).map_err(|error| errors::start(py, &error))?;
        // The crew before ends when the last connection that began with it does.
        if let State::Running(_, ending) = &mut *self.state.lock() {
            *ending = fresh;
        }
        Ok(())
    }

    fn drain(&self, py: Python<'_>) {
        if let Some(gateway) = self.running() {
            py.detach(move || {
                gateway.drain();
                drop(gateway);
            });
        }
    }

    fn stop(&self, py: Python<'_>) {
        let state = std::mem::replace(&mut *self.state.lock(), State::Stopped);
        if let State::Running(gateway, ending) = state {
            py.detach(move || {
                drop(gateway);
                if let Some(ending) = ending {
                    ending.end();
                }
            });
        }
    }

    fn next_records(&self, py: Python<'_>, timeout_s: f64) -> PyResult<Vec<String>> {
        let Some(records) = &self.records else {
            return Err(errors::other(py, "records are kept for a core that was made with records=True"));
        };
        let timeout = errors::seconds(timeout_s)?;
        Ok(py.detach(|| records.take(timeout)))
    }
}

impl Core {
    fn running(&self) -> Option<Arc<Gateway>> {
        match &*self.state.lock() {
            State::Running(gateway, _) => Some(Arc::clone(gateway)),
            _ => None,
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        // Nobody can reach it any more, and ending it may block a moment: not here, where Python waits.
        if let State::Running(gateway, _) = std::mem::replace(self.state.get_mut(), State::Stopped) {
            let ended = std::thread::Builder::new().name("smtpgw-stop".into()).spawn(move || drop(gateway));
            // Without a thread it was dropped with the closure.
            drop(ended);
        }
    }
}

/// Judges messages from files as the gateway would.
#[pyclass(frozen, module = "smtpgw._core", name = "Scanner")]
pub(crate) struct Scanner {
    /// One message at a time.
    scanner: Mutex<smtpgw_gateway::Scanner>,
}

#[pymethods]
impl Scanner {
    #[new]
    #[pyo3(signature = (settings, roster, *, threads))]
    fn new(settings: &str, roster: &Bound<'_, PyAny>, threads: usize) -> PyResult<Self> {
        let py = roster.py();
        let (inspect, _) = crew(roster, threads)?;
        let scanner = smtpgw_gateway::Scanner::new(parse(py, settings)?, inspect);
        Ok(Self { scanner: Mutex::new(scanner.map_err(|error| errors::start(py, &error))?) })
    }

    #[pyo3(
        signature = (source, *, reverse_path = String::new(), forward_paths = Vec::new()),
        text_signature = "($self, source, *, reverse_path='', forward_paths=())"
    )]
    fn scan(
        &self,
        py: Python<'_>,
        source: &Bound<'_, PyAny>,
        reverse_path: String,
        forward_paths: Vec<String>,
    ) -> PyResult<String> {
        let source = match source.extract::<PyBackedBytes>() {
            Ok(octets) => Source::Octets(octets),
            Err(_) => Source::Path(source.extract()?),
        };
        let envelope = Envelope { reverse_path, forward_paths };
        py.detach(|| {
            let scanner = self.scanner.lock();
            let report = match source {
                Source::Octets(octets) => scanner.scan(&*octets, envelope),
                Source::Path(path) => scanner.scan(File::open(path)?, envelope),
            };
            Ok(serde_json::to_string(&report?).map_err(io::Error::other)?)
        })
    }
}

enum Source {
    Octets(PyBackedBytes),
    Path(PathBuf),
}

/// Inspectors as the gateway takes them, and what ends their threads; neither without inspectors.
type Crew = (Option<Arc<dyn Inspect>>, Option<Ending>);

/// The roster as the gateway takes it; no inspectors, no threads.
fn crew(roster: &Bound<'_, PyAny>, threads: usize) -> PyResult<Crew> {
    if roster.len()? == 0 {
        return Ok((None, None));
    }
    let hooks = Hooks::start(roster, threads)?;
    let ending = hooks.ending();
    Ok((Some(Arc::new(hooks)), Some(ending)))
}

fn parse(py: Python<'_>, settings: &str) -> PyResult<Settings> {
    serde_json::from_str(settings).map_err(|error| errors::config(py, format!("settings: {error}")))
}

/// A PEM chain and its key for `hostname`, made on the spot.
#[pyfunction]
pub(crate) fn self_signed(py: Python<'_>, hostname: &str) -> PyResult<(String, String)> {
    py.detach(|| smtpgw_gateway::self_signed(hostname)).map_err(|error| errors::start(py, &error))
}

/// What is not as it should be: path of the key, file, reason, and whether a gateway would not start.
type Finding = (String, Option<PathBuf>, String, bool);

/// What a gateway with these settings would say of its certificates, keys and authorities.
#[pyfunction]
pub(crate) fn examine(py: Python<'_>, settings: &str) -> PyResult<Vec<Finding>> {
    let settings = parse(py, settings)?;
    let findings = py.detach(|| smtpgw_gateway::examine(&settings));
    Ok(findings.into_iter().map(|it| (it.path, it.file, it.reason, it.stops)).collect())
}
