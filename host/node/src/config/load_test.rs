#![allow(clippy::unwrap_used, clippy::expect_used)]
//! Every problem is placed on its line and says what to do.

use std::{net::SocketAddr, path::Path};

use super::{Config, Overrides, load};

fn load_text(text: &str) -> Result<Config, String> {
    load_with(text, &[])
}

fn load_with(text: &str, set: &[&str]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jackfield.toml");
    std::fs::write(&path, text).unwrap();
    let overrides =
        Overrides { set: set.iter().map(|s| (*s).to_owned()).collect(), plugins: vec![] };
    load(Some(&path), &overrides)
        .map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
}

fn refusal(text: &str) -> String {
    load_text(text).expect_err("the text should have been refused")
}

#[test]
fn without_a_file_everything_has_its_default() {
    let config = load(None, &Overrides::default()).unwrap();
    assert_eq!(config, Config { folder: "".into(), ..Config::default() });
    assert!(config.sip.listen.iter().all(|listener| listener.bind.ip().is_loopback()));
    assert!(config.http.bind.ip().is_loopback() && config.media.bind.is_loopback());
}

#[test]
fn an_unknown_key_names_its_line_and_the_nearest_valid_key() {
    assert_eq!(
        refusal("[node]\nname = \"a\"\n\n[http]\nbnd = \"127.0.0.1:1\"\n"),
        "jackfield.toml:5:1: unknown key `bnd` in [http]; did you mean `bind`?"
    );
    assert_eq!(
        refusal("[htp]\nbind = \"127.0.0.1:1\"\n"),
        "jackfield.toml:1:2: unknown key `htp`; did you mean `http`?"
    );
    assert_eq!(
        refusal(
            "[[sip.listen]]\nname = \"a\"\n[[sip.listen]]\nname = \"b\"\nbind = \"127.0.0.1:5062\"\nadvertize = \"192.0.2.1\"\n"
        ),
        "jackfield.toml:6:1: unknown key `advertize` in [sip.listen]; did you mean `advertise`?"
    );
}

#[test]
fn a_problem_is_placed_where_its_key_is_and_not_where_its_section_is_said_again() {
    let error = load_with("[sip]\nring_timeout_s = 0\n", &["sip.t1_ms=400"]).unwrap_err();
    assert!(error.starts_with("jackfield.toml:2:1: `ring_timeout_s` is 0"), "{error}");
}

#[test]
fn every_problem_of_a_file_is_reported_at_once() {
    assert_eq!(
        refusal(
            "[sip]\nt1_msec = 1\nt2_ms = \"long\"\n[media]\nthreads = 0\nmode = \"anchored\"\n"
        ),
        "jackfield.toml:6:8: `mode` cannot be `anchored`; did you mean `anchor`?\n\
         jackfield.toml:2:1: unknown key `t1_msec` in [sip]; did you mean `t1_ms`?\n\
         jackfield.toml:3:9: `t2_ms`: invalid type: string \"long\", expected u64\n\
         jackfield.toml:5:1: `threads` is 0, out of range; give 1 to 64"
    );
}

#[test]
fn http_off_loopback_needs_a_token() {
    assert_eq!(
        refusal("[http]\nbind = \"0.0.0.0:8080\"\n"),
        "jackfield.toml:2:1: `bind` 0.0.0.0:8080 is not loopback and there is no token; \
         set `token` in [http], or bind to 127.0.0.1"
    );
    let ok = "[http]\nbind = \"0.0.0.0:8080\"\ntoken = \"0123456789abcdef\"\n";
    assert_eq!(load_text(ok).unwrap().http.bind, SocketAddr::from(([0, 0, 0, 0], 8080)));
}

#[test]
fn an_unspecified_listener_needs_the_address_peers_reach_it_at() {
    assert_eq!(
        refusal("[[sip.listen]]\nname = \"lan\"\nbind = \"0.0.0.0:5060\"\n"),
        "jackfield.toml:3:1: `bind` is 0.0.0.0, which is no address peers can send to; \
         set `advertise` to the address they reach this listener at"
    );
}

#[test]
fn text_that_is_not_toml_names_the_line() {
    let refused = refusal("[sip]\nt1_ms = = 3\n");
    assert!(refused.starts_with("jackfield.toml:2:"), "{refused}");
    assert!(refused.contains("not TOML"), "{refused}");
}

#[test]
fn a_set_argument_lies_over_the_file_and_its_problems_name_it() {
    let config = load_with("[sip]\nt1_ms = 250\nt4_ms = 4000\n", &["sip.t1_ms=100"]).unwrap();
    assert_eq!((config.sip.t1_ms, config.sip.t4_ms), (100, 4000));
    let config = load_with("", &["node.name=edge one"]).unwrap();
    assert_eq!(config.node.name, "edge one");
    assert_eq!(
        load_with("", &["sip.t1=100", "media.threads=65"]).unwrap_err(),
        "--set sip.t1=100: unknown key `t1` in [sip]; did you mean `t1_ms`?\n\
         --set media.threads=65: `threads` is 65, out of range; give 1 to 64"
    );
    assert_eq!(
        load_with("", &["media"]).unwrap_err(),
        "--set media: not KEY=VALUE; write for example --set sip.t1_ms=250"
    );
}

#[test]
fn a_missing_file_says_so() {
    let missing = Path::new("no-such-folder/jackfield.toml");
    let refused = load(Some(missing), &Overrides::default()).unwrap_err().to_string();
    assert!(
        refused.starts_with("cannot read the configuration no-such-folder/jackfield.toml: "),
        "{refused}"
    );
}

#[test]
fn relative_plugin_paths_start_from_the_file() {
    let config = load_text("[plugins]\nload = [\"scripts/a.rhai\", \"/b.wasm\"]\n").unwrap();
    let paths = config.plugin_paths();
    assert!(paths[0].is_absolute() && paths[0].ends_with("scripts/a.rhai"), "{paths:?}");
    assert_eq!(paths[1], Path::new("/b.wasm"));
}

#[test]
fn a_plugin_is_handed_its_own_table() {
    let config = load_text("[plugins.config.route]\nweekend = \"2999@localhost\"\n").unwrap();
    assert_eq!(
        config.plugins.config["route"].get("weekend").and_then(toml::Value::as_str),
        Some("2999@localhost")
    );
}

#[test]
fn a_listener_offers_only_algorithms_that_are_taken() {
    let text = "[auth]\nalgorithms = [\"SHA-256\"]\n[[sip.listen]]\nname = \"old\"\nalgorithms = [\"MD5\"]\n";
    assert_eq!(
        refusal(text),
        "jackfield.toml:5:1: \"MD5\" is not among `auth.algorithms`; \
         add it to `auth.algorithms`, or leave it out here"
    );
}
