//! Voice messages that wait for users: an application says how many, phones are told (RFC 3842).

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use model::{Aor, Directory as _, Membership, MessageCount};
use serde::Deserialize;
use switch::Word;

use super::{
    api::{Api, Page, Refusal, Shared},
    view,
};
use crate::worker::{self, Mail};

/// What is said of a user; what is left out is 0.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub(super) struct Said {
    new: u32,
    old: u32,
    urgent_new: u32,
    urgent_old: u32,
}

pub(super) async fn list(
    State(api): Shared,
    Query(page): Query<Page>,
) -> Json<Vec<view::Messages>> {
    let all = api.directory.messages().list(page.limit());
    let view = |(aor, count): (Aor, MessageCount)| view::Messages {
        aor: aor.to_string(),
        new: count.new,
        old: count.old,
        urgent_new: count.urgent_new,
        urgent_old: count.urgent_old,
    };
    Json(all.into_iter().map(view).collect())
}

pub(super) async fn set(
    State(api): Shared,
    Path(text): Path<String>,
    Query(said): Query<Said>,
) -> Result<StatusCode, Refusal> {
    let (user, host) = text.rsplit_once('@').unwrap_or_default();
    let aor = Aor::new(user, host);
    if api.directory.membership(&aor) != Membership::Subscriber {
        let what = format!("{text} is no user of this switch; write user@domain");
        return Err(Refusal::new(StatusCode::NOT_FOUND, what));
    }
    let Said { new, old, urgent_new, urgent_old } = said;
    let count = MessageCount { new, old, urgent_new, urgent_old };
    api.directory.messages().set(aor.clone(), count, api.mailboxes.1).map_err(|_| {
        let what = "as many users have messages as events.mailboxes_max allows".to_owned();
        Refusal::new(StatusCode::INSUFFICIENT_STORAGE, what)
    })?;
    tell(&api, &aor);
    store(&api, aor, count).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Has every worker tell its phones.
fn tell(api: &Arc<Api>, aor: &Aor) {
    for postbox in &api.postboxes {
        // A worker with no room tells with the next renewal.
        let _ =
            postbox.post(Mail::Told(vec![worker::Said::Word(Word::Changed { aor: aor.clone() })]));
    }
}

async fn store(api: &Arc<Api>, aor: Aor, count: MessageCount) -> Result<(), Refusal> {
    let (Some(store), _) = &api.mailboxes else { return Ok(()) };
    let failed = || {
        let what = "phones were told, but the store did not take it: after a restart it is gone";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, what.to_owned())
    };
    let stored = store.count(aor, count).ok_or_else(failed)?;
    match tokio::time::timeout(api.timeout, stored).await {
        Ok(Ok(true)) => Ok(()),
        Ok(_) | Err(_) => Err(failed()),
    }
}
