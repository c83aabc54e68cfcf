//! What a script keeps from question to question: the constant `state`.

use std::sync::Arc;

use rhai::{Dynamic, Engine, EvalAltResult, INT, ImmutableString, Map};

use super::verdict::error;
use crate::shelves;

/// So many keys a script gets when it does not say how many.
const LIST_MAX: INT = 100;

/// All that the plugin keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StateValue;

type Said<T> = Result<T, Box<EvalAltResult>>;

pub(crate) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<StateValue>("State")
        .register_fn("get", |_: StateValue, key: &str| -> Said<Dynamic> {
            Ok(shelves::get(key).map_err(error)?.map_or(Dynamic::UNIT, text))
        })
        .register_fn("get", |_: StateValue, key: &str, default: Dynamic| -> Said<Dynamic> {
            Ok(shelves::get(key).map_err(error)?.map_or(default, text))
        })
        .register_fn("set", |_: StateValue, key: &str, value: Dynamic| {
            shelves::set(key, &value.to_string()).map_err(error)
        })
        .register_fn("delete", |_: StateValue, key: &str| shelves::delete(key).map_err(error))
        .register_fn("increment", |_: StateValue, key: &str| {
            shelves::increment(key, 1).map_err(error)
        })
        .register_fn("increment", |_: StateValue, key: &str, by: INT| {
            shelves::increment(key, by).map_err(error)
        })
        .register_fn("list", |_: StateValue, prefix: &str| list(prefix, LIST_MAX))
        .register_fn("list", |_: StateValue, prefix: &str, most: INT| list(prefix, most));
}

fn list(prefix: &str, most: INT) -> Said<Map> {
    let most = usize::try_from(most).unwrap_or(0);
    let found = shelves::list(prefix, most).map_err(error)?;
    Ok(found.into_iter().map(|(key, value)| ((&*key).into(), text(value))).collect())
}

fn text(value: Arc<str>) -> Dynamic {
    ImmutableString::from(&*value).into()
}
