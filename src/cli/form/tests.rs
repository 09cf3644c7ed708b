//! The whole form without a terminal.
use std::path::PathBuf;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::{Terminal, backend::TestBackend};

use super::{
    Effect, Form, Input, Setup,
    offers::{Kind, Offer},
    view,
};
use crate::{dash::Theme, model::Host, sources::open::Open};

fn setup(n_repos: usize) -> Setup {
    let repos = ["blog", "shop"].map(|it| (it.to_owned(), PathBuf::from(format!("/src/{it}"))));
    let agents = ["pi", "claude", "codex"].map(str::to_owned).to_vec();
    Setup { repos: repos.into_iter().take(n_repos).collect(), is_here: true, agents }
}

fn offer(kind: Kind, number: u64, title: &str) -> Offer {
    let open = Open { number, title: title.to_owned(), about: "bug".to_owned() };
    Offer::of_forge(Host::Github, kind, open)
}

fn form() -> Form {
    let mut form = Form::new(setup(2), "", vec!["newest".to_owned(), "older".to_owned()]);
    let issues = [(456, "Login fails on Safari"), (389, "Safari: fonts too small"), (7, "Docs")];
    let issues = issues.map(|(n, title)| offer(Kind::Issue, n, title)).to_vec();
    form.handle(Input::Offers(Kind::Issue, Ok(issues)));
    form.handle(Input::Offers(Kind::Pull, Ok(vec![offer(Kind::Pull, 12, "Fix the safari fonts")])));
    form
}

fn press(form: &mut Form, code: KeyCode, modifiers: KeyModifiers) -> Vec<Effect> {
    form.handle(Input::Key(KeyEvent::new(code, modifiers)))
}

fn key(form: &mut Form, code: KeyCode) -> Vec<Effect> {
    press(form, code, KeyModifiers::NONE)
}

fn write(form: &mut Form, text: &str) {
    for c in text.chars() {
        assert_eq!(key(form, KeyCode::Char(c)), []);
    }
}

fn args(form: &mut Form) -> String {
    match key(form, KeyCode::Enter).as_slice() {
        [Effect::Start(wanted)] => wanted.args.join(" "),
        other => panic!("{other:?}, {:?}", form.problem),
    }
}

#[test]
fn a_text_is_the_task_until_an_offer_is_chosen() {
    let mut form = form();
    write(&mut form, "safari");
    assert_eq!(form.shown().iter().map(|it| it.name.clone()).collect::<Vec<_>>().len(), 3);
    assert_eq!(args(&mut form), "--prompt=safari");
    key(&mut form, KeyCode::Down);
    let first = form.shown()[0].args.join(" ");
    assert_eq!(args(&mut form), first);
    key(&mut form, KeyCode::Up);
    assert_eq!(args(&mut form), "--prompt=safari");
}

#[test]
fn a_sign_asks_for_an_issue_or_a_pull_request() {
    let mut form = form();
    write(&mut form, "#");
    assert_eq!(form.shown().len(), 3);
    write(&mut form, "docs");
    assert_eq!(args(&mut form), "--github=7 --type=issue");
    let mut pulls = self::form();
    write(&mut pulls, "!fon");
    assert_eq!(args(&mut pulls), "--github=12 --type=pr");
    // A number needs no list.
    let mut alone = Form::new(setup(1), "", Vec::new());
    write(&mut alone, "#99");
    assert_eq!(args(&mut alone), "--github=99 --type=issue");
    write(&mut alone, "x");
    assert_eq!(key(&mut alone, KeyCode::Enter), []);
    assert!(alone.problem.is_some());
    // On GitLab, too.
    let mut gitlab = Form::new(setup(1), "!7", Vec::new());
    gitlab.handle(Input::Forge(Host::Gitlab));
    assert_eq!(args(&mut gitlab), "--gitlab=7 --type=mr");
}

#[test]
fn tickets_are_listed_with_the_issues_and_without_a_forge() {
    let ticket = Offer {
        name: "PROJ-123".to_owned(),
        title: "Export the report".to_owned(),
        about: String::new(),
        args: vec!["--jira=PROJ-123".to_owned()],
    };
    let mut both = form();
    both.handle(Input::Offers(Kind::Ticket, Ok(vec![ticket.clone()])));
    write(&mut both, "#");
    assert_eq!(both.shown().len(), 4);
    write(&mut both, "export");
    assert_eq!(args(&mut both), "--jira=PROJ-123");
    let mut alone = Form::new(setup(1), "", Vec::new());
    alone.handle(Input::Offers(Kind::Issue, Err("no remote".to_owned())));
    write(&mut alone, "#proj-123");
    assert!(alone.offers.trouble("#").is_some());
    alone.handle(Input::Offers(Kind::Ticket, Ok(vec![ticket])));
    assert_eq!(alone.offers.trouble("#"), None);
    key(&mut alone, KeyCode::Up);
    assert_eq!(args(&mut alone), "--jira=PROJ-123");
}

#[test]
fn options_are_changed_by_keys_and_only_then_passed_on() {
    let mut form = form();
    write(&mut form, "x y");
    key(&mut form, KeyCode::Tab);
    key(&mut form, KeyCode::Right);
    key(&mut form, KeyCode::Tab);
    write(&mut form, "opus");
    key(&mut form, KeyCode::Tab);
    key(&mut form, KeyCode::Left);
    key(&mut form, KeyCode::Tab);
    write(&mut form, "dev");
    key(&mut form, KeyCode::Tab);
    key(&mut form, KeyCode::Char(' '));
    key(&mut form, KeyCode::Tab);
    assert_eq!(key(&mut form, KeyCode::Right), [Effect::Load]);
    assert_eq!(
        args(&mut form),
        "--prompt=x y --agent=claude --model=opus --base=dev --launch=session --plan \
         --project=/src/shop"
    );
    key(&mut form, KeyCode::Tab);
    assert_eq!(form.focus, super::Field::Text);
    key(&mut form, KeyCode::BackTab);
    assert_eq!(form.focus, super::Field::Repo);
}

#[test]
fn earlier_texts_come_back_and_the_draft_after_them() {
    let mut form = form();
    write(&mut form, "now");
    for want in ["newest", "older", "now", "newest"] {
        press(&mut form, KeyCode::Char('r'), KeyModifiers::CONTROL);
        assert_eq!(form.text(), want);
    }
}

#[test]
fn lines_and_pastes_are_text_and_nothing_else() {
    let mut form = form();
    assert_eq!(key(&mut form, KeyCode::Enter), []);
    assert!(form.problem.is_some());
    write(&mut form, "one");
    press(&mut form, KeyCode::Enter, KeyModifiers::ALT);
    form.handle(Input::Paste("# two\r\nthr\x1bee".to_owned()));
    assert_eq!(args(&mut form), "--prompt=one\n# two\nthree");
    let stays = press(&mut form, KeyCode::Char('o'), KeyModifiers::CONTROL);
    assert!(matches!(&stays[..], [Effect::Start(it)] if it.stays));
    assert_eq!(key(&mut form, KeyCode::Esc), [Effect::Leave]);
}

#[test]
fn it_is_drawn_at_every_size() {
    let mut form = form();
    write(&mut form, "safari");
    let picture = |form: &Form, width, height| {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let theme = Theme { colour: false, unicode: true };
        terminal.draw(|frame| view::draw(form, theme, frame)).unwrap();
        terminal.backend().to_string()
    };
    for (width, height) in [(1, 1), (10, 3), (40, 10), (250, 80)] {
        picture(&form, width, height);
    }
    insta::assert_snapshot!(picture(&form, 80, 16));
}
