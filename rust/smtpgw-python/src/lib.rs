//! `smtpgw._core`: the gateway for Python. Conversions only; no decision about SMTP, MIME or policy is made here.
//!
//! - `core`, `records`: the gateway itself, the offline scanner, and records for whoever asks.
//! - `crew`, `threads`, `tasks`, `seat`, `roster`: inspectors' hooks, called for the gateway's [`Inspect`]
//!   seam by threads of Python's own (rule P1).
//! - `session`, `message`, `part`, `header`, `buffer`: what hooks are shown; frozen, lazy, without copies.
//! - `verdict`, `errors`: what comes back.
//! - `urls`: the search for URLs, for inspectors.
//! - `make`, `rehearsal`: the same for tests without a gateway; `leaf`: the decoder by itself.
//!
//! The Python side is documented in `_core.pyi`. Exceptions are defined in Python.
//!
//! [`Inspect`]: smtpgw_gateway::inspect::Inspect

mod buffer;
mod core;
mod crew;
mod errors;
mod header;
mod leaf;
mod make;
mod message;
mod part;
mod records;
mod rehearsal;
mod roster;
mod seat;
mod session;
mod tasks;
mod threads;
mod urls;
mod verdict;

/// The extension module.
#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use crate::buffer::Buffer;
    #[pymodule_export]
    use crate::core::{Core, Scanner, examine, self_signed};
    #[pymodule_export]
    use crate::crew::{CrewHandle, Incident};
    #[pymodule_export]
    use crate::header::{Defect, Header};
    #[pymodule_export]
    use crate::leaf::decode;
    #[pymodule_export]
    use crate::make::{make_message, make_part};
    #[pymodule_export]
    use crate::message::Message;
    #[pymodule_export]
    use crate::part::Part;
    #[pymodule_export]
    use crate::rehearsal::rehearse;
    #[pymodule_export]
    use crate::session::{ClientCertificate, ClientHello, Envelope, Session, Tls};
    #[pymodule_export]
    use crate::tasks::{Loop, Task};
    #[pymodule_export]
    use crate::threads::Worker;
    #[pymodule_export]
    use crate::urls::{Hosts, carried_urls, find_urls, may_hold_page, may_lead_to, unescape};
}
