fn register(&self, request: &Request, contacts: &[Contact]) -> Acceptance {
    for contact in contacts {
        if contact.uri.contains("@10.") {
            return Acceptance::refuse(403).because("network", "phones of that network stay out");
        }
    }
    if request.callee.user.starts_with("guest") {
        let one = Acceptance::accept().contacts(1).expires_secs(300);
        return one.because("guest", "one phone, five minutes");
    }
    Acceptance::pass()
}
