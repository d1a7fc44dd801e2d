//! Python's exceptions, which are defined in `smtpgw.errors`, and exceptions of hooks as one bounded line.

use std::time::Duration;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyTraceback, PyType};
use smtpgw_gateway::StartError;

static CONFIG: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static TLS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static INSPECTOR: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static OTHER: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// An `InspectorError`.
pub(crate) fn inspector(py: Python<'_>, text: impl Into<String>) -> PyErr {
    raise(py, &INSPECTOR, "InspectorError", text.into())
}

/// What stopped a start, as the exception that names whose matter it is.
pub(crate) fn start(py: Python<'_>, error: &StartError) -> PyErr {
    let text = error.to_string();
    match error {
        StartError::Settings { .. } => raise(py, &CONFIG, "ConfigError", text),
        StartError::Certificate { .. } => raise(py, &TLS, "TlsError", text),
        _ => raise(py, &OTHER, "SmtpgwError", text),
    }
}

/// A `ConfigError` about something that is no part of the settings.
pub(crate) fn config(py: Python<'_>, text: impl Into<String>) -> PyErr {
    raise(py, &CONFIG, "ConfigError", text.into())
}

/// An `SmtpgwError` by itself: the system, or whoever calls us, is in the way.
pub(crate) fn other(py: Python<'_>, text: impl Into<String>) -> PyErr {
    raise(py, &OTHER, "SmtpgwError", text.into())
}

/// A number of seconds that Python gave.
pub(crate) fn seconds(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| PyValueError::new_err(format!("{seconds} is no number of seconds to wait")))
}

fn raise(py: Python<'_>, class: &PyOnceLock<Py<PyType>>, name: &str, text: String) -> PyErr {
    match class.import(py, "smtpgw.errors", name) {
        Ok(class) => PyErr::from_type(class.clone(), text),
        Err(_) => PyRuntimeError::new_err(text),
    }
}

/// An exception of a hook for records: type, message, and the line that it came from.
pub(crate) fn describe(error: &Bound<'_, PyAny>) -> String {
    let class = error.get_type();
    let name = class.qualname().map_or_else(|_| "an exception".to_owned(), |name| lossy(&name));
    let text = match error.str() {
        Ok(text) => lossy(&text),
        Err(_) => "its text cannot be had: str() raises as well".to_owned(),
    };
    let mut line = name;
    if !text.is_empty() {
        line.push_str(": ");
        line.push_str(shorten(&text, TEXT_AT_MOST));
    }
    if let Some(place) = place(error) {
        line.push_str(" (");
        line.push_str(shorten(&place, TEXT_AT_MOST));
        line.push(')');
    }
    line
}

/// `file:line` of the hook's own file, and of the frame that raised if that is in another one: the line that called a
/// library says more to whoever wrote it than the library's. The first frame is that of the worker that called the
/// hook.
fn place(error: &Bound<'_, PyAny>) -> Option<String> {
    let mut traceback = error.getattr("__traceback__").ok()?.cast_into::<PyTraceback>().ok()?.into_any();
    let worker = file_of(&traceback)?;
    let mut own: Option<(String, usize)> = None;
    // The interpreter bounds how deep a traceback gets.
    let innermost = loop {
        let (file, line) = (file_of(&traceback)?, traceback.getattr("tb_lineno").ok()?.extract().ok()?);
        if own.as_ref().map_or(file != worker, |(hook, _)| file == *hook) {
            own = Some((file.clone(), line));
        }
        match traceback.getattr("tb_next") {
            Ok(next) if !next.is_none() => traceback = next,
            _ => break (file, line),
        }
    };
    let shown = |(file, line): (String, usize)| format!("{file}:{line}");
    Some(match own {
        Some(own) if own.0 != innermost.0 => format!("{}, in {}", shown(own), shown(innermost)),
        _ => shown(innermost),
    })
}

fn file_of(traceback: &Bound<'_, PyAny>) -> Option<String> {
    let file = traceback.getattr("tb_frame").ok()?.getattr("f_code").ok()?.getattr("co_filename").ok()?;
    Some(lossy(file.cast::<PyString>().ok()?))
}

/// Text, with what is no Unicode replaced.
pub(crate) fn lossy(text: &Bound<'_, PyString>) -> String {
    text.to_string_lossy().into_owned()
}

/// The first `at_most` octets of `text`, cut between characters.
pub(crate) fn shorten(text: &str, at_most: usize) -> &str {
    &text[..text.floor_char_boundary(at_most)]
}

/// Octets of an exception's text in a record: some libraries put whole documents into theirs.
const TEXT_AT_MOST: usize = 500;
