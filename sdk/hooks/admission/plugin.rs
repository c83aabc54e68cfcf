fn admission(&self, request: &Request) -> Admission {
    let agent = request.header("User-Agent").unwrap_or_default().to_lowercase();
    for scanner in ["friendly-scanner", "sipvicious", "sipcli"] {
        if agent.contains(scanner) {
            return Admission::drop().because("scanner", agent);
        }
    }
    Admission::pass()
}
