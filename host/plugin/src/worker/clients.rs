//! The chains of the hooks about T-Library clients and the owners of DNs: who is asked, and what becomes of several answers.

use std::sync::Arc;

use model::{
    Moment,
    hook::{Ask, ClientRequest, Decision, Hook, Question, Reason, StepOutcome, Verdict},
};

use super::{Worker, answered};
use crate::{
    proposal::{Checked, Ruling},
    tables::HookTable,
};

/// The error code of EventError where a plugin failed and no other decided: the client is not authorised.
pub(super) const NOT_AUTHORISED: u16 = 1016;

impl Worker {
    /// Hooks `dn-owner` and `fan-out`: the first that decides. Where none does and one failed, `otherwise` stands.
    pub(super) fn decide_or(
        &mut self,
        table: &HookTable,
        question: &Question,
        moment: Moment,
        otherwise: Verdict,
    ) -> (Verdict, Decision) {
        let (verdict, decision) = self.decide(table, question, moment);
        match verdict {
            Verdict::BuiltIn => left_open(decision, otherwise),
            verdict => (verdict, decision),
        }
    }

    /// Hook `authorise-request`: each plugin sees what those before it changed, until one says that the client may, or may not. Where none
    /// does and one failed, it may not, whatever others changed: nobody has said that it may.
    pub(super) fn authorise(
        &mut self,
        table: &HookTable,
        question: &Question,
        moment: Moment,
        request: &Arc<ClientRequest>,
    ) -> (Verdict, Decision) {
        let chain = table.chain(Hook::AuthoriseRequest);
        let mut decision = Decision::of(Hook::AuthoriseRequest, chain.len());
        let mut question = question.clone();
        let mut request = Arc::clone(request);
        let mut changed = Vec::new();
        for post in chain {
            let Some(checked) = self.put(post, &question, moment, &mut decision) else { continue };
            let Checked { ruling, reasons } = checked;
            match ruling {
                Ruling::Pass | Ruling::Amend(_) | Ruling::Edit(_) | Ruling::Command(_) => {}
                Ruling::Change(changes) => {
                    decision.decided_by = answered(&decision);
                    decision.reasons.extend(reasons);
                    Arc::make_mut(&mut request).change(&changes);
                    question.ask = Ask::AuthoriseRequest(Arc::clone(&request));
                    merge(&mut changed, changes);
                }
                Ruling::Decide(verdict) => {
                    decision.decided_by = answered(&decision);
                    decision.reasons.extend(reasons);
                    let is_allowed = matches!(verdict, Verdict::Authorised(_));
                    let verdict = if is_allowed { Verdict::Authorised(changed) } else { verdict };
                    return (verdict, decision);
                }
            }
        }
        if decision.has_failed() {
            return left_open(decision, Verdict::Refuse(NOT_AUTHORISED));
        }
        let verdict =
            if changed.is_empty() { Verdict::BuiltIn } else { Verdict::Authorised(changed) };
        (verdict, decision)
    }
}

/// Nobody has decided: what stands below the last plugin, or this if one failed.
fn left_open(mut decision: Decision, otherwise: Verdict) -> (Verdict, Decision) {
    if !decision.has_failed() {
        return (Verdict::BuiltIn, decision);
    }
    let failed = decision.steps.iter().find_map(|step| match &step.outcome {
        StepOutcome::Failed(failure) => Some((&step.generation, failure)),
        StepOutcome::Passed | StepOutcome::Amended | StepOutcome::Decided => None,
    });
    if let Some((generation, failure)) = failed {
        let text = format!(
            "{generation} failed ({}) and no other plugin decided: {otherwise}",
            failure.kind.name()
        );
        decision.decided_by = None;
        decision.reasons.push(Reason { code: "plugin-failed".into(), text });
    }
    (otherwise, decision)
}

/// Adds changes to those that were made before; of an attribute the last one counts.
fn merge(changed: &mut Vec<(String, String)>, changes: Vec<(String, String)>) {
    for (name, value) in changes {
        match changed.iter_mut().find(|(have, _)| *have == name) {
            Some((_, have)) => *have = value,
            None => changed.push((name, value)),
        }
    }
}
