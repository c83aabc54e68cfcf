fn header_policy(&self, _call: &Call, outgoing: &Outgoing) -> Edits {
    if outgoing.trunk().is_none() {
        return Edits::none();
    }
    Edits::none()
        .remove("X-*")
        .keep("X-Trace")
        .set("X-Customer-Id", "4711")
        .to_caller()
        .remove("Server")
        .because("border", "what is ours stays here")
}
