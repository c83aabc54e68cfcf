//! What an operator takes a plugin out of by hand: a hook, or the calls of one number, trunk or tenant.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use model::hook::Hook;

use crate::{
    Diagnostic, GenerationStats, HookTally, Key, PluginHost, Standing,
    generation::Generation,
    host::{Installed, Plugin},
    metrics::nanos,
};

/// The longest quarantine: a year.
const REST_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

impl PluginHost {
    /// Leaves a plugin alone for a while, at most a year: one hook of it or, without one, all; about the calls with a key or, without one, about all.
    /// Every version of it that answers calls now is meant, and none that is loaded later. Gives its hooks that are meant.
    ///
    /// # Errors
    ///
    /// When no such plugin is installed, when it does not answer the hook, or when there is no room for one more key.
    pub fn quarantine(
        &self,
        plugin: &str,
        hook: Option<Hook>,
        key: Option<&Key>,
        rest: Duration,
    ) -> Result<Vec<Hook>, Diagnostic> {
        let mut installed = self.lock();
        let (generations, hooks) = self.meant(&mut installed, plugin, hook)?;
        let until = self.nanos_at(Instant::now()).saturating_add(nanos(rest.min(REST_MAX)));
        let keys_max = self.config.quarantine.keys_max;
        for (generation, hook) in each(&generations, &hooks) {
            if !generation.quarantine(hook).keep(until, key.cloned(), keys_max) {
                let reason = format!("{keys_max} keys of {hook} are in quarantine already");
                let help = "release some, or raise plugins.quarantine_keys_max";
                return Err(Diagnostic::new("plugins", reason, help).of(plugin));
            }
        }
        let what = key.map(ToString::to_string);
        tracing::warn!(
            plugin,
            ?hooks,
            key = what,
            rest_s = rest.as_secs(),
            "plugin quarantined by an operator"
        );
        Ok(hooks)
    }

    /// Ends quarantines of a plugin, whoever began them: of one hook or of all, about the calls with a key or, without one, about all. Gives how
    /// many there were.
    ///
    /// # Errors
    ///
    /// When no such plugin is installed, or it does not answer the hook.
    pub fn release(
        &self,
        plugin: &str,
        hook: Option<Hook>,
        key: Option<&Key>,
    ) -> Result<usize, Diagnostic> {
        let mut installed = self.lock();
        let (generations, hooks) = self.meant(&mut installed, plugin, hook)?;
        let now = self.nanos_at(Instant::now());
        let ended = each(&generations, &hooks)
            .map(|(generation, hook)| generation.quarantine(hook).release(now, key))
            .sum();
        generations.iter().for_each(|generation| generation.calm_down());
        let what = key.map(ToString::to_string);
        tracing::info!(plugin, ?hooks, key = what, ended, "plugin released by an operator");
        Ok(ended)
    }

    /// The versions of a plugin that answer calls, and those of its hooks that are meant.
    fn meant(
        &self,
        installed: &mut Installed,
        plugin: &str,
        hook: Option<Hook>,
    ) -> Result<(Vec<Arc<Generation>>, Vec<Hook>), Diagnostic> {
        let found = installed.find(plugin)?;
        let generations: Vec<_> = self.living(found).into_iter().map(|(it, _)| it).collect();
        let answers = |hook: &Hook| generations.iter().any(|it| it.priority(*hook).is_some());
        let hooks: Vec<Hook> = Hook::ALL
            .into_iter()
            .filter(answers)
            .filter(|have| hook.is_none_or(|hook| hook == *have))
            .collect();
        match (hook, hooks.is_empty()) {
            (Some(hook), true) => {
                let help = "`jackfield plugin list` shows the hooks of each";
                let reason = format!("`{plugin}` does not answer {hook}");
                Err(Diagnostic::new("plugins", reason, help).of(plugin))
            }
            _ => Ok((generations, hooks)),
        }
    }

    /// The generations there are of a plugin: what serves, what is on trial, what is kept to go back to, and what calls are pinned to.
    fn living(&self, plugin: &Plugin) -> Vec<(Arc<Generation>, Standing)> {
        let trial = plugin.versions.trial.iter();
        let trial =
            trial.map(|trial| (Arc::clone(&trial.candidate), Standing::OnTrial(trial.per_mille)));
        let mut all = vec![(Arc::clone(&plugin.generation), Standing::Serving)];
        all.extend(trial);
        let tables = self.tables.load();
        let pinned = tables.all().flat_map(|table| &table.generations);
        let pinned = pinned.filter(|it| it.reference.plugin == plugin.generation.reference.plugin);
        let pinned = pinned.map(|it| (Arc::clone(it), Standing::Draining));
        let kept = plugin.versions.previous.iter().map(|it| (Arc::clone(it), Standing::Kept));
        for (generation, standing) in pinned.chain(kept) {
            if !all.iter().any(|(have, _)| Arc::ptr_eq(have, &generation)) {
                all.push((generation, standing));
            }
        }
        all
    }

    /// Every generation of every plugin: what it did and what it holds, in the order of the plugins, what serves first.
    pub fn generations(&self) -> Vec<GenerationStats> {
        let installed = self.lock();
        let now = self.nanos_at(Instant::now());
        let all = installed.plugins.iter().flat_map(|plugin| self.living(plugin));
        all.map(|(generation, standing)| stats(&generation, standing, now)).collect()
    }
}

/// Each generation with each of the hooks that it answers.
fn each<'a>(
    generations: &'a [Arc<Generation>],
    hooks: &'a [Hook],
) -> impl Iterator<Item = (&'a Generation, Hook)> {
    generations.iter().flat_map(move |generation| {
        let hooks = hooks.iter().filter(|hook| generation.priority(**hook).is_some());
        hooks.map(move |hook| (&**generation, *hook))
    })
}

fn stats(generation: &Generation, standing: Standing, now: u64) -> GenerationStats {
    let (instances, memory) = generation.body.held();
    let hooks = generation.hooks.iter().map(|(hook, _)| {
        let quarantine = generation.quarantine(*hook);
        let (rests, keys) = (quarantine.of_hook(now), quarantine.keys(now));
        HookTally { rests, keys, ..generation.tally.of(*hook) }
    });
    GenerationStats {
        generation: generation.reference.clone(),
        kind: generation.kind,
        standing,
        instances,
        memory,
        lines_dropped: generation.settings.lines_dropped.load(Ordering::Relaxed),
        hooks: hooks.collect(),
    }
}
