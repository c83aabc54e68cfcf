fn authenticate(&self, request: &Request) -> Identification {
    if request.source.starts_with("192.0.2.50:") && request.caller.user == "door" {
        let door = format!("door@{}", request.caller.host);
        return Identification::user(door).because("door", "known by its address");
    }
    Identification::pass()
}
