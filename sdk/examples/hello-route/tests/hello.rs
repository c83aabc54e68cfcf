//! What the example decides, and that it builds to a module.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use guest::{Answer, Plan, Plugin, aor, testing, uri};
use hello_route::HelloRoute;
use plugin_build::{Request, plugins_dir};

fn route(callee: &str) -> Answer {
    let plugin: HelloRoute = testing::plugin().unwrap();
    plugin.route(&testing::call(callee))
}

#[test]
fn hello_rings_the_desk_first() {
    testing::reset();
    testing::set_config("desk", "3000@example.com");
    let plan = Plan::to(aor("3000@example.com")).ring_secs(20).then(uri("sip:hello@192.0.2.1"));
    assert_eq!(
        route("sip:hello@example.com"),
        plan.because("hello", "the desk first, then the branch office").into()
    );
}

#[test]
fn any_other_name_is_left_to_the_next_plugin() {
    testing::reset();
    assert_eq!(route("sip:2000@example.com"), Answer::pass());
}

#[test]
fn spam_is_refused() {
    testing::reset();
    testing::add_header("Subject", "spam");
    assert_eq!(
        route("sip:hello@example.com"),
        Answer::refuse(603).because("spam", "the subject says so")
    );
}

#[test]
fn it_builds_to_a_module() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../Cargo.toml");
    let request = Request::new(workspace, plugins_dir(Path::new(env!("CARGO_TARGET_TMPDIR"))));
    let modules = request.package("hello-route").build().unwrap_or_else(|error| panic!("{error}"));
    let module = std::fs::read(&modules[0].path).unwrap();
    assert!(module.starts_with(b"\0asm\x01\0\0\0"), "not a core module");
    let exported = "jackfield:plugin/route@1.0.0#decide".as_bytes();
    assert!(module.windows(exported.len()).any(|window| window == exported));
}
