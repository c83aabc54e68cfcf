fn call_event(&self, call: &Call, event: &Event) -> Commands {
    if event.kind == "answered" && call.caller.user.starts_with("lobby") {
        return Commands::none().timer("longest", Duration::from_secs(180));
    }
    if event.is_timer("longest") {
        return Commands::none().release().cause(102).because("longest", "three minutes are enough");
    }
    Commands::none()
}
