//! From what a hook returned to verdicts.
//!
//! The workers' Python side has already made a tuple of any iterable, so nothing of the hook's own code runs here.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyMapping, PyString, PyTuple, PyType};
use smtpgw_gateway::verdict::{Action, Verdict};

use crate::errors::{describe, lossy, shorten};

/// What `None`, a `Verdict` or a tuple of `Verdict`s says; the error is for records.
pub(crate) fn verdicts(result: &Bound<'_, PyAny>) -> Result<Vec<Verdict>, String> {
    if result.is_none() {
        return Ok(Vec::new());
    }
    let Ok(several) = result.cast::<PyTuple>() else { return Ok(vec![verdict(result)?]) };
    if several.len() > VERDICTS_AT_MOST {
        return Err(format!("returned more than {VERDICTS_AT_MOST} verdicts from one call"));
    }
    several.iter_borrowed().map(|one| verdict(&one)).collect()
}

/// The action of that name.
pub(crate) fn action(name: &str) -> Option<Action> {
    Some(match name {
        "accept" => Action::Accept,
        "defer" => Action::Defer,
        "discard" => Action::Discard,
        "quarantine" => Action::Quarantine,
        "reject" => Action::Reject,
        _ => return None,
    })
}

fn verdict(object: &Bound<'_, PyAny>) -> Result<Verdict, String> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let py = object.py();
    let class = CLASS.import(py, "smtpgw.verdict", "Verdict").map_err(|error| describe(error.value(py)))?;
    if !object.is_instance(class).unwrap_or(false) {
        let name = object.get_type().qualname().map_or_else(|_| "something else".to_owned(), |name| lossy(&name));
        return Err(format!("returned {}, where None, a Verdict or an iterable of Verdicts is expected", name));
    }
    read(object).map_err(|error| format!("returned a broken Verdict: {}", describe(error.value(py))))
}

fn read(object: &Bound<'_, PyAny>) -> PyResult<Verdict> {
    let py = object.py();
    let name = text(&object.getattr(pyo3::intern!(py, "action"))?)?.unwrap_or_default();
    let action = action(&name)
        .ok_or_else(|| pyo3::exceptions::PyValueError::new_err(format!("{:?} is no action", shorten(&name, 50))))?;
    let short = |name: &Bound<'_, PyString>, at_most: usize| -> PyResult<Option<String>> {
        Ok(text(&object.getattr(name)?)?.map(|text| shorten(&text, at_most).to_owned()))
    };
    Ok(Verdict {
        action,
        reason: short(pyo3::intern!(py, "reason"), REASON_AT_MOST)?.unwrap_or_default(),
        points: object.getattr(pyo3::intern!(py, "points"))?.extract()?,
        symbol: short(pyo3::intern!(py, "symbol"), SYMBOL_AT_MOST)?.unwrap_or_default(),
        header: fields(&object.getattr(pyo3::intern!(py, "header"))?)?,
        reply: short(pyo3::intern!(py, "reply"), REPLY_AT_MOST)?,
    })
}

/// A string, or the value of an enumeration member that is one; what is no Unicode in it is replaced, because a
/// verdict must not get lost over the odd file name that it quotes.
fn text(object: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    if object.is_none() {
        return Ok(None);
    }
    if let Ok(text) = object.cast::<PyString>() {
        return Ok(Some(lossy(text)));
    }
    let value = object.getattr_opt(pyo3::intern!(object.py(), "value"))?;
    match value.as_ref().and_then(|value| value.cast::<PyString>().ok()) {
        Some(text) => Ok(Some(lossy(text))),
        None => Err(pyo3::exceptions::PyTypeError::new_err("text is expected")),
    }
}

/// Header fields from pairs or a mapping.
fn fields(header: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    if header.is_none() {
        return Ok(Vec::new());
    }
    let pairs = match header.cast::<PyMapping>() {
        Ok(mapping) => mapping.items()?.into_any(),
        Err(_) => header.clone(),
    };
    let mut fields = Vec::new();
    for pair in pairs.try_iter()? {
        let (name, value): (Bound<'_, PyString>, Bound<'_, PyString>) = pair?.extract()?;
        if fields.len() == FIELDS_AT_MOST {
            let reason = format!("more than {FIELDS_AT_MOST} header fields");
            return Err(pyo3::exceptions::PyValueError::new_err(reason));
        }
        fields.push((lossy(&name), lossy(&value)));
    }
    Ok(fields)
}

/// Verdicts of one call: a rule set gives some dozens; an endless generator must not eat the memory. The workers'
/// Python side stops one beyond this number.
pub(crate) const VERDICTS_AT_MOST: usize = 1_000;

/// Octets of a reason, which goes into records.
const REASON_AT_MOST: usize = 2_000;

/// Octets of a symbol, many of which go into one header field.
const SYMBOL_AT_MOST: usize = 100;

/// Octets of a reply's text; RFC 5321 §4.5.3.1.5 has 512 for a line, and the gateway folds.
const REPLY_AT_MOST: usize = 2_000;

/// Header fields of one verdict.
const FIELDS_AT_MOST: usize = 50;
