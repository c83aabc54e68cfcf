//! Guests of the contract written in WebAssembly text, so that they can misbehave in ways that no SDK would compile.

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// What the guests are made of: a memory, an allocator that forgets everything after each question, and the functions given.
///
/// An answer lies at 1024. It is `tuple<verdict, list<reason>>` by the canonical ABI: the verdict's tag at 0, its payload from 4,
/// the reasons' address at 20 and their number at 24.
///
/// The question comes as the address of its `call-facts`; `$refuse` writes the verdict `refuse`. Both verdict types are the
/// same up to their tags.
const FRAME: &str = r#"
  (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 8192))
  (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get $size)))
    (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
      (then (drop (memory.grow (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 1))))))
    (local.get $at))
  (func $pass (result i32)
    (i64.store (i32.const 1024) (i64.const 0))
    (i64.store (i32.const 1044) (i64.const 0))
    (global.set $next (i32.const 8192))
    (i32.const 1024))
  (func $refuse (param $tag i32) (param $status i32) (result i32)
    (drop (call $pass))
    (i32.store (i32.const 1024) (local.get $tag))
    (i32.store (i32.const 1028) (local.get $status))
    (i32.const 1024))
"#;

/// A guest whose `route` does `body`, an expression that leaves the answer's address.
pub(crate) fn route(body: &str) -> Vec<u8> {
    module("route-plugin", &exported("route", body), "")
}

/// As [`route`], with items of its own beside the function: globals, data, functions.
pub(crate) fn route_with(body: &str, items: &str) -> Vec<u8> {
    module("route-plugin", &exported("route", body), items)
}

/// A guest that answers `route-on-failure` alone.
pub(crate) fn route_on_failure(body: &str) -> Vec<u8> {
    module("route-on-failure-plugin", &exported("route-on-failure", body), "")
}

/// A guest that answers `dial-plan` alone. Its verdict is longer: the reasons stand at 56, where nothing is ever written.
pub(crate) fn dial_plan(body: &str) -> Vec<u8> {
    module("dial-plan-plugin", &exported("dial-plan", body), "")
}

/// A guest whose `dial-plan` rewrites the callee, and nothing else, to `number`.
pub(crate) fn rewriting(number: &str) -> Vec<u8> {
    let items = format!(
        r#"(data (i32.const 2048) "{number}")
           (func $rewrite (result i32)
             (drop (call $refuse (i32.const 1) (i32.const 1)))
             (i32.store (i32.const 1032) (i32.const 2048))
             (i32.store (i32.const 1036) (i32.const {}))
             (i32.const 1024))"#,
        number.len()
    );
    module("dial-plan-plugin", &exported("dial-plan", "(call $rewrite)"), &items)
}

/// A guest that answers both hooks.
pub(crate) fn both(route: &str, failure: &str) -> Vec<u8> {
    let functions = [exported("route", route), exported("route-on-failure", failure)].concat();
    module("plugin", &functions, "")
}

/// A guest of one of the hooks about T-Library clients. Their questions come as parameters, of which `$dn_len` is how long the DN is. The
/// verdict's payload begins at 4 as well; of `dn-owner`, which has none, the reasons do.
pub(crate) fn of_clients(hook: &str, body: &str, items: &str) -> Vec<u8> {
    let (before, behind) = match hook {
        "dn-owner" => (1, 14),
        "fan-out" => (7, 6),
        _ => (7, 4),
    };
    let params = |count| " i32".repeat(count);
    let function = format!(
        r#"(func (export "jackfield:plugin/{hook}@1.0.0#decide")
             (param{}) (param $dn_len i32) (param{}) (result i32) {body})"#,
        params(before),
        params(behind)
    );
    module(&format!("{hook}-plugin"), &function, items)
}

/// A guest that refuses every call with `status`.
pub(crate) fn refusing(status: u16) -> Vec<u8> {
    route(&format!("(call $refuse (i32.const 2) (i32.const {status}))"))
}

/// A guest whose plan has `count` targets, all the same, of this kind and value.
pub(crate) fn planning(count: u32, kind: &str, value: &str) -> Vec<u8> {
    let (kind, value) = (kind.as_bytes(), value.as_bytes());
    // A target takes 28 bytes: kind, value, ring-ms, attrs.
    let items = format!(
        r#"(data (i32.const 2048) "{}")
           (data (i32.const 3072) "{}")
           (func $target (param $at i32)
             (i32.store (local.get $at) (i32.const 2048))
             (i32.store offset=4 (local.get $at) (i32.const {kind_len}))
             (i32.store offset=8 (local.get $at) (i32.const 3072))
             (i32.store offset=12 (local.get $at) (i32.const {value_len})))
           (func $plan (result i32)
             (local $n i32) (local $at i32)
             (drop (call $pass))
             (drop (memory.grow (i32.const {pages})))
             (local.set $at (i32.const 65536))
             (block $done (loop $more
               (br_if $done (i32.ge_u (local.get $n) (i32.const {count})))
               (call $target (local.get $at))
               (local.set $at (i32.add (local.get $at) (i32.const 28)))
               (local.set $n (i32.add (local.get $n) (i32.const 1)))
               (br $more)))
             (i32.store (i32.const 1024) (i32.const 1))
             (i32.store (i32.const 1028) (i32.const 65536))
             (i32.store (i32.const 1032) (i32.const {count}))
             (i32.store (i32.const 1036) (i32.const 0))
             (i32.store (i32.const 1040) (i32.const 0))
             (i32.const 1024))"#,
        escaped(kind),
        escaped(value),
        kind_len = kind.len(),
        value_len = value.len(),
        pages = count * 28 / 65536 + 1,
    );
    route_with("(call $plan)", &items)
}

/// A guest of a contract that has grown: it refuses with 486 at `route`, has a hook `tomorrow` beside it, and imports what stands in
/// `imports`, of which `snapshot` may have a function `weather`.
pub(crate) fn of_tomorrow(imports: &str) -> Vec<u8> {
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sdk/wit/v1/plugin.wit");
    let wit = std::fs::read_to_string(wit).expect("the contract");
    let weather = "interface snapshot {\n    weather: func() -> u32;";
    let wit = wit.replacen("interface snapshot {", weather, 1)
        + "interface tomorrow {
               use types.{call-facts, reason};
               variant verdict { pass, refuse(u16) }
               decide: func(call: call-facts) -> tuple<verdict, list<reason>>;
           }
           world tomorrow-plugin { import snapshot; import logging; export route; export tomorrow; }";
    let mut resolve = Resolve::default();
    let package = resolve.push_str("grown.wit", &wit).expect("the grown contract");
    let refuses = "(call $refuse (i32.const 2) (i32.const 486))";
    let functions = [exported("route", refuses), exported("tomorrow", "(call $pass)")].concat();
    let text = format!("(module {imports} {FRAME} {functions})");
    let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"));
    let world = resolve.select_world(&[package], Some("tomorrow-plugin")).expect("the world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("embedded");
    module
}

/// A guest that counts its questions under the key `k` and refuses each with 400 and the count, up to 699.
pub(crate) fn counting() -> Vec<u8> {
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sdk/wit/v1/plugin.wit");
    let wit = std::fs::read_to_string(wit).expect("the contract")
        + "world counting-plugin { import snapshot; import logging; import state; export route; }";
    let mut resolve = Resolve::default();
    let package = resolve.push_str("counting.wit", &wit).expect("the contract");
    // The result lies at 4096: its tag, and the sum from 4104.
    let body = exported(
        "route",
        "(call $increment (i32.const 2048) (i32.const 1) (i64.const 1) (i32.const 4096))
         (if (i32.load8_u (i32.const 4096)) (then (unreachable)))
         (call $refuse (i32.const 2) (i32.add (i32.const 400)
           (i32.rem_u (i32.wrap_i64 (i64.load (i32.const 4104))) (i32.const 300))))",
    );
    let import = r#"(import "jackfield:plugin/state@1.0.0" "increment"
                      (func $increment (param i32 i32 i64 i32)))"#;
    let text = format!(r#"(module {import} {FRAME} (data (i32.const 2048) "k") {body})"#);
    let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"));
    let world = resolve.select_world(&[package], Some("counting-plugin")).expect("the world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("embedded");
    module
}

fn exported(hook: &str, body: &str) -> String {
    format!(
        r#"(func (export "jackfield:plugin/{hook}@1.0.0#decide") (param $facts i32) (result i32) {body})"#
    )
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// A core module with the interface types of `world` embedded, as a compiler of the SDK leaves it.
fn module(world: &str, functions: &str, items: &str) -> Vec<u8> {
    let text = format!("(module {FRAME} {items} {functions})");
    let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"));
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sdk/wit/v1");
    let (package, _) = resolve.push_dir(wit).expect("the contract");
    let world = resolve.select_world(&[package], Some(world)).expect("the world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("embedded");
    module
}
