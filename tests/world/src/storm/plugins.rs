//! The plugins of a storm: they route by the script, lie as it says, and are replaced all the time.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use model::{
    Aor, ConnId, GenerationToken,
    hook::{
        Ask, Destination, End, HeaderChange, HeaderEdit, MediaMode, Plan, Question, Target, Verdict,
    },
};

use super::script::{Callee, Lie, Script};
use crate::{Decider, HOST, Reply};

/// So many questions are answered by one generation.
const QUESTIONS_EACH: u64 = 5;

/// The generations there were, and which call belongs to which.
#[derive(Clone, Default)]
pub(super) struct Generations(Rc<RefCell<Book>>);

#[derive(Default)]
struct Book {
    questions: u64,
    tokens: Vec<GenerationToken>,
    table_by_call: BTreeMap<ConnId, u64>,
    broken: Vec<String>,
}

impl Generations {
    /// The token a question is answered under: the current one's for a new call, for another what it is pinned to.
    fn answer(&self, question: &Question) -> GenerationToken {
        let book = &mut *self.0.borrow_mut();
        if book.questions.is_multiple_of(QUESTIONS_EACH) {
            book.tokens.push(GenerationToken::new(book.questions / QUESTIONS_EACH + 1));
        }
        book.questions += 1;
        let conn = question.call.conn_id;
        let pinned = question.pin.as_ref().map(GenerationToken::table);
        let known = book.table_by_call.get(&conn).copied();
        let goes_on = matches!(
            question.ask,
            Ask::RouteOnFailure { .. } | Ask::CallEvent(_) | Ask::HeaderPolicy(_)
        );
        if goes_on && pinned != known {
            book.broken
                .push(format!("call {conn} was of generation {known:?} and asks {pinned:?}"));
        }
        let token = question.pin.clone().or_else(|| book.tokens.last().cloned());
        let token = token.unwrap_or_else(|| GenerationToken::new(0));
        book.table_by_call.insert(conn, token.table());
        token
    }

    /// The node began anew, and counts its calls anew.
    pub(super) fn restarted(&self) {
        self.0.borrow_mut().table_by_call.clear();
    }

    /// Calls that were asked about under two generations, and generations that a call which is over still holds.
    pub(super) fn broken(&self) -> Vec<String> {
        let book = self.0.borrow();
        let held = book.tokens.iter().filter(|token| token.holders() > 1);
        let held = held.map(|token| format!("{token:?} is held by {} more", token.holders() - 1));
        book.broken.iter().cloned().chain(held).collect()
    }
}

/// Answers as the scripts say, by the caller's number.
pub(super) fn decider(scripts: Vec<Script>, generations: &Generations) -> Decider {
    let generations = generations.clone();
    Box::new(move |question, _| {
        let Some((lie, groups)) = whose(&scripts, question) else {
            return vec![Reply::now(Verdict::BuiltIn)];
        };
        if lie == Lie::Silent {
            return Vec::new();
        }
        let pin = Some(generations.answer(question));
        let replies = match (&question.ask, lie) {
            (Ask::RouteOnFailure { .. }, _) => vec![Reply::now(Verdict::Continue)],
            (Ask::CallEvent(_), _) => vec![Reply::now(Verdict::BuiltIn)],
            (Ask::HeaderPolicy(_), Lie::Late(after)) => vec![Reply::late(edits(), after)],
            (Ask::HeaderPolicy(_), Lie::Twice) => {
                vec![Reply::now(edits()), Reply::late(edits(), Duration::from_secs(1))]
            }
            (Ask::HeaderPolicy(_), _) => vec![Reply::now(edits())],
            // A storm has no T-Library clients, and the rules of the T-Controller stand below.
            (Ask::DnOwner(_) | Ask::FanOut(_) | Ask::AuthoriseRequest(_), _) => {
                vec![Reply::now(Verdict::BuiltIn)]
            }
            (_, Lie::Refuse(status)) => vec![Reply::now(Verdict::Refuse(status))],
            (_, Lie::Late(after)) => vec![Reply::late(plan(lie, groups), after)],
            (_, Lie::Twice) => vec![
                Reply::now(plan(lie, groups)),
                Reply::now(Verdict::Refuse(603)),
                Reply::late(Verdict::Refuse(603), Duration::from_secs(1)),
            ],
            (_, Lie::Truth | Lie::Nobody | Lie::Silent) => vec![Reply::now(plan(lie, groups))],
        };
        replies.into_iter().map(|reply| Reply { pin: pin.clone(), ..reply }).collect()
    })
}

/// What is changed of every INVITE and of what comes back.
fn edits() -> Verdict {
    let edit = |toward, name: &str, change| HeaderEdit { toward, name: name.to_owned(), change };
    Verdict::Edit(vec![
        edit(End::Callee, "X-Storm", HeaderChange::Set("1".to_owned())),
        edit(End::Caller, "Server", HeaderChange::Remove),
    ])
}

/// What the script of a call says, told by the caller's number, or by that of whom a party is sent on to.
fn whose<'a>(scripts: &'a [Script], question: &Question) -> Option<(Lie, Groups<'a>)> {
    if let Some((number, _)) =
        question.call.callee.user.strip_prefix('t').and_then(|rest| rest.split_once('x'))
    {
        let mut transfers = scripts.get(number.parse::<usize>().ok()?)?.transfers.iter();
        let transfer = transfers.find(|transfer| transfer.to.user == question.call.callee.user)?;
        return Some((transfer.lie, Groups::One(&transfer.to)));
    }
    let number = question.call.caller.user.strip_prefix('a')?.parse::<usize>().ok()?;
    let script = scripts.get(number)?;
    Some((script.lie, Groups::All(&script.groups)))
}

/// Whom a call goes to.
#[derive(Clone, Copy)]
enum Groups<'a> {
    One(&'a Callee),
    All(&'a [Vec<Callee>]),
}

fn plan(lie: Lie, groups: Groups<'_>) -> Verdict {
    let target = |user: &str| Target::new(Destination::Aor(Aor::new(user, HOST)));
    let mut targets = Vec::new();
    if lie == Lie::Nobody {
        targets.push(target("nobody"));
    }
    match groups {
        Groups::One(callee) => targets.push(target(&callee.user)),
        Groups::All(groups) => {
            for group in groups {
                for (n, callee) in group.iter().enumerate() {
                    targets.push(Target { together: n > 0, ..target(&callee.user) });
                }
            }
        }
    }
    Verdict::Plan(Plan { targets, media: MediaMode::Default })
}
