use std::{collections::BTreeMap, fmt, time::Duration};

use model::hook::{CallFacts, Hook};

use crate::{Class, Failed, Rule, Spoken, change::change, times::Times};

/// What a ledger keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LedgerLimits {
    /// Groups of differences; those that find no room are counted together.
    pub groups_max: usize,
    /// Calls that are named for each group.
    pub examples_max: usize,
    /// How many characters of the called number tell groups apart.
    pub prefix_chars: usize,
    /// A single answer that takes so many times as long is slower, if it is above `slow`.
    pub slower_times: f64,
    /// What is slow.
    pub slow: Duration,
}

/// When a candidate has been compared enough, and how slow it may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// So many questions must have been compared,
    pub calls: u64,
    /// or this time must have passed, and one been compared at all.
    pub time: Duration,
    /// How many times as long it may take (p99),
    pub p99_times: f64,
    /// where that is more than this.
    pub p99_floor: Duration,
}

/// Compares answers to the same questions, and groups where they differ.
#[derive(Clone, Debug)]
pub struct Ledger {
    limits: LedgerLimits,
    rules: Vec<Rule>,
    classes: BTreeMap<Class, u64>,
    groups: BTreeMap<Key, Group>,
    beyond: u64,
    times: [Times; 2],
}

/// What two bodies of a plugin said to one question.
#[derive(Clone, Copy, Debug)]
pub struct Came<'a> {
    /// The hook.
    pub hook: Hook,
    /// What was known of the call.
    pub call: &'a CallFacts,
    /// What was said before.
    pub before: Result<&'a Spoken, &'a Failed>,
    /// What the candidate said.
    pub after: Result<&'a Spoken, &'a Failed>,
    /// The credentials that both gave, which a [`Canonical`](crate::Canonical) does not hold, differ.
    pub other_credentials: bool,
    /// How long each took, in nanoseconds; `None` where that cannot be compared.
    pub took_ns: Option<[u64; 2]>,
}

/// What the differences of a group have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    class: Class,
    hook: Hook,
    tenant: String,
    trunk: Option<String>,
    prefix: String,
    change: String,
    rule: Option<usize>,
}

/// Calls about which two bodies of a plugin differ in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Names it: 8 hexadecimal digits, the same for the same difference at any time.
    pub id: String,
    /// How they differ.
    pub class: Class,
    /// The hook.
    pub hook: Hook,
    /// The tenant.
    pub tenant: String,
    /// The trunk the calls came over.
    pub trunk: Option<String>,
    /// What the called numbers begin with.
    pub prefix: String,
    /// What changed, without what differs from call to call.
    pub change: String,
    /// How often.
    pub count: u64,
    /// Some of the calls, the first ones.
    pub examples: Vec<Example>,
    /// Why the author expects it.
    pub expected: Option<String>,
    /// Who takes it.
    pub approved: Option<Approval>,
}

/// A call of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Its Call-ID.
    pub call_id: String,
    /// Who calls.
    pub caller: String,
    /// Who is called.
    pub callee: String,
    /// What was said before.
    pub before: String,
    /// What the candidate said.
    pub after: String,
}

/// Somebody's word that a difference is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// No group has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchGroup(pub String);

impl fmt::Display for NoSuchGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no group `{}`", self.0.escape_debug())
    }
}

impl std::error::Error for NoSuchGroup {}

impl Ledger {
    /// An empty one. What the rules cover needs nobody's approval.
    pub fn new(limits: LedgerLimits, rules: Vec<Rule>) -> Self {
        let (classes, groups) = (BTreeMap::new(), BTreeMap::new());
        Self { limits, rules, classes, groups, beyond: 0, times: Default::default() }
    }

    /// Takes down what came of one question.
    pub fn note(&mut self, came: Came<'_>) -> Class {
        if let (Some([before, after]), Ok(_)) = (came.took_ns, came.after) {
            self.times[0].note(before);
            self.times[1].note(after);
        }
        let class = match Class::of(came.before, came.after) {
            Class::Same | Class::ReasonsOnly if came.other_credentials => Class::Other,
            Class::Same if came.took_ns.is_some_and(|took| self.is_slower(took)) => Class::Slower,
            class => class,
        };
        *self.classes.entry(class).or_default() += 1;
        if class != Class::Same {
            self.group(class, &came);
        }
        class
    }

    fn is_slower(&self, [before, after]: [u64; 2]) -> bool {
        let slow = u64::try_from(self.limits.slow.as_nanos()).unwrap_or(u64::MAX);
        after > slow && after as f64 > self.limits.slower_times * before as f64
    }

    fn group(&mut self, class: Class, came: &Came<'_>) {
        let change = change(class, came.before, came.after);
        let covers = |rule: &Rule| rule.covers(class, came.hook, came.call, &change);
        let rule = self.rules.iter().position(covers);
        let key = Key {
            class,
            hook: came.hook,
            tenant: came.call.tenant.clone(),
            trunk: came.call.trunk.clone(),
            prefix: came.call.callee.user.chars().take(self.limits.prefix_chars).collect(),
            change,
            rule,
        };
        if !self.groups.contains_key(&key) && self.groups.len() >= self.limits.groups_max {
            // What holds nothing up must not do so by being much.
            let is_free = rule.is_some() || class == Class::Slower;
            self.beyond += u64::from(!is_free);
            return;
        }
        let why = rule.and_then(|at| self.rules.get(at)).map(|rule| rule.why.clone());
        let group = self.groups.entry(key).or_insert_with_key(|key| Group::new(key, why));
        group.count += 1;
        if group.examples.len() < self.limits.examples_max {
            group.examples.push(Example {
                call_id: came.call.call_id.clone(),
                caller: came.call.caller.uri.clone(),
                callee: came.call.callee.uri.clone(),
                before: shown(came.before),
                after: shown(came.after),
            });
        }
    }

    /// How many were compared.
    pub fn compared(&self) -> u64 {
        self.classes.values().sum()
    }

    /// How many of a class there were.
    pub fn count(&self, class: Class) -> u64 {
        self.classes.get(&class).copied().unwrap_or(0)
    }

    /// The groups, the worst class last and the largest group of each first.
    pub fn groups(&self) -> Vec<&Group> {
        let mut groups: Vec<&Group> = self.groups.values().collect();
        groups.sort_by_key(|group| (group.class, std::cmp::Reverse(group.count)));
        groups
    }

    /// Differences that found no room among the groups.
    pub const fn beyond(&self) -> u64 {
        self.beyond
    }

    /// Within this time, in nanoseconds, 99 of a hundred answers came: of what was before, and of the candidate.
    pub fn p99_ns(&self) -> [u64; 2] {
        [self.times[0].p99(), self.times[1].p99()]
    }

    /// Takes somebody's word that these groups are meant: all of them, or none.
    ///
    /// # Errors
    ///
    /// The first that is not there.
    pub fn approve(&mut self, ids: &[String], approval: &Approval) -> Result<(), NoSuchGroup> {
        let is_there = |id: &&String| !self.groups.values().any(|group| group.id == **id);
        if let Some(unknown) = ids.iter().find(is_there) {
            return Err(NoSuchGroup(unknown.clone()));
        }
        for group in self.groups.values_mut().filter(|group| ids.contains(&group.id)) {
            group.approved = Some(approval.clone());
        }
        Ok(())
    }

    /// What is missing before the candidate may serve, after it was compared for so long; nothing when it may.
    pub fn missing(&self, gate: &Gate, lasted: Duration) -> Vec<String> {
        let mut missing = Vec::new();
        let compared = self.compared();
        if compared < gate.calls && (lasted < gate.time || compared == 0) {
            let (calls, time, so_far) = (gate.calls, gate.time.as_secs(), lasted.as_secs());
            missing.push(format!(
                "{compared} of {calls} questions were compared, or {so_far} of {time} s have passed"
            ));
        }
        if let failed @ 1.. = self.count(Class::Failed) {
            missing.push(format!("it failed {failed} times"));
        }
        let [before, after] = self.p99_ns();
        let floor = u64::try_from(gate.p99_floor.as_nanos()).unwrap_or(u64::MAX);
        if after > floor && after as f64 > gate.p99_times * before as f64 {
            let us = |ns: u64| ns as f64 / 1000.0;
            missing.push(format!(
                "it takes {:.0} us, what serves {:.0} (p99); at most {} times as much is taken",
                us(after),
                us(before),
                gate.p99_times
            ));
        }
        let open: Vec<&str> = self.open().map(|group| group.id.as_str()).collect();
        if !open.is_empty() {
            let what = if open.len() == 1 {
                "group of differences is"
            } else {
                "groups of differences are"
            };
            let (number, list) = (open.len(), open.join(" "));
            missing.push(format!("{number} {what} neither expected nor approved: {list}"));
        }
        if self.beyond > 0 {
            let beyond = self.beyond;
            missing.push(format!(
                "{beyond} differences found no room among the groups (shadow_groups_max)"
            ));
        }
        missing
    }

    /// The groups that nobody expects or has approved. Failures are counted apart, and what is slower is judged as a whole.
    fn open(&self) -> impl Iterator<Item = &Group> {
        self.groups().into_iter().filter(|group| group.is_open())
    }
}

impl Group {
    fn new(key: &Key, expected: Option<String>) -> Self {
        let Key { class, hook, tenant, trunk, prefix, change, rule } = key.clone();
        let of = trunk.as_deref().unwrap_or_default();
        let parts = [class.name(), hook.name(), &tenant, of, &prefix, &change];
        let id = id(&parts, rule);
        let (count, examples, approved) = (0, Vec::new(), None);
        Self { id, class, hook, tenant, trunk, prefix, change, count, examples, expected, approved }
    }

    /// Whether it holds a promotion up.
    pub const fn is_open(&self) -> bool {
        let is_judged = !matches!(self.class, Class::Failed | Class::Slower);
        is_judged && self.expected.is_none() && self.approved.is_none()
    }
}

/// FNV-1a of the parts, each ended by a byte that is in no text.
fn id(parts: &[&str], rule: Option<usize>) -> String {
    let rule = rule.map_or_else(String::new, |rule| rule.to_string());
    let parts = parts.iter().copied().chain([rule.as_str()]);
    let hash = parts
        .flat_map(|part| part.bytes().chain([0xff]))
        .fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{hash:08x}")
}

fn shown(said: Result<&Spoken, &Failed>) -> String {
    match said {
        Ok(spoken) => {
            let codes: Vec<&str> = spoken.reasons.iter().map(|why| why.code.as_str()).collect();
            match codes.as_slice() {
                [] => spoken.verdict.to_string(),
                codes => format!("{} ({})", spoken.verdict, codes.join(", ")),
            }
        }
        Err(failed) => format!("{}: {}", failed.kind, failed.detail),
    }
}

#[cfg(test)]
#[path = "ledger_test.rs"]
mod tests;
