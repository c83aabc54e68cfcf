fn dial_plan(&self, call: &Call) -> Rewrite {
    let Some(dialled) = call.callee.user.strip_prefix("9") else {
        return Rewrite::pass();
    };
    let country = config("country").unwrap_or_else(|| "43".to_owned());
    let number = format!("+{country}{dialled}");
    Rewrite::callee(number).label("class", "outside").because("outside", "9 gets a line")
}
