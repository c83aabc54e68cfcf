use guest::{Config, Value, text};

/// How many rules each list of the configuration may have.
const RULES_MAX: usize = 512;

/// What the operator configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) subscriptions: Vec<Rule>,
    pub(crate) requests: Vec<Rule>,
}

/// Whom a rule is about, and what it says. Each list of patterns that is empty fits everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rule {
    applications: Vec<String>,
    ports: Vec<String>,
    dns: Vec<String>,
    /// Names of requests, or kinds of subscriptions.
    names: Vec<String>,
    /// The error code of those that are refused.
    pub(crate) refuse: Option<u16>,
    pub(crate) events: Vec<String>,
    pub(crate) without: Vec<String>,
    pub(crate) call_types: Vec<String>,
    pub(crate) group: Option<String>,
}

/// What a rule is compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) application: &'a str,
    pub(crate) port: &'a str,
    pub(crate) dn: &'a str,
    pub(crate) name: &'a str,
}

/// The error code of a refusal that names none: the client is not authorised.
pub(crate) const NOT_AUTHORISED: u16 = 1016;

impl Rules {
    /// Reads the rules.
    ///
    /// # Errors
    ///
    /// A sentence for the operator: which key, and what to write.
    pub(crate) fn read(config: &Config) -> Result<Self, String> {
        Ok(Self {
            subscriptions: rules(config, "subscriptions", Rule::of_subscriptions)?,
            requests: rules(config, "requests", Rule::of_requests)?,
        })
    }
}

/// The first rule that fits.
pub(crate) fn first<'a>(rules: &'a [Rule], asked: Asked<'_>) -> Option<&'a Rule> {
    rules.iter().find(|rule| rule.fits(asked))
}

impl Rule {
    fn fits(&self, asked: Asked<'_>) -> bool {
        let Asked { application, port, dn, name } = asked;
        let pairs = [
            (&self.applications, application),
            (&self.ports, port),
            (&self.dns, dn),
            (&self.names, name),
        ];
        pairs.into_iter().all(|(patterns, text)| {
            patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, text))
        })
    }

    fn of_subscriptions(&mut self, key: &str, value: Value) -> Result<(), &'static str> {
        match key {
            "kinds" => {
                self.names = names(value, |name| matches!(name, "dn" | "all-dns" | "calls"))
                    .ok_or("write any of \"dn\", \"all-dns\" and \"calls\"")?
            }
            "events" => self.events = events(value)?,
            "without" => self.without = events(value)?,
            "call-types" => self.call_types = patterns(value)?,
            "group" => {
                let group = value.into_text().filter(|name| !name.is_empty());
                self.group = Some(group.ok_or("write the name of a group")?);
            }
            _ => return Err("no rule of subscriptions has it; README.md lists the keys"),
        }
        Ok(())
    }

    fn of_requests(&mut self, key: &str, value: Value) -> Result<(), &'static str> {
        match key {
            "names" => {
                self.names = names(value, |name| name.starts_with("Request")).ok_or(
                    "write names of requests, as in [\"RequestMakeCall\"] or [\"RequestAgent*\"]",
                )?
            }
            _ => return Err("no rule of requests has it; README.md lists the keys"),
        }
        Ok(())
    }
}

/// Whether a pattern, which may end in `*`, fits.
fn matches(pattern: &str, text: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == text, |prefix| text.starts_with(prefix))
}

fn rules(
    config: &Config,
    list: &str,
    own: fn(&mut Rule, &str, Value) -> Result<(), &'static str>,
) -> Result<Vec<Rule>, String> {
    let Some(json) = config.text(list) else { return Ok(Vec::new()) };
    let Some(Value::List(entries)) = Value::parse(&json) else {
        return Err(wrong(list, "write a list of rules"));
    };
    if entries.len() > RULES_MAX {
        return Err(wrong(list, "write 512 rules at most"));
    }
    let read = |entry: Value| {
        let rows = entry.into_table().ok_or_else(|| wrong(list, "write each rule as a table"))?;
        let mut rule = Rule::default();
        for (key, value) in rows {
            let taken = match key.as_str() {
                "applications" => patterns(value).map(|list| rule.applications = list),
                "ports" => names(value, |name| {
                    matches!(name, "default" | "TCport" | "IPport" | "SmartProxy")
                })
                .map(|list| rule.ports = list)
                .ok_or("write any of \"default\", \"TCport\", \"IPport\" and \"SmartProxy\""),
                "dns" => patterns(value).map(|list| rule.dns = list),
                "refuse" => refusal(&value).map(|code| rule.refuse = code),
                key => own(&mut rule, key, value),
            };
            taken.map_err(|remedy| wrong(&text(&[list, ".", &key]), remedy))?;
        }
        Ok(rule)
    };
    entries.into_iter().map(read).collect()
}

/// `true` for the common error code, or another.
fn refusal(value: &Value) -> Result<Option<u16>, &'static str> {
    match value {
        Value::Bool(true) => Ok(Some(NOT_AUTHORISED)),
        Value::Bool(false) => Ok(None),
        Value::Number(code) => {
            let code = code.parse().ok().filter(|code| (1..=9999).contains(code));
            code.map(Some).ok_or("write an error code of EventError, 1 to 9999, or true")
        }
        _ => Err("write an error code of EventError, 1 to 9999, or true"),
    }
}

fn patterns(value: Value) -> Result<Vec<String>, &'static str> {
    let texts = value.into_texts().filter(|texts| !texts.is_empty());
    texts.ok_or("write a text or a list of texts, one at least; without the key everything fits")
}

fn names(value: Value, is_one: impl Fn(&str) -> bool) -> Option<Vec<String>> {
    // None is not nothing but everything, which nobody means who writes an empty list.
    value.into_texts().filter(|names| !names.is_empty() && names.iter().all(|name| is_one(name)))
}

fn events(value: Value) -> Result<Vec<String>, &'static str> {
    names(value, |name| name.starts_with("Event"))
        .ok_or("write whole names of events, as in [\"EventRinging\"]")
}

fn wrong(key: &str, remedy: &str) -> String {
    text(&["config key ", key, ": ", remedy])
}

#[cfg(test)]
#[path = "rules_test.rs"]
mod tests;
