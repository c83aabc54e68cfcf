//! Events as text.

use jackfield_cti::Deliver;
use tlib::{Attribute, KvList, KvValue, Message, Value};

/// The number of an event, who gets it, what it says, and who asked for it.
pub(crate) fn delivered(deliver: &Deliver) -> String {
    let clients: Vec<String> = deliver.recipients().map(|client| format!("{client:?}")).collect();
    let asked = deliver
        .asked_by
        .map_or_else(String::new, |token| format!(" [{:?} ref {}]", token.client, token.reference));
    let event = &deliver.event;
    assert!(event.message().get(Attribute::TimeinSecs).is_some(), "an event has the time");
    let number = event.sequence().unwrap();
    format!("#{number} {}: {}{asked}", clients.join(" "), text(event.message()))
}

/// A message without the time.
pub(crate) fn text(message: &Message) -> String {
    let mut text = message.kind().name().to_owned();
    for (attribute, value) in message.attributes() {
        match attribute {
            Attribute::TimeinSecs | Attribute::TimeinuSecs => {}
            _ => text += &format!(" {}={}", attribute.name(), value_text(value)),
        }
    }
    text
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Int(number) => number.to_string(),
        Value::Id(id) => format!("{id:x}"),
        Value::Text(text) => text.to_string(),
        Value::Bytes(bytes) => format!("{:02x?}", bytes.to_vec()),
        Value::List(list) => list_text(list),
    }
}

fn list_text(list: &KvList) -> String {
    let pairs: Vec<String> = list
        .iter()
        .map(|pair| {
            let value = match &pair.value {
                KvValue::Text(text) | KvValue::Unicode(text) => format!("'{text}'"),
                KvValue::Int(number) => number.to_string(),
                KvValue::Binary(bytes) => format!("{bytes:?}"),
                KvValue::List(list) => list_text(list),
            };
            format!("{}={value}", pair.key)
        })
        .collect();
    format!("{{{}}}", pairs.join(" "))
}
