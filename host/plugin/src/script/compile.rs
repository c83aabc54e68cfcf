use std::sync::Arc;

use model::hook::Hook;
use rhai::{AST, Dynamic, Engine, EvalAltResult, OptimizationLevel, Position, Scope};

use super::{
    engine::{Packages, begin, define},
    names,
    state::StateValue,
    table,
};
use crate::{Diagnostic, HostConfig, settings::Settings};

/// The constant through which a script reads its configuration.
const CONFIG: &str = "config";

/// The constant through which a script keeps things.
const STATE: &str = "state";

/// The function that brings what is kept from one schema into another.
pub(crate) const MIGRATE: (&str, usize) = ("migrate", 2);

/// The function behind each hook, and what it takes.
pub(crate) const fn function(hook: Hook) -> (&'static str, usize, &'static str) {
    match hook {
        Hook::Admission => ("admission", 1, "fn admission(request)"),
        Hook::Authenticate => ("authenticate", 1, "fn authenticate(request)"),
        Hook::Register => ("register", 2, "fn register(request, contacts)"),
        Hook::DialPlan => ("dial_plan", 1, "fn dial_plan(call)"),
        Hook::Route => ("route", 1, "fn route(call)"),
        Hook::HeaderPolicy => ("header_policy", 2, "fn header_policy(call, outgoing)"),
        Hook::RouteOnFailure => {
            ("route_on_failure", 3, "fn route_on_failure(call, attempts, remaining)")
        }
        Hook::CallEvent => ("call_event", 2, "fn call_event(call, event)"),
        Hook::DnOwner => ("dn_owner", 1, "fn dn_owner(change)"),
        Hook::FanOut => ("fan_out", 1, "fn fan_out(subscription)"),
        Hook::AuthoriseRequest => ("authorise_request", 1, "fn authorise_request(request)"),
    }
}

/// A compiled script. Immutable: one engine and one syntax tree, run by all workers at once without a lock.
pub(crate) struct Script {
    pub(crate) engine: Engine,
    pub(crate) ast: AST,
    pub(crate) hooks: Vec<Hook>,
    /// It has a function that migrates what is kept.
    pub(crate) migrates: bool,
    /// What diagnostics call the file.
    pub(crate) file: Arc<str>,
}

impl Script {
    /// Compiles a script.
    ///
    /// What stands outside of functions runs here, once for the generation, and only its constants remain. The caller has
    /// begun a measured run on this thread.
    ///
    /// # Errors
    ///
    /// What is wrong, with line and column.
    pub(crate) fn new(
        packages: &Packages,
        code: &[u8],
        file: &str,
        config: &HostConfig,
        settings: &Arc<Settings>,
    ) -> Result<Self, Diagnostic> {
        let text = text(code, file)?;
        let mut engine = packages.engine(config, settings);
        let constants = constants(&mut engine, settings, text, file)?;
        engine.set_strict_variables(true);
        engine.set_optimization_level(OptimizationLevel::Simple);
        // Compiled again: now every constant is known by name and value in all functions.
        let ast = engine
            .compile_with_scope(&constants, text)
            .map_err(|error| unparsable(&error, file))?
            .clone_functions_only();
        names::check(&engine, &ast, text, file)?;
        let hooks = hooks(&ast, text, file)?;
        let (name, arity) = MIGRATE;
        let migrates = ast.iter_functions().any(|f| f.name == name && f.params.len() == arity);
        Ok(Self { engine, ast, hooks, migrates, file: file.into() })
    }
}

fn text<'a>(code: &'a [u8], file: &str) -> Result<&'a str, Diagnostic> {
    std::str::from_utf8(code).map_err(|error| {
        let valid = String::from_utf8_lossy(&code[..error.valid_up_to()]);
        Diagnostic::new(file, "not UTF-8", "save the file as UTF-8").at_offset(&valid, valid.len())
    })
}

/// Runs what stands outside of functions and gives the constants it defined, which from then on every function sees.
fn constants(
    engine: &mut Engine,
    settings: &Settings,
    text: &str,
    file: &str,
) -> Result<Scope<'static>, Diagnostic> {
    let config = table::from_config(&settings.config);
    define(engine, [(CONFIG, config.clone())]);
    let mut scope = Scope::new();
    scope.push_constant_dynamic(CONFIG, config);
    if settings.grants.state {
        let state = Dynamic::from(StateValue);
        define(engine, [(STATE, state.clone())]);
        scope.push_constant_dynamic(STATE, state);
    }
    engine.set_optimization_level(OptimizationLevel::None);
    let ast = engine.compile(text).map_err(|error| unparsable(&error, file))?;
    begin();
    engine.run_ast_with_scope(&mut scope, &ast).map_err(|mut error| {
        let (message, position) = described(&mut error);
        let help = "what stands outside of functions runs once, when the script is loaded";
        Diagnostic::new(file, format!("outside of functions: {message}"), help)
            .at(position.line().unwrap_or(0), position.position().unwrap_or(0))
    })?;
    let mut constants = Scope::new();
    for (name, is_constant, value) in scope.iter() {
        if !is_constant {
            let reason = format!("the variable `{name}` stands outside of functions");
            let help = format!("no value outlives a decision: write const {name} = …, or move it");
            let (line, column) = place_of(text, &["let ", name]);
            return Err(Diagnostic::new(file, reason, help).at(line, column));
        }
        let value = table::freeze(value);
        define(engine, [(name, value.clone())]);
        constants.push_constant_dynamic(name, value);
    }
    Ok(constants)
}

/// The hooks that the script's functions answer.
fn hooks(ast: &AST, text: &str, file: &str) -> Result<Vec<Hook>, Diagnostic> {
    let mut hooks = Vec::new();
    for hook in Hook::ALL {
        let (name, arity, signature) = function(hook);
        let mut found = ast.iter_functions().filter(|function| function.name == name).peekable();
        if found.peek().is_none() {
            continue;
        }
        if !found.any(|function| function.params.len() == arity) {
            let reason = format!("the function of hook {hook} takes {arity} parameter(s)");
            let (line, column) = place_of(text, &["fn ", name, "("]);
            return Err(
                Diagnostic::new(file, reason, format!("write {signature}")).at(line, column)
            );
        }
        hooks.push(hook);
    }
    if hooks.is_empty() {
        let help = format!("write {}", Hook::ALL.map(|hook| function(hook).2).join(" or "));
        return Err(Diagnostic::new(file, "the script answers no hook", help));
    }
    Ok(hooks)
}

/// Line and column of the first place where these words stand, the blanks between them free; 0 and 0 if there is none.
fn place_of(text: &str, words: &[&str]) -> (usize, usize) {
    for (number, line) in text.lines().enumerate() {
        let squeezed = line.trim_start();
        let mut rest = squeezed.strip_prefix("private ").unwrap_or(squeezed);
        let is_here = words.iter().all(|word| match rest.trim_start().strip_prefix(word) {
            Some(after) => {
                rest = after;
                true
            }
            None => false,
        });
        if is_here {
            return (number + 1, line.len() - squeezed.len() + 1);
        }
    }
    (0, 0)
}

fn unparsable(error: &rhai::ParseError, file: &str) -> Diagnostic {
    let position = error.position();
    Diagnostic::new(
        file,
        error.err_type().to_string(),
        "correct the line; scripts/README.md shows the language",
    )
    .at(position.line().unwrap_or(0), position.position().unwrap_or(0))
}

/// What an error says and where it arose, below the functions it went through.
pub(crate) fn described(error: &mut EvalAltResult) -> (String, Position) {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, outer)
        | EvalAltResult::ErrorInModule(_, inner, outer) => {
            let (message, position) = described(inner);
            (message, if position.is_none() { *outer } else { position })
        }
        other => {
            let position = other.take_position();
            (other.to_string(), position)
        }
    }
}
