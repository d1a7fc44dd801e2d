//! How many opinions become one decision: what happens to a message, and why.
//!
//! The order is reject > quarantine > discard > defer > accept; scores add up and meet the thresholds. Folding is a
//! pure function of the opinions and the policy, so that every decision can answer "why?": the winner is kept with
//! the name of its inspector and its reason.

use std::collections::BTreeSet;

use crate::inspect::{InspectorInfo, Mode};
use crate::inspection::{Failure, Opinion};
use crate::settings::{Settings, Unscanned, UnscannedAction};
use crate::verdict::{Action, Verdict};

/// What becomes of a message, and why.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decision {
    pub(crate) action: Action,
    /// Who decided: an inspector's name, `score`, `unscanned`; empty for a plain accept.
    pub(crate) by: String,
    /// Why, for records.
    pub(crate) reason: String,
    /// Whether it is so because an inspector failed.
    pub(crate) for_a_failure: bool,
    /// Text of the reply, if the decider gave one.
    pub(crate) reply: Option<String>,
    /// Sum of the enforced points.
    pub(crate) points: f64,
    /// What gave points, in the order of the roster.
    pub(crate) symbols: Vec<(String, f64)>,
    /// Header fields that inspectors add.
    pub(crate) header: Vec<(String, String)>,
    /// Reasons that are to be named in a header field of the relayed message.
    pub(crate) tags: Vec<Unscanned>,
}

/// Folds the opinions: the strongest action wins, the first among equals gives the reason; points add up and meet
/// the thresholds; what could not be scanned meets its own action. Opinions of shadow inspectors never count.
pub(crate) fn fold(
    opinions: &[Opinion],
    roster: &[InspectorInfo],
    unscanned: &BTreeSet<Unscanned>,
    settings: &Settings,
) -> Decision {
    let mut decision = Decision {
        action: Action::Accept,
        by: String::new(),
        reason: String::new(),
        for_a_failure: false,
        reply: None,
        points: 0.0,
        symbols: Vec::new(),
        header: Vec::new(),
        tags: Vec::new(),
    };
    for opinion in opinions {
        let info = &roster[opinion.inspector];
        if info.mode == Mode::Shadow {
            continue;
        }
        match &opinion.result {
            Ok(verdicts) => verdicts.iter().for_each(|verdict| decision.hear(info, verdict, settings)),
            // What it does not look at is unscanned, and that has an action of its own.
            Err(Failure::TooLarge) => {}
            Err(failure) => {
                let action = match failure {
                    Failure::TimedOut => info.on_timeout,
                    Failure::Raised(_) | Failure::CircuitOpen | Failure::TooLarge => info.on_error,
                };
                decision.for_a_failure |= decision.raise_to(action, &info.name, failure.text());
            }
        }
    }
    if decision.points >= settings.verdict.reject_score {
        let reason = format!("{:.1} points of {:.1}", decision.points, settings.verdict.reject_score);
        decision.raise_to(Action::Reject, "score", &reason);
    }
    for reason in unscanned {
        let action = match settings.decode.unscanned.get(reason).copied().unwrap_or(reason.default_action()) {
            UnscannedAction::Reject => Action::Reject,
            UnscannedAction::Quarantine => Action::Quarantine,
            UnscannedAction::Defer => Action::Defer,
            UnscannedAction::Tag => {
                decision.tags.push(*reason);
                Action::Accept
            }
            UnscannedAction::Accept => Action::Accept,
        };
        decision.raise_to(action, "unscanned", reason.name());
    }
    decision
}

impl Decision {
    fn hear(&mut self, info: &InspectorInfo, verdict: &Verdict, settings: &Settings) {
        if verdict.points != 0.0 && verdict.points.is_finite() {
            self.points += verdict.points;
            self.symbols.push((verdict.symbol.clone(), verdict.points));
        }
        self.header.extend(verdict.header.iter().cloned());
        let action = match verdict.action {
            // Throwing mail away must be switched on by name; until then the sender keeps it.
            Action::Discard if !settings.verdict.discard => Action::Defer,
            action => action,
        };
        if self.raise_to(action, &info.name, &verdict.reason) {
            self.reply.clone_from(&verdict.reply);
        }
    }

    fn raise_to(&mut self, action: Action, by: &str, reason: &str) -> bool {
        let stronger = action > self.action;
        if stronger {
            self.action = action;
            self.by = by.to_owned();
            self.reason = reason.to_owned();
            self.for_a_failure = false;
            self.reply = None;
        }
        stronger
    }

    /// Whether the message counts as spam.
    pub(crate) fn is_spam(&self, settings: &Settings) -> bool {
        self.points >= settings.verdict.tag_score
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::inspect::Hooks;
    use crate::inspection::About;

    fn info(name: &str, mode: Mode) -> InspectorInfo {
        InspectorInfo {
            name: name.into(),
            mode,
            timeout: Duration::from_secs(1),
            on_error: Action::Defer,
            on_timeout: Action::Quarantine,
            hooks: Hooks { message: true, ..Hooks::default() },
            asynchronous: false,
            scores: false,
            largest: None,
        }
    }

    fn opinion(inspector: usize, result: Result<Vec<Verdict>, Failure>) -> Opinion {
        Opinion { inspector, about: About::Message, result, elapsed: Duration::ZERO }
    }

    fn folded(results: Vec<Result<Vec<Verdict>, Failure>>, unscanned: &[Unscanned]) -> Decision {
        let roster: Vec<_> = (0..results.len()).map(|at| info(&format!("i{at}"), Mode::Enforce)).collect();
        let opinions: Vec<_> = results.into_iter().enumerate().map(|(at, result)| opinion(at, result)).collect();
        fold(&opinions, &roster, &unscanned.iter().copied().collect(), &Settings::default())
    }

    #[test]
    fn the_strongest_action_wins_and_names_its_inspector() {
        let order = [Action::Accept, Action::Defer, Action::Quarantine, Action::Reject];
        for (weaker, stronger) in order.iter().flat_map(|a| order.iter().map(move |b| (a.min(b), a.max(b)))) {
            let both = vec![Ok(vec![Verdict::new(*weaker, "w")]), Ok(vec![Verdict::new(*stronger, "s")])];
            let decision = folded(both, &[]);
            assert_eq!(decision.action, *stronger);
            if stronger > weaker {
                assert_eq!((decision.by.as_str(), decision.reason.as_str()), ("i1", "s"));
            }
        }
        assert!(Action::Discard < Action::Quarantine && Action::Discard > Action::Defer);
    }

    #[test]
    fn discard_defers_until_it_is_switched_on() {
        assert_eq!(folded(vec![Ok(vec![Verdict::new(Action::Discard, "")])], &[]).action, Action::Defer);
        let settings = Settings {
            verdict: crate::settings::VerdictPolicy { discard: true, ..Default::default() },
            ..Settings::default()
        };
        let opinions = [opinion(0, Ok(vec![Verdict::new(Action::Discard, "")]))];
        let decision = fold(&opinions, &[info("a", Mode::Enforce)], &BTreeSet::new(), &settings);
        assert_eq!(decision.action, Action::Discard);
    }

    #[test]
    fn points_add_up_and_meet_the_thresholds() {
        let points = |points| Ok(vec![Verdict { points, symbol: "S".into(), ..Verdict::new(Action::Accept, "") }]);
        let decision = folded(vec![points(8.0), points(7.0)], &[]);
        assert_eq!((decision.action, decision.by.as_str()), (Action::Reject, "score"));
        let decision = folded(vec![points(8.0), points(-1.5)], &[]);
        assert_eq!((decision.action, decision.points), (Action::Accept, 6.5));
        assert!(decision.is_spam(&Settings::default()));
        assert_eq!(folded(vec![points(f64::NAN), points(f64::INFINITY)], &[]).points, 0.0);
    }

    #[test]
    fn failures_follow_the_inspectors_own_policy() {
        assert_eq!(folded(vec![Err(Failure::Raised("x".into()))], &[]).action, Action::Defer);
        assert_eq!(folded(vec![Err(Failure::CircuitOpen)], &[]).action, Action::Defer);
        assert_eq!(folded(vec![Err(Failure::TimedOut)], &[]).action, Action::Quarantine);
    }

    #[test]
    fn shadow_opinions_never_count() {
        let reject = opinion(0, Ok(vec![Verdict { points: 99.0, ..Verdict::new(Action::Reject, "") }]));
        let failed = opinion(0, Err(Failure::TimedOut));
        let roster = [info("a", Mode::Shadow)];
        let decision = fold(&[reject, failed], &roster, &BTreeSet::new(), &Settings::default());
        assert_eq!((decision.action, decision.points), (Action::Accept, 0.0));
    }

    #[test]
    fn unscanned_is_never_silently_clean() {
        for reason in Unscanned::ALL {
            let decision = folded(vec![], &[reason]);
            assert!(decision.action > Action::Accept || decision.tags == [reason], "{reason:?}");
        }
    }
}
