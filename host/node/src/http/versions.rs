//! Versions of plugins: what is tried for some calls, promoted, rolled back.

use axum::{
    Json,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use model::hook::Hook;
use plugin::{ArmStats, Diagnostic, RolledBack, Rollout, Share, TrialStatus, Word};
use serde::Deserialize;

use super::{
    api::{Refusal, Shared},
    convert, view,
};

#[derive(Deserialize)]
pub(super) struct ReloadQuery {
    id: Option<String>,
    /// A share of calls, as `5%`.
    canary: Option<String>,
    #[serde(default)]
    at_once: bool,
}

impl ReloadQuery {
    fn rollout(&self) -> Result<Rollout, Refusal> {
        let wrong = |what: String| Refusal::new(StatusCode::BAD_REQUEST, what);
        if self.id.is_none() && (self.canary.is_some() || self.at_once) {
            // It also brings back what was rolled back, which is nobody's wish for all at once.
            return Err(wrong(
                "`canary` and `at_once` are for one plugin: give its `id`".to_owned(),
            ));
        }
        match (&self.canary, self.at_once) {
            (None, false) => Ok(Rollout::AsItSays),
            (None, true) => Ok(Rollout::AtOnce),
            (Some(_), true) => Err(wrong("`canary` and `at_once` exclude each other".to_owned())),
            (Some(share), false) => {
                let share: Share = share.parse().map_err(wrong)?;
                Ok(Rollout::Canary(share.0))
            }
        }
    }
}

#[derive(Deserialize)]
pub(super) struct VersionQuery {
    id: String,
}

pub(super) fn busy() -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many reloads are waiting".to_owned())
}

pub(super) async fn reload(
    State(api): Shared,
    Query(query): Query<ReloadQuery>,
) -> Result<Response, Refusal> {
    let rollout = query.rollout()?;
    let id = query.id;
    let reports = api.reload.reload(id.clone(), rollout).await.ok_or_else(busy)?;
    if let Some(id) = id.filter(|_| reports.iter().all(|report| report.still_serving.is_none())) {
        return Err(Refusal::new(StatusCode::NOT_FOUND, format!("there is no plugin `{id}`")));
    }
    let reports: Vec<view::Reload> = reports.iter().map(convert::reload).collect();
    let refused = reports.iter().any(|report| report.refused.is_some());
    let status = if refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, Json(reports)).into_response())
}

#[derive(Deserialize)]
pub(super) struct PromoteQuery {
    id: String,
    #[serde(default)]
    anyway: bool,
    #[serde(default)]
    by: String,
    #[serde(default)]
    why: String,
}

pub(super) async fn promote(
    State(api): Shared,
    Query(query): Query<PromoteQuery>,
) -> Result<Json<view::Promotion>, Refusal> {
    let PromoteQuery { id, anyway, by, why } = query;
    if anyway && (by.trim().is_empty() || why.trim().is_empty()) {
        let what = "`anyway` says who and why: give `by` and `why`";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, what.to_owned()));
    }
    let anyway = anyway.then_some(Word { by, why });
    let promoted = api.reload.promote(id, anyway).await.ok_or_else(busy)?.map_err(conflict)?;
    Ok(Json(view::Promotion {
        serving: promoted.generation.to_string(),
        per_mille: promoted.per_mille,
        moved_to: promoted.moved_to,
        missing: promoted.missing,
        lost_writes: promoted.lost_writes,
    }))
}

pub(super) async fn roll_back(
    State(api): Shared,
    Query(VersionQuery { id }): Query<VersionQuery>,
) -> Result<Json<view::RolledBack>, Refusal> {
    let back = api.reload.roll_back(id).await.ok_or_else(busy)?;
    Ok(Json(rolled_back(&back.map_err(conflict)?)))
}

pub(super) fn conflict(why: Diagnostic) -> Refusal {
    Refusal::new(StatusCode::CONFLICT, why.to_string())
}

pub(super) fn rolled_back(back: &RolledBack) -> view::RolledBack {
    let asked = back.touched.iter().map(|(_, asked)| *asked);
    view::RolledBack {
        generation: back.generation.to_string(),
        why: back.why.clone(),
        serving: back.instead.to_string(),
        ago_s: back.at.elapsed().as_secs(),
        touched: asked.max().unwrap_or(0),
        lost_writes: back.lost_writes,
    }
}

pub(super) fn trial(trial: &TrialStatus) -> view::Trial {
    view::Trial {
        generation: trial.generation.to_string(),
        per_mille: trial.per_mille,
        lasts_s: trial.lasts.as_secs(),
        hooks: trial.hooks.iter().map(comparison).collect(),
    }
}

fn comparison((hook, new, old): &(Hook, ArmStats, ArmStats)) -> view::Comparison {
    let arm = |arm: &ArmStats| view::Arm {
        asked: arm.asked,
        refused: arm.refused,
        failed: arm.failed,
        p99_us: arm.p99_ns as f64 / 1000.0,
    };
    view::Comparison { hook: hook.name().to_owned(), candidate: arm(new), serving: arm(old) }
}
