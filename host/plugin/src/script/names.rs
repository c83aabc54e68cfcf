//! Finds calls of functions that do not exist before a call of a person meets them: Rhai itself looks a function up when it is
//! called.

use std::collections::BTreeMap;

use rhai::{AST, ASTNode, Engine, Expr, FnCallExpr, Position, Stmt};

use crate::Diagnostic;

/// What Rhai answers itself, without a registered function.
const BUILT_IN: [&str; 8] =
    ["print", "debug", "type_of", "Fn", "call", "curry", "is_def_var", "is_def_fn"];

/// A name is proposed when it is at least this like the misspelt one, of 0 to 1.
const LIKENESS_MIN: f64 = 0.7;

/// Numbers of parameters by the names of functions.
type Functions = BTreeMap<String, Vec<usize>>;

/// Checks every call in the script's functions.
pub(crate) fn check(engine: &Engine, ast: &AST, text: &str, file: &str) -> Result<(), Diagnostic> {
    let functions = functions(engine, ast);
    let mut found = None;
    ast.walk(&mut |path| {
        found = match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, position)))
            | Some(ASTNode::Stmt(Stmt::FnCall(call, position))) => {
                plain(&functions, call, *position)
            }
            Some(ASTNode::Expr(Expr::MethodCall(call, position))) => {
                method(&functions, call, *position, text)
            }
            Some(_) | None => None,
        };
        found.is_none()
    });
    found.map_or(Ok(()), |(position, reason, help)| {
        let (line, column) = (position.line().unwrap_or(0), position.position().unwrap_or(0));
        Err(Diagnostic::new(file, reason, help).at(line, column))
    })
}

fn functions(engine: &Engine, ast: &AST) -> Functions {
    let registered = engine.collect_fn_metadata(
        None,
        |info| Some((info.metadata.name.to_string(), info.metadata.num_params)),
        true,
    );
    let scripted = ast.iter_functions().map(|f| (f.name.to_owned(), f.params.len()));
    let mut functions = Functions::new();
    for (name, arity) in registered.into_iter().chain(scripted) {
        functions.entry(name).or_default().push(arity);
    }
    functions
}

type Found = Option<(Position, String, String)>;

fn plain(functions: &Functions, call: &FnCallExpr, position: Position) -> Found {
    let name = call.name.as_str();
    if call.op_token.is_some() || BUILT_IN.contains(&name) {
        return None;
    }
    let Some(arities) = functions.get(name) else {
        return Some((
            position,
            format!("no function is called `{name}`"),
            nearest(functions, name),
        ));
    };
    if arities.contains(&call.args.len()) {
        return None;
    }
    let mut arities: Vec<String> = arities.iter().map(ToString::to_string).collect();
    arities.sort_unstable();
    arities.dedup();
    let reason = format!("`{name}` does not take {} argument(s)", call.args.len());
    Some((position, reason, format!("it takes {}", arities.join(" or "))))
}

fn method(functions: &Functions, call: &FnCallExpr, position: Position, text: &str) -> Found {
    let name = call.name.as_str();
    // A map may hold a function under any name.
    let is_entry = || text.contains(&format!("{name}:")) || text.contains(&format!("{name} :"));
    if functions.contains_key(name) || BUILT_IN.contains(&name) || is_entry() {
        return None;
    }
    Some((position, format!("no method is called `{name}`"), nearest(functions, name)))
}

fn nearest(functions: &Functions, name: &str) -> String {
    let likeness = |other: &str| strsim::jaro_winkler(name, other);
    // Getters and operators are registered under names that no script can write.
    let is_name = |other: &&String| other.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let best = functions.keys().filter(is_name).map(|other| (likeness(other), other));
    match best.max_by(|(a, _), (b, _)| a.total_cmp(b)) {
        Some((likeness, best)) if likeness >= LIKENESS_MIN => format!("did you mean `{best}`?"),
        Some(_) | None => "scripts/README.md lists the functions a script can call".to_owned(),
    }
}
