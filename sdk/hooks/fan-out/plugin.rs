fn fan_out(&self, subscription: &Subscription) -> FanOut {
    if subscription.kind == "all-dns" && subscription.application != "wallboard" {
        return FanOut::refuse(1016).because("wallboard", "only the wallboard sees every DN");
    }
    if subscription.application == "recorder" {
        return FanOut::deliver()
            .events(["EventEstablished", "EventReleased"])
            .call_types(["Inbound", "Outbound"])
            .because("recorder", "it wants no more");
    }
    FanOut::pass()
}
