use std::{collections::BTreeMap, sync::Arc};

use cti::{Dn, DnType};
use model::Aor;
use serde::{Deserialize, Serialize};
use switch::DeviceConfig;

/// `[[dn]]`: a device that T-Library clients know by its number, or several of a kind. `docs/cti.md` lists the options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DnSection {
    /// Its number, the user of its address-of-record: `"2001"`. Of several a list, in which a range may stand: `["2000-2199", "2300"]`. Required.
    pub number: Numbers,
    /// What it is: `extension` (a phone, with or without an agent), `routing-point` (calls wait there for a routing client), `virtual-queue`,
    /// `trunk` or `voip-service`.
    pub r#type: String,
    /// `"*"` for a phone that registers: who has its registration owns the DN. Anything else, for agents on phones of other networks: the first
    /// application owns it that may; where `oos-check` says that its device is checked, it is where that is: `"sip:HOST"`, `"HOST:PORT"`.
    pub contact: String,
    /// Its options by name, as text: `{ wrap-up-time = "30" }`.
    pub options: BTreeMap<String, String>,
}

/// One number or several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Numbers {
    /// One.
    One(String),
    /// Several, with ranges.
    Many(Vec<String>),
}

/// DNs that one range may stand for.
const RANGE_MAX: u64 = 100_000;

impl Default for DnSection {
    fn default() -> Self {
        Self {
            number: Numbers::Many(Vec::new()),
            r#type: "extension".to_owned(),
            contact: "*".to_owned(),
            options: BTreeMap::new(),
        }
    }
}

impl DnSection {
    fn texts(&self) -> &[String] {
        match &self.number {
            Numbers::One(one) => std::slice::from_ref(one),
            Numbers::Many(many) => many,
        }
    }

    /// The DNs; what cannot be read is left out, which the check of the configuration does not let by.
    pub(crate) fn to_dns(&self) -> Vec<Dn> {
        let kind = DnType::named(&self.r#type).unwrap_or(DnType::Extension);
        let pair = |(name, value): (&String, &String)| {
            (Arc::from(name.as_str()), Arc::from(value.as_str()))
        };
        let options: BTreeMap<Arc<str>, Arc<str>> = self.options.iter().map(pair).collect();
        let numbers = self.texts().iter().filter_map(|text| range(text).ok()).flatten();
        numbers
            .map(|number| Dn {
                number: number.into(),
                kind,
                sip_owned: self.contact == "*",
                options: options.clone(),
            })
            .collect()
    }
}

impl DnSection {
    /// Where its device is, as a URI; `None` where it is wherever it has registered.
    fn uri(&self) -> Option<String> {
        let is_uri = |text: &str| text.starts_with("sip:") || text.starts_with("sips:");
        match self.contact.as_str() {
            "*" => None,
            uri if is_uri(uri) => Some(uri.to_owned()),
            host => Some(format!("sip:{host}")),
        }
    }

    /// The devices that are checked where its contact says, as users of `host`.
    pub(crate) fn to_devices(&self, host: &str) -> Vec<DeviceConfig> {
        let Some(uri) = self.uri() else { return Vec::new() };
        let of = |dn: Dn| {
            let check = dn.device_check()?;
            Some(DeviceConfig { aor: Aor::new(&dn.number, host), uri: uri.clone(), check })
        };
        self.to_dns().into_iter().filter_map(of).collect()
    }
}

/// The numbers that a text stands for; the error says what to do.
fn range(text: &str) -> Result<Vec<String>, String> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let ends = text.split_once('-').filter(|(from, to)| is_number(from) && is_number(to));
    let Some((from, to)) = ends else {
        let is_name = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '@');
        return match is_name {
            true => Ok(vec![text.to_owned()]),
            false => Err("give a number without a host".to_owned()),
        };
    };
    let parse = |text: &str| text.parse::<u64>().map_err(|_| "the number is too long".to_owned());
    let (first, last) = (parse(from)?, parse(to)?);
    if from.len() != to.len() || first > last {
        return Err("give a range of numbers of the same length, the lower first".to_owned());
    }
    if last - first >= RANGE_MAX {
        return Err(format!("a range has at most {RANGE_MAX} numbers"));
    }
    let wide = from.len();
    Ok((first..=last).map(|number| format!("{number:0wide$}")).collect())
}

/// Options of Routing Points, and the kind of a service: with the least and the greatest number that they may be.
const OF_CALLS: [(&str, Option<(u64, u64)>); 4] = [
    ("default-dn", None),
    ("router-timeout", Some((1, 86_400))),
    ("reject-call-status", Some((400, 699))),
    ("service-type", None),
];

/// What is wrong with an option: what, and what to do.
fn option_problem(dn: &DnSection, name: &str, value: &str) -> Option<(String, String)> {
    if let Some(option) = cti::option_named(name) {
        let help = "docs/agents.md lists the options".to_owned();
        return option.check(value).err().map(|what| (what, help));
    }
    let Some((_, range)) = OF_CALLS.iter().find(|(have, _)| *have == name) else {
        let known =
            cti::OPTIONS.iter().map(|option| option.name).chain(OF_CALLS.map(|(name, _)| name));
        let nearest = known.min_by_key(|known| strsim::levenshtein(known, name));
        let help = format!("write `{}`, or leave it out", nearest.unwrap_or_default());
        return Some((format!("there is no option `{}`", name.escape_debug()), help));
    };
    let number = value.parse::<u64>().ok();
    if let Some((min, max)) = range
        && !number.is_some_and(|number| (*min..=*max).contains(&number))
    {
        let what = format!("{name} is \"{}\"", value.escape_debug());
        return Some((what, format!("give {min} to {max}")));
    }
    if name == "default-dn" && (value.is_empty() || dn.texts().iter().any(|text| text == value)) {
        let help =
            "give the number that calls go to when no routing client says anything".to_owned();
        return Some((format!("default-dn is \"{}\"", value.escape_debug()), help));
    }
    None
}

/// What is wrong with the DNs: which block, which key, what, and what to do.
pub(super) fn problems(dns: &[DnSection]) -> Vec<(usize, &'static str, String, String)> {
    let mut problems = Vec::new();
    let mut have = BTreeMap::new();
    for (at, dn) in dns.iter().enumerate() {
        if dn.texts().is_empty() {
            let help = "give the number of the device".to_owned();
            problems.push((at, "number", "`number` is missing".to_owned(), help));
        }
        if DnType::named(&dn.r#type).is_none() {
            let names = DnType::ALL.map(DnType::name).join(", ");
            let what = format!("`type` is \"{}\", which no device is", dn.r#type.escape_debug());
            problems.push((at, "type", what, format!("give one of {names}")));
        }
        let is_checked = dn.options.get("oos-check").is_some_and(|seconds| seconds != "0");
        let is_place = |uri: &str| sip::Uri::parse(uri).is_ok_and(|uri| !uri.host.is_empty());
        if is_checked && dn.uri().is_some_and(|uri| !is_place(&uri)) {
            let what = format!("`contact` is \"{}\", which is no place", dn.contact.escape_debug());
            let help =
                "give `sip:HOST` or `HOST:PORT` to check, or leave `oos-check` out".to_owned();
            problems.push((at, "contact", what, help));
        }
        for (name, value) in &dn.options {
            if let Some((what, help)) = option_problem(dn, name, value) {
                problems.push((at, "options", what, help));
            }
        }
        for text in dn.texts() {
            match range(text) {
                Err(help) => {
                    let what = format!("\"{}\" is no number", text.escape_debug());
                    problems.push((at, "number", what, help));
                }
                Ok(numbers) => {
                    let taken = numbers
                        .into_iter()
                        .find(|number| have.insert(number.clone(), at).is_some());
                    if let Some(number) = taken {
                        let what = format!("{number} is in another place of [[dn]] too");
                        problems.push((at, "number", what, "give each number once".to_owned()));
                    }
                }
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_stands_for_all_its_numbers_and_keeps_their_length() {
        assert_eq!(range("0098-0101").unwrap_or_default(), ["0098", "0099", "0100", "0101"]);
        assert_eq!(range("2001").unwrap_or_default(), ["2001"]);
        assert_eq!(range("front-desk").unwrap_or_default(), ["front-desk"]);
        for bad in ["", "1@x", "20-10", "1-22", "0000000-9999999"] {
            assert!(range(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn options_are_held_to_what_they_may_be() {
        let of = |name: &str, value: &str| {
            let options = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            let number = Numbers::One("8000".to_owned());
            let dn = DnSection { number, options, ..DnSection::default() };
            problems(&[dn])
                .into_iter()
                .map(|(_, key, what, _)| format!("{key}: {what}"))
                .collect::<Vec<_>>()
        };
        for (name, value) in
            [("wrap-up-time", "30"), ("router-timeout", "1"), ("default-dn", "2000")]
        {
            assert_eq!(of(name, value), Vec::<String>::new());
        }
        assert_eq!(of("router-timeout", "0"), ["options: router-timeout is \"0\""]);
        assert_eq!(of("default-dn", "8000"), ["options: default-dn is \"8000\""]);
        assert_eq!(of("wrap-up-tim", "3"), ["options: there is no option `wrap-up-tim`"]);
        assert_eq!(of("wrap-up-time", "x").len(), 1);
    }
}
