//! What the plugins would do with a call.

use axum::{
    Json,
    extract::{RawQuery, State},
    http::StatusCode,
};

use super::{
    api::{Refusal, Shared},
    convert, view,
};
use crate::explain::{Rehearsal, Rehearsed};

pub(super) async fn explain(
    State(api): Shared,
    RawQuery(query): RawQuery,
) -> Result<Json<view::Explanation>, Refusal> {
    let what = rehearsal(&query.unwrap_or_default())
        .map_err(|what| Refusal::new(StatusCode::BAD_REQUEST, what))?;
    let rehearsed = api.reload.rehearse(what).await.ok_or_else(|| {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many reloads are waiting".to_owned())
    })?;
    let Rehearsed { caller, callee, emergency, decisions } =
        rehearsed.map_err(|what| Refusal::new(StatusCode::BAD_REQUEST, what))?;
    let decisions = decisions.into_iter().map(convert::verdict).collect();
    Ok(Json(view::Explanation { caller, callee, emergency, decisions }))
}

/// `to=…&from=…&trunk=…&header=Name: value`, the last as often as one likes.
fn rehearsal(query: &str) -> Result<Rehearsal, String> {
    let mut what = Rehearsal::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = value.into_owned();
        match &*name {
            "to" => what.to = value,
            "from" => what.from = Some(value),
            "trunk" => what.trunk = Some(value),
            "header" => {
                let (name, value) = value
                    .split_once(':')
                    .ok_or_else(|| format!("`header={value}`: write Name: value"))?;
                what.headers.push((name.trim().to_owned(), value.trim().to_owned()));
            }
            other => return Err(format!("`{other}` is not known; to, from, trunk and header are")),
        }
    }
    if what.to.is_empty() {
        return Err("`to` is missing: who is called".to_owned());
    }
    Ok(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_a_call() {
        let what = rehearsal("to=%2B43123&trunk=outside&header=X-Skill%3A+sales&header=Subject:hi");
        assert_eq!(
            what,
            Ok(Rehearsal {
                to: "+43123".to_owned(),
                from: None,
                trunk: Some("outside".to_owned()),
                headers: vec![
                    ("X-Skill".to_owned(), "sales".to_owned()),
                    ("Subject".to_owned(), "hi".to_owned())
                ],
            })
        );
        for wrong in ["", "from=1", "to=1&who=2", "to=1&header=none"] {
            assert!(rehearsal(wrong).is_err(), "{wrong}");
        }
    }
}
