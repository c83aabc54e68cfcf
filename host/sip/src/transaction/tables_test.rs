//! Every state with every event, of all four machines.

use std::fmt::Debug;

use super::{Step, invite_client, invite_server, non_invite_client, non_invite_server};

/// One line a pair: `State + Event -> State [actions]`, or `-` where the machine has no such arrow.
fn render<S, E>(states: &[S], events: &[E], step: impl Fn(S, E) -> Step<S>) -> String
where
    S: Copy + Debug + PartialEq,
    E: Copy + Debug,
{
    let mut text = String::new();
    for state in states {
        for event in events {
            let line = match step(*state, *event) {
                Some((next, actions)) => format!("{next:?} {actions:?}"),
                None => "-".to_owned(),
            };
            text.push_str(&format!("{state:?} + {event:?} -> {line}\n"));
        }
    }
    text
}

#[test]
fn the_invite_client_table() {
    use invite_client::{Event, START, State, step};
    let table = render(&State::ALL, &Event::ALL, step);
    insta::assert_snapshot!(format!("start {START:?}\n{table}"));
}

#[test]
fn the_non_invite_client_table() {
    use non_invite_client::{Event, START, State, step};
    let table = render(&State::ALL, &Event::ALL, step);
    insta::assert_snapshot!(format!("start {START:?}\n{table}"));
}

#[test]
fn the_invite_server_table() {
    use invite_server::{Event, START, State, step};
    let table = render(&State::ALL, &Event::ALL, step);
    insta::assert_snapshot!(format!("start {START:?}\n{table}"));
}

#[test]
fn the_non_invite_server_table() {
    use non_invite_server::{Event, START, State, step};
    let table = render(&State::ALL, &Event::ALL, step);
    insta::assert_snapshot!(format!("start {START:?}\n{table}"));
}

/// Walks a table from `start` by every event, and gives each state that can be reached.
fn reachable<S: Copy + PartialEq, E: Copy>(
    start: S,
    events: &[E],
    step: impl Fn(S, E) -> Step<S>,
) -> Vec<S> {
    let mut found = vec![start];
    let mut at = 0;
    while let Some(state) = found.get(at).copied() {
        at += 1;
        let nexts = events.iter().filter_map(|event| step(state, *event)).map(|(next, _)| next);
        for next in nexts {
            if !found.contains(&next) {
                found.push(next);
            }
        }
    }
    found
}

#[test]
fn every_state_can_be_reached_and_nothing_leaves_the_last() {
    let all = invite_client::State::ALL;
    let found = reachable(all[0], &invite_client::Event::ALL, invite_client::step);
    assert_eq!(found.len(), all.len());
    let all = non_invite_client::State::ALL;
    let found = reachable(all[0], &non_invite_client::Event::ALL, non_invite_client::step);
    assert_eq!(found.len(), all.len());
    let all = invite_server::State::ALL;
    let found = reachable(all[0], &invite_server::Event::ALL, invite_server::step);
    assert_eq!(found.len(), all.len());
    let all = non_invite_server::State::ALL;
    let found = reachable(all[0], &non_invite_server::Event::ALL, non_invite_server::step);
    assert_eq!(found.len(), all.len());
    for event in invite_client::Event::ALL {
        assert_eq!(invite_client::step(invite_client::State::Terminated, event), None);
    }
    for event in invite_server::Event::ALL {
        assert_eq!(invite_server::step(invite_server::State::Terminated, event), None);
    }
}
