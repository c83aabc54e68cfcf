use super::*;

fn command(kind: &str, attrs: &[(&str, &str)]) -> ProposedCommand {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    ProposedCommand { kind: kind.to_owned(), attrs: attrs.iter().map(owned).collect() }
}

fn said(kind: &str, attrs: &[(&str, &str)]) -> String {
    let checked = check(vec![command(kind, attrs)], &AnswerLimits::default());
    checked
        .into_iter()
        .map(|checked| checked.map_or_else(|why| why, |command| command.to_string()))
        .collect()
}

#[test]
fn commands_are_read_by_their_names() {
    assert_eq!(said("tag", &[("name", "vip"), ("value", "yes")]), "tag vip = yes");
    assert_eq!(said("tag", &[("name", "vip"), ("value", "")]), "tag vip = ");
    assert_eq!(said("timer", &[("name", "long"), ("ms", "1500")]), "timer long in 1500 ms");
    assert_eq!(said("stop-timer", &[("name", "long")]), "stop-timer long");
    assert_eq!(said("release", &[]), "release");
    let both = [("status", "486"), ("cause", "17"), ("text", "busy"), ("later", "x")];
    assert_eq!(said("release", &both), "release 486 cause 17");
    let release = |text: &str| {
        let checked = check(vec![command("release", &[("text", text)])], &AnswerLimits::default());
        match checked.into_iter().next() {
            Some(Ok(Command::Release(release))) => release.text,
            other => format!("{other:?}"),
        }
    };
    assert_eq!(release("a\r\nVia: b"), "a  Via: b", "it ends the call whatever it says");
    assert_eq!(release(&"x".repeat(5000)).len(), AnswerLimits::default().number_bytes_max);
}

#[test]
fn what_is_wrong_with_a_command_is_said() {
    assert_eq!(said("dance", &[]), "`dance` is not known to this version of the host");
    assert_eq!(said("tag", &[("value", "yes")]), "`tag` has no name");
    assert_eq!(said("tag", &[("name", ""), ("value", "yes")]), "`tag` name is empty");
    assert_eq!(said("tag", &[("name", "vip")]), "`tag` has no value");
    let folded = said("tag", &[("name", "vip"), ("value", "a\r\nb")]);
    assert_eq!(folded, "`tag` value `a  b` holds control characters");
    assert_eq!(said("timer", &[("name", "long")]), "`timer` has no ms");
    let said_of = |ms| said("timer", &[("name", "long"), ("ms", ms)]);
    assert_eq!(said_of("-1"), "`timer` ms is a number from 0 to 4294967295, not `-1`");
    assert_eq!(
        said("release", &[("status", "200")]),
        "`release` status is a number from 400 to 699, not `200`"
    );
    assert_eq!(
        said("release", &[("cause", "0")]),
        "`release` cause is a number from 1 to 127, not `0`"
    );
    assert!(said("tag", &[("name", &"x".repeat(200)), ("value", "")]).contains("longer than 128"));
}

#[test]
fn a_flood_is_cut_off_and_a_wrong_command_costs_the_others_nothing() {
    let limits = AnswerLimits { commands_max: 2, ..AnswerLimits::default() };
    let commands = vec![
        command("nonsense", &[]),
        command("stop-timer", &[("name", "a")]),
        command("stop-timer", &[("name", "b")]),
    ];
    let checked = check(commands, &limits);
    assert_eq!(
        checked,
        [
            Err("`nonsense` is not known to this version of the host".to_owned()),
            Ok(Command::StopTimer { name: "a".to_owned() }),
            Err("3 commands at once; 2 are taken (commands_max)".to_owned()),
        ]
    );
}

#[test]
fn parties_are_held_taken_back_and_sent_on() {
    assert_eq!(said("hold", &[]), "hold");
    assert_eq!(said("resume", &[("party", "callee")]), "resume callee");
    let to = |to| said("transfer", &[("party", "caller"), ("to", to)]);
    assert_eq!(to("3000"), "transfer caller to 3000");
    assert_eq!(to("sips:q@example.com;x=y"), "transfer caller to sips:q@example.com;x=y");
    assert!(to("3000@example.com").contains("a URI is sip:host"));
    assert!(to("sip:a@h>\r\nX: y").contains("holds characters that no URI has"));
    assert!(to("").contains("no user part"));
    assert_eq!(
        said("hold", &[("party", "both")]),
        "`hold` party is `caller` or `callee`, not `both`"
    );
    assert_eq!(said("transfer", &[("to", "1")]), "`transfer` has no party: caller or callee");
    assert_eq!(said("transfer", &[("party", "caller")]), "`transfer` has no to");
}
