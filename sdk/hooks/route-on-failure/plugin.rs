fn route_on_failure(&self, _: &Call, failure: &Failure) -> Answer {
    if failure.status() == Some(486) && failure.attempts.len() == 1 {
        let mailbox = Plan::to(uri("sip:mailbox@192.0.2.9")).diverted(Diversion::UserBusy);
        return mailbox.because("busy", "the mailbox takes it").into();
    }
    Answer::proceed()
}
