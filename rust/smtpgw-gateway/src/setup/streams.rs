//! What `relay = "stream"` cannot do, refused at the start; the configuration's own check names all of it at once.

use crate::error::StartError;
use crate::inspect::InspectorInfo;
use crate::settings::{Relay, Settings, Unscanned, UnscannedAction};

/// What goes to a backend before the verdict can carry nothing that the verdict puts on top: neither the name of what
/// was not scanned, nor points.
pub(super) fn check(settings: &Settings, roster: &[InspectorInfo]) -> Result<(), StartError> {
    let streams = settings.backend.iter().find(|(_, backend)| backend.relay == Relay::Stream);
    let Some((name, backend)) = streams else { return Ok(()) };
    if backend.address.starts_with("maildir:") {
        return Err(StartError::settings(format!("backend.{name}.relay"), "a Maildir takes whole messages only"));
    }
    let action = |reason: &Unscanned| settings.decode.unscanned.get(reason).copied().unwrap_or(reason.default_action());
    if let Some(reason) = Unscanned::ALL.iter().find(|reason| action(reason) == UnscannedAction::Tag) {
        let path = format!("decode.unscanned.{}", reason.name());
        return Err(StartError::settings(path, format!("no message to backend.{name}, which streams, can be tagged")));
    }
    if roster.iter().any(|info| info.scores) && settings.verdict.tag_score < settings.verdict.reject_score {
        let reason = format!("no message to backend.{name}, which streams, can be tagged; set it to reject_score");
        return Err(StartError::settings("verdict.tag_score", reason));
    }
    Ok(())
}
