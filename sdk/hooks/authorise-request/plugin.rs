fn authorise_request(&self, request: &ClientRequest) -> Authorisation {
    if request.name != "RequestMakeCall" {
        return Authorisation::pass();
    }
    match request.attribute("OtherDN") {
        Some(to) if to.starts_with("0900") => {
            Authorisation::refuse(1016).because("premium", "premium numbers are barred")
        }
        Some("0") => {
            Authorisation::pass().change("OtherDN", "2000").because("desk", "0 is the desk")
        }
        Some(_) | None => Authorisation::pass(),
    }
}
