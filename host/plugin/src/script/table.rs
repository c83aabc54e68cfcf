use std::{collections::BTreeMap, sync::Arc};

use rhai::{Array, Dynamic, Engine, INT, ImmutableString, Map};

/// A map that never changes: the configuration, and the maps that a script's constants hold. Rhai would copy an ordinary map
/// each time a function mentions it.
#[derive(Clone, Debug)]
pub(crate) struct Table(Arc<BTreeMap<String, Dynamic>>);

impl Table {
    fn get(&self, key: &str) -> Dynamic {
        self.0.get(key).cloned().unwrap_or(Dynamic::UNIT)
    }
}

/// The configuration as a script sees it.
pub(crate) fn from_config(config: &toml::Table) -> Dynamic {
    let entries = config.iter().map(|(key, value)| (key.clone(), from_toml(value)));
    Dynamic::from(Table(Arc::new(entries.collect())))
}

/// A constant's value with each map in it made a table.
pub(crate) fn freeze(value: Dynamic) -> Dynamic {
    if value.is_map() {
        let map: Map = value.cast();
        let entries = map.into_iter().map(|(key, value)| (key.to_string(), freeze(value)));
        Dynamic::from(Table(Arc::new(entries.collect())))
    } else if value.is_array() {
        let array: Array = value.cast();
        array.into_iter().map(freeze).collect::<Array>().into()
    } else {
        value
    }
}

fn from_toml(value: &toml::Value) -> Dynamic {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(flag) => (*flag).into(),
        toml::Value::Datetime(moment) => moment.to_string().into(),
        toml::Value::Array(list) => list.iter().map(from_toml).collect::<Array>().into(),
        toml::Value::Table(table) => from_config(table),
    }
}

pub(crate) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Table>("Table")
        .register_indexer_get(|table: &mut Table, key: &str| table.get(key))
        .register_fn("get", |table: Table, key: &str| table.get(key))
        .register_fn("contains", |table: Table, key: &str| table.0.contains_key(key))
        .register_get("len", |table: &mut Table| size(table))
        .register_fn("len", |table: Table| size(&table))
        .register_fn("is_empty", |table: Table| table.0.is_empty())
        .register_fn("keys", |table: Table| {
            table.0.keys().map(|key| ImmutableString::from(key).into()).collect::<Array>()
        })
        .register_fn("values", |table: Table| table.0.values().cloned().collect::<Array>())
        .register_fn("to_string", |table: Table| format!("{:?}", table.0));
}

fn size(table: &Table) -> INT {
    INT::try_from(table.0.len()).unwrap_or(INT::MAX)
}
