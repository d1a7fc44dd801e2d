//! The inspectors as Python registered them, and how a call of the gateway becomes the arguments of a hook.
//!
//! Hooks are called by keyword and get what they name, nothing else: an object that no hook takes is not made.

use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use smtpgw_gateway::inspect::{Call, Hooks, InspectorInfo, Mode, Subject};
use smtpgw_gateway::message;

use crate::message::Message;
use crate::part::Part;
use crate::session::Session;
use crate::verdict::action;

/// All inspectors, in the order in which they are asked.
pub(crate) struct Roster {
    infos: Vec<InspectorInfo>,
    hooks: Vec<HooksOf>,
    names: Arc<[String]>,
}

struct HooksOf {
    connect: Option<Hook>,
    recipient: Option<Hook>,
    part: Option<Hook>,
    message: Option<Hook>,
}

/// One hook of one inspector.
pub(crate) struct Hook {
    /// The bound method.
    pub(crate) callable: Py<PyAny>,
    /// Whether it returns an awaitable.
    pub(crate) awaited: bool,
    arguments: Vec<Argument>,
}

#[derive(Clone, Copy)]
enum Argument {
    Session,
    ReversePath,
    ForwardPath,
    Part,
    Message,
}

impl Roster {
    /// Reads `smtpgw.inspector.RosterEntry` objects.
    pub(crate) fn read(entries: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (mut infos, mut hooks) = (Vec::new(), Vec::new());
        for entry in entries.try_iter()? {
            let entry = entry?;
            let of = HooksOf {
                connect: Hook::read(&entry, "on_connect")?,
                recipient: Hook::read(&entry, "on_recipient")?,
                part: Hook::read(&entry, "on_part")?,
                message: Hook::read(&entry, "on_message")?,
            };
            infos.push(info(&entry, &of)?);
            hooks.push(of);
        }
        let names = infos.iter().map(|info| info.name.clone()).collect();
        Ok(Self { infos, hooks, names })
    }

    /// Names of the inspectors.
    pub(crate) fn names(&self) -> &Arc<[String]> {
        &self.names
    }

    pub(crate) fn infos(&self) -> &[InspectorInfo] {
        &self.infos
    }

    /// The hook that `call` asks for. The gateway asks for none that an inspector does not have.
    pub(crate) fn hook(&self, call: &Call) -> Option<&Hook> {
        let of = self.hooks.get(call.inspector)?;
        match call.subject {
            Subject::Connect(_) => of.connect.as_ref(),
            Subject::Recipient { .. } => of.recipient.as_ref(),
            Subject::Part(..) => of.part.as_ref(),
            Subject::Message(_) => of.message.as_ref(),
        }
    }

    /// `inspector.on_part`, for people.
    pub(crate) fn name_of(&self, call: &Call) -> String {
        let name = self.infos.get(call.inspector).map_or("?", |info| &info.name);
        let hook = match call.subject {
            Subject::Connect(_) => "on_connect",
            Subject::Recipient { .. } => "on_recipient",
            Subject::Part(..) => "on_part",
            Subject::Message(_) => "on_message",
        };
        format!("{name}.{hook}")
    }
}

fn info(entry: &Bound<'_, PyAny>, of: &HooksOf) -> PyResult<InspectorInfo> {
    let name: String = entry.getattr("name")?.extract()?;
    let wrong = |what: &str, value: &str| PyValueError::new_err(format!("inspector {name}: {what}: {value:?}"));
    let text = |key: &str| -> PyResult<String> { entry.getattr(key)?.extract() };
    let policy = |key: &str| -> PyResult<_> {
        let value = text(key)?;
        action(&value).ok_or_else(|| wrong(key, &value))
    };
    let mode = match text("mode")?.as_str() {
        "enforce" => Mode::Enforce,
        "shadow" => Mode::Shadow,
        other => return Err(wrong("mode", other)),
    };
    let timeout: f64 = entry.getattr("timeout_s")?.extract()?;
    let timeout = Duration::try_from_secs_f64(timeout).map_err(|_| wrong("timeout_s", &timeout.to_string()))?;
    let all = [&of.connect, &of.recipient, &of.part, &of.message];
    Ok(InspectorInfo {
        mode,
        timeout,
        on_error: policy("on_error")?,
        on_timeout: policy("on_timeout")?,
        hooks: Hooks {
            connect: of.connect.is_some(),
            recipient: of.recipient.is_some(),
            part: of.part.is_some(),
            message: of.message.is_some(),
        },
        asynchronous: all.into_iter().flatten().any(|hook| hook.awaited),
        largest: entry.getattr_opt("largest")?.map_or(Ok(None), |largest| largest.extract())?,
        scores: entry.getattr_opt("scores")?.map_or(Ok(false), |scores| scores.is_truthy())?,
        name,
    })
}

impl Hook {
    fn read(entry: &Bound<'_, PyAny>, name: &str) -> PyResult<Option<Self>> {
        let hook = entry.getattr(name)?;
        if hook.is_none() {
            return Ok(None);
        }
        let (callable, wanted, awaited): (Py<PyAny>, Vec<String>, bool) = hook.extract()?;
        let arguments = wanted.iter().map(|name| Argument::of(name)).collect::<PyResult<_>>()?;
        Ok(Some(Self { callable, awaited, arguments }))
    }

    /// What Python calls it with.
    pub(crate) fn arguments<'py>(
        &self,
        py: Python<'py>,
        subject: &Subject,
        shown: &mut Shown,
    ) -> PyResult<(Shape, Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let value = |argument: Argument, shown: &mut Shown| -> PyResult<Bound<'py, PyAny>> {
            Ok(match (argument, subject) {
                (Argument::Session, Subject::Connect(session) | Subject::Recipient { session, .. }) => {
                    Bound::new(py, Session(Arc::clone(session)))?.into_any()
                }
                (Argument::ReversePath, Subject::Recipient { reverse_path, .. }) => {
                    PyString::new(py, reverse_path).into_any()
                }
                (Argument::ForwardPath, Subject::Recipient { forward_path, .. }) => {
                    PyString::new(py, forward_path).into_any()
                }
                (Argument::Part, Subject::Part(part, message)) => shown.part(py, part, message)?.into_any(),
                (Argument::Message, Subject::Part(_, message) | Subject::Message(message)) => {
                    shown.message(py, message)?.clone().into_any()
                }
                // Registration lets no such hook through.
                _ => {
                    let name = argument.name(py);
                    return Err(PyValueError::new_err(format!("there is no {name} to give to this hook")));
                }
            })
        };
        let nothing = || py.None().into_bound(py);
        Ok(match *self.arguments {
            [Argument::Part] => (Shape::Part, value(Argument::Part, shown)?, nothing()),
            [Argument::Message] => (Shape::Message, value(Argument::Message, shown)?, nothing()),
            [Argument::Part, Argument::Message] | [Argument::Message, Argument::Part] => {
                (Shape::PartAndMessage, value(Argument::Part, shown)?, value(Argument::Message, shown)?)
            }
            ref others => {
                let keywords = PyDict::new(py);
                for argument in others {
                    keywords.set_item(argument.name(py), value(*argument, shown)?)?;
                }
                (Shape::Keywords, keywords.into_any(), nothing())
            }
        })
    }
}

/// How Python calls a hook. The first three are the hooks that are called once for every part and every message:
/// written out, such a call costs half as much as one with a dictionary of keywords.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// `hook(**first)`
    Keywords = 0,
    /// `hook(part=first)`
    Part = 1,
    /// `hook(message=first)`
    Message = 2,
    /// `hook(part=first, message=second)`
    PartAndMessage = 3,
}

impl Argument {
    fn of(name: &str) -> PyResult<Self> {
        Ok(match name {
            "session" => Self::Session,
            "reverse_path" => Self::ReversePath,
            "forward_path" => Self::ForwardPath,
            "part" => Self::Part,
            "message" => Self::Message,
            _ => return Err(PyValueError::new_err(format!("no hook has a parameter {name:?}"))),
        })
    }

    fn name<'py>(self, py: Python<'py>) -> &'py Bound<'py, PyString> {
        match self {
            Self::Session => pyo3::intern!(py, "session"),
            Self::ReversePath => pyo3::intern!(py, "reverse_path"),
            Self::ForwardPath => pyo3::intern!(py, "forward_path"),
            Self::Part => pyo3::intern!(py, "part"),
            Self::Message => pyo3::intern!(py, "message"),
        }
    }
}

/// The objects that the hooks of one batch are shown. Let go with the batch: an idle worker keeps no message.
#[derive(Default)]
pub(crate) struct Shown {
    /// Names of the inspectors, in the order of the roster.
    pub(crate) names: Arc<[String]>,
    message: Option<Py<Message>>,
    /// The latest part, which several inspectors are asked about one after the other.
    part: Option<Py<Part>>,
}

impl Shown {
    fn message<'py>(&mut self, py: Python<'py>, message: &Arc<message::Message>) -> PyResult<&Bound<'py, Message>> {
        if !self.message.as_ref().is_some_and(|known| known.get().is(message)) {
            self.message = Some(Py::new(py, Message::new(Arc::clone(message), Arc::clone(&self.names)))?);
        }
        let known = self.message.as_ref().map(|known| known.bind(py));
        known.ok_or_else(|| PyValueError::new_err("no message"))
    }

    fn part<'py>(
        &mut self,
        py: Python<'py>,
        part: &Arc<message::Part>,
        message: &Arc<message::Message>,
    ) -> PyResult<Bound<'py, Part>> {
        if let Some(known) = self.part.as_ref().filter(|known| Arc::ptr_eq(&known.get().part, part)) {
            return Ok(known.bind(py).clone());
        }
        let object = self.message(py, message)?.get().part(py, part)?;
        self.part = Some(object.clone().unbind());
        Ok(object)
    }
}
