fn route(&self, call: &Call) -> Answer {
    if call.callee.user != "desk" {
        return Answer::pass();
    }
    if call.header("Subject").as_deref() == Some("spam") {
        return Answer::refuse(603).because("spam", "the subject says so");
    }
    let desk = config("desk").unwrap_or_else(|| "2000@home.test".to_owned());
    Plan::to(aor(desk)).ring_secs(20).because("desk", "the desk is Ben's").into()
}
