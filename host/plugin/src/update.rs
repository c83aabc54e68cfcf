//! The life of an update: read, digest, compile, link, test. What comes out may serve.

use std::{sync::Arc, time::Instant};

use arc_swap::ArcSwap;
use model::{
    Digest, GenerationRef,
    hook::{Ask, Failure, Hook, Question, Verdict},
};
use sha2::{Digest as _, Sha256};

use crate::{
    Diagnostic, Kind, PluginHost, Reloaded, Source,
    amendment::party_of_uri,
    body::Body,
    capability,
    contain::contained,
    generation::Generation,
    host::Installed,
    keep::Origin,
    manifest::{PRIORITY_DEFAULT, Vector},
    probe,
    proposal::{Checked, Ruling},
    schema::Schema,
    script::Script,
    settings::Settings,
    shelves::{Session, Shelf},
    source::Bundle,
    wasm::Component,
};

/// A self-test begins cold, so it may use so many times the CPU time of a decision.
const SELF_TEST_SLACK: u32 = 10;

/// What a source became.
pub(crate) enum Built {
    /// A generation that does not serve yet.
    New(Arc<Generation>),
    /// The one that serves already.
    Same(Arc<Generation>),
}

impl Built {
    pub(crate) fn generation(&self) -> Arc<Generation> {
        match self {
            Self::New(generation) | Self::Same(generation) => Arc::clone(generation),
        }
    }

    pub(crate) fn outcome(&self) -> Reloaded {
        match self {
            Self::New(generation) => Reloaded::Activated(generation.reference.clone()),
            Self::Same(_) => Reloaded::Unchanged,
        }
    }
}

impl PluginHost {
    /// Reads a source; where it takes the place of a plugin it is called as that is.
    fn read(
        &self,
        source: &Source,
        current: Option<&Arc<Generation>>,
    ) -> Result<Bundle, Diagnostic> {
        let known_as =
            current.map_or_else(|| source.guess_id(), |g| g.reference.plugin.to_string());
        let mut bundle =
            source.read(&self.config.files).map_err(|diagnostic| diagnostic.of(&known_as))?;
        if bundle.manifest.id.is_none() && current.is_some() {
            // A file may be called what it likes while it takes the place of a plugin.
            bundle.id.clone_from(&known_as);
        }
        if let Some(current) = current
            && *current.reference.plugin != *bundle.id
        {
            let reason = format!("the plugin is called `{}` now, it was `{known_as}`", bundle.id);
            let help = "restore the id, or load it as a new plugin";
            return Err(Diagnostic::new(bundle.manifest_file, reason, help).of(&known_as));
        }
        Ok(bundle)
    }

    /// Builds a generation from a source. `current` is the one that serves, if the source is being read again.
    pub(crate) fn build(
        &self,
        installed: &mut Installed,
        source: &Source,
        current: Option<&Arc<Generation>>,
    ) -> Result<Built, Diagnostic> {
        let bundle = self.read(source, current)?;
        let id: Arc<str> = bundle.id.as_str().into();
        let mut config = bundle.manifest.config.clone();
        if let Some(overrides) = installed.overrides.get(&bundle.id) {
            config.extend(overrides.clone());
        }
        hold_to_schema(&bundle, &mut config).map_err(|d| d.of(&bundle.id))?;
        let withheld = &self.config.withheld;
        config.retain(|key, _| !withheld.iter().any(|hidden| hidden == key || hidden == "*"));
        let digest = self.digest(&bundle, &config);
        let allowed = installed.allowed(source, &bundle.id);
        let may = |hooks: &mut dyn Iterator<Item = Hook>| {
            capability::check(&bundle, source, hooks, allowed.as_ref())
                .map_err(|d| d.of(&bundle.id))
        };
        may(&mut bundle.manifest.hooks.iter().flatten().map(|(hook, _)| *hook))?;
        if let Some(same) = self.find(&id, digest, current) {
            // What it was granted may have changed since.
            may(&mut same.generation().hooks.iter().map(|(hook, _)| *hook))?;
            return Ok(same);
        }
        let code = Digest(Sha256::digest(&bundle.code).into());
        let origin = Arc::new(Origin { code, config: config.clone() });
        let settings =
            Settings::new(Arc::clone(&id), bundle.manifest.grants, config, self.config.log);
        let settings = Arc::new(settings);
        let body = self.body(&bundle, Arc::clone(&settings)).map_err(|d| d.of(&bundle.id))?;
        let hooks = hooks(&bundle, &*body).map_err(|d| d.of(&bundle.id))?;
        may(&mut hooks.iter().map(|(hook, _)| *hook))?;
        let shelf = self.shelf(installed, &bundle, &*body).map_err(|d| d.of(&bundle.id))?;
        // What calls have left behind is no part of a test: it would come out otherwise from day to day.
        let empty = shelf.as_ref().map(|shelf| Arc::new(shelf.emptied()));
        self.test(&bundle, (&*body, empty.as_ref()), &hooks).map_err(|d| d.of(&bundle.id))?;
        let record = installed.records.entry(bundle.id).or_default();
        record.serial += 1;
        let reference = GenerationRef { plugin: id, serial: record.serial, digest };
        let metrics = Arc::clone(&record.metrics);
        installed.keys += 1;
        Ok(Built::New(Arc::new(Generation {
            reference,
            key: installed.keys,
            kind: bundle.kind,
            version: bundle.manifest.version,
            hooks,
            body,
            shelf: shelf.map(ArcSwap::new),
            canary: bundle.manifest.canary,
            stored: bundle.stored,
            shadow: bundle.manifest.shadow,
            expect: bundle.manifest.expect,
            origin,
            kept: Default::default(),
            quarantines: Default::default(),
            metrics,
            tally: Default::default(),
            settings,
            instead: Default::default(),
            tenure: Default::default(),
            tripped: Default::default(),
        })))
    }

    /// What the generation is made of: code, configuration, grants, hooks and limits.
    fn digest(&self, bundle: &Bundle, config: &toml::Table) -> Digest {
        let manifest = &bundle.manifest;
        let limits = &self.config;
        let parts = [
            "jackfield generation 1".to_owned(),
            bundle.kind.to_string(),
            manifest.version.clone(),
            format!("{:?} {:?} {:?}", manifest.grants, manifest.hooks, manifest.vectors),
            config.to_string(),
            format!("{:?} {}", limits.cpu_limit, limits.memory_limit),
            format!("{:?} {:?} {:?}", limits.answer, limits.wasm, limits.script),
            bundle.stored.map(|digest| digest.to_string()).unwrap_or_default(),
            format!("{} {:?}", manifest.state_schema, limits.keep),
        ];
        let mut hasher = Sha256::new();
        for part in parts.iter().map(String::as_bytes).chain([&*bundle.code]) {
            // Lengths keep one part from running into the next.
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        Digest(hasher.finalize().into())
    }

    /// A generation of the plugin that has this digest and lives.
    fn find(&self, id: &str, digest: Digest, current: Option<&Arc<Generation>>) -> Option<Built> {
        let is_it = |g: &&Arc<Generation>| {
            g.reference.digest == digest && *g.reference.plugin == *id && g.instead.get().is_none()
        };
        if let Some(same) = current.filter(is_it) {
            return Some(Built::Same(Arc::clone(same)));
        }
        let tables = self.tables.load();
        let serving = tables.current.generations.iter().find(is_it);
        if let (Some(serving), None) = (serving, current) {
            return Some(Built::Same(Arc::clone(serving)));
        }
        let mut living = tables.all().flat_map(|table| &table.generations);
        living.find(is_it).map(|former| Built::New(Arc::clone(former)))
    }

    fn body(&self, bundle: &Bundle, settings: Arc<Settings>) -> Result<Box<dyn Body>, Diagnostic> {
        let (code, file) = (&*bundle.code, &*bundle.code_file);
        match bundle.kind {
            Kind::Wasm => {
                let digest = Digest(Sha256::digest(code).into());
                let census = Arc::clone(&self.census);
                Component::new(&self.wasm, digest, code, settings, &self.config, census)
                    .map(|component| Box::new(component) as Box<dyn Body>)
                    .map_err(|(reason, help)| Diagnostic::new(file, reason, help))
            }
            Kind::Rhai => {
                // Constants are computed now, so loading is measured like a self-test.
                let limit = self.config.cpu_limit * SELF_TEST_SLACK;
                let script = contained(Instant::now(), limit, || {
                    Ok(Script::new(&self.packages, code, file, &self.config, &settings))
                });
                let script = script.map_err(|failure| {
                    Diagnostic::new(file, failure.detail, "report this as a bug")
                })??;
                Ok(Box::new(Arc::new(script)))
            }
        }
    }

    /// Asks each hook once, and every question of the manifest.
    fn test(
        &self,
        bundle: &Bundle,
        body: (&dyn Body, Option<&Arc<Shelf>>),
        hooks: &[(Hook, i32)],
    ) -> Result<(), Diagnostic> {
        for (hook, _) in hooks {
            self.try_out(body, &probe::question(*hook)).map_err(|failure| {
                let reason =
                    format!("self-test of {hook}: {} ({})", failure.detail, failure.kind.name());
                let help = "the question is an ordinary call from self-test@jackfield.invalid to 2000@jackfield.invalid; every path must end in a verdict";
                place(Diagnostic::new(&bundle.code_file, reason, help), &failure, &bundle.code_file)
            })?;
        }
        for (number, vector) in bundle.manifest.vectors.iter().enumerate() {
            self.try_vector(bundle, body, number + 1, vector)?;
        }
        Ok(())
    }

    fn try_vector(
        &self,
        bundle: &Bundle,
        (body, shelf): (&dyn Body, Option<&Arc<Shelf>>),
        number: usize,
        vector: &Vector,
    ) -> Result<(), Diagnostic> {
        let refused = |reason: String, help: &str| {
            Diagnostic::new(&bundle.manifest_file, format!("vector {number}: {reason}"), help)
        };
        let (hook, ask) = match vector.hook.as_deref() {
            None | Some("route") => (Hook::Route, Ask::Route),
            Some("dial-plan") => (Hook::DialPlan, Ask::DialPlan),
            Some("admission") => (Hook::Admission, Ask::Admission),
            Some("authenticate") => (Hook::Authenticate, Ask::Authenticate),
            Some(other) => {
                let reason = format!("hook `{}` has no vectors", other.escape_debug());
                return Err(refused(reason, "write route, dial-plan, admission or authenticate"));
            }
        };
        if !body.answers(hook) {
            let reason = format!("the plugin does not answer {hook}");
            return Err(refused(reason, "remove the vector, or name the hook it is for"));
        }
        let address = |uri: &str| {
            party_of_uri(uri).ok_or_else(|| {
                refused(format!("`{}` is no address", uri.escape_debug()), "write sip:user@host")
            })
        };
        let callee = address(&vector.callee)?;
        let caller =
            address(vector.caller.as_deref().unwrap_or("sip:self-test@jackfield.invalid"))?;
        let question = probe::about(callee, caller, ask);
        let got = match self.try_out((body, shelf), &question) {
            Ok(checked) => shown(&checked.ruling),
            Err(failure) => format!("{} ({})", failure.detail, failure.kind.name()),
        };
        if got == vector.expect.split_whitespace().collect::<Vec<_>>().join(" ") {
            return Ok(());
        }
        let reason = format!("{} should give `{}`, gave `{got}`", vector.callee, vector.expect);
        Err(refused(reason, "correct the code or the vector"))
    }

    fn try_out(
        &self,
        (body, shelf): (&dyn Body, Option<&Arc<Shelf>>),
        question: &Question,
    ) -> Result<Checked, Failure> {
        let slot = self.wasm.slot();
        if let Some(shelf) = shelf {
            Session::begin(shelf, shelf.limits.operations_max);
        }
        let tried = contained(Instant::now(), self.config.cpu_limit * SELF_TEST_SLACK, || {
            let mut instance = body.instance(&slot)?;
            instance.ask(question, probe::moment())?.check(question, &self.config.answer)
        });
        // Nobody asked in earnest.
        Session::end(false);
        tried
    }
}

/// Holds a configuration to the plugin's schema, if it has one, and fills in what that gives for what is left out.
fn hold_to_schema(bundle: &Bundle, config: &mut toml::Table) -> Result<(), Diagnostic> {
    let Some((file, text)) = &bundle.schema else { return Ok(()) };
    let schema = Schema::read(text, file)?;
    schema.apply(config).map_err(|reason| {
        let id = &bundle.id;
        let help = format!("set it in [plugins.config.{id}] of the switch's configuration, or in [config] of plugin.toml");
        Diagnostic::new(&bundle.manifest_file, reason, help)
    })
}

/// The hooks to ask: those of the manifest, which the code must answer, or all that it answers.
fn hooks(bundle: &Bundle, body: &dyn Body) -> Result<Vec<(Hook, i32)>, Diagnostic> {
    let answered = || Hook::ALL.into_iter().filter(|hook| body.answers(*hook));
    let Some(listed) = &bundle.manifest.hooks else {
        let hooks: Vec<_> = answered().map(|hook| (hook, PRIORITY_DEFAULT)).collect();
        if hooks.is_empty() {
            let names = Hook::ALL.map(|hook| format!("jackfield:plugin/{hook}@1.0.0"));
            let help = format!("export one of {}", names.join(", "));
            return Err(Diagnostic::new(&bundle.code_file, "the plugin answers no hook", help));
        }
        return Ok(hooks);
    };
    match listed.iter().find(|(hook, _)| !body.answers(*hook)) {
        Some((hook, _)) => {
            let have: Vec<&str> = answered().map(Hook::name).collect();
            let reason = format!("[hooks] names {hook}, which the code does not answer");
            let help = format!("it answers: {}", have.join(", "));
            Err(Diagnostic::new(&bundle.manifest_file, reason, help))
        }
        None if listed.is_empty() => {
            let help = "name a hook, or leave [hooks] out to ask all that the code answers";
            Err(Diagnostic::new(&bundle.manifest_file, "[hooks] is empty", help))
        }
        None => Ok(listed.clone()),
    }
}

/// Puts the place that a script's failure names into the diagnostic.
fn place(diagnostic: Diagnostic, failure: &Failure, file: &str) -> Diagnostic {
    let Some(rest) = failure.detail.strip_prefix(file).and_then(|rest| rest.strip_prefix(':'))
    else {
        return diagnostic;
    };
    let mut numbers = rest.split(':').map_while(|part| part.parse::<usize>().ok());
    let (line, column) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    diagnostic.at(line, column)
}

/// A ruling as vectors write it.
fn shown(ruling: &Ruling) -> String {
    match ruling {
        Ruling::Pass => "pass".into(),
        Ruling::Amend(amendment) => {
            let callee = amendment.callee.iter().map(|to| format!("callee:{}", to.uri));
            let caller = amendment.caller.iter().map(|to| format!("caller:{}", to.uri));
            let labels =
                amendment.labels.iter().map(|(name, value)| format!("label:{name}={value}"));
            callee.chain(caller).chain(labels).collect::<Vec<_>>().join(" ")
        }
        Ruling::Command(commands) => {
            let shown = commands.iter().map(|command| match command {
                Ok(command) => command.to_string(),
                Err(why) => format!("wrong: {why}"),
            });
            shown.collect::<Vec<_>>().join(", ")
        }
        Ruling::Decide(Verdict::Edit(edits)) | Ruling::Edit(edits) => {
            edits.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        }
        Ruling::Change(changes) => Verdict::Authorised(changes.clone()).to_string(),
        Ruling::Decide(
            verdict @ (Verdict::Owner(_) | Verdict::Deliver(_) | Verdict::Authorised(_)),
        ) => verdict.to_string(),
        Ruling::Decide(Verdict::Orders(_) | Verdict::BuiltIn | Verdict::Continue) => {
            "proceed".into()
        }
        Ruling::Decide(Verdict::Access(access)) => access.to_string(),
        Ruling::Decide(Verdict::Refuse(status)) => format!("refuse {status}"),
        Ruling::Decide(Verdict::Plan(plan)) => {
            let targets = plan.targets.iter().map(|target| target.to.to_string());
            targets.collect::<Vec<_>>().join(" ")
        }
    }
}
