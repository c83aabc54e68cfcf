fn dn_owner(&self, change: &OwnerChange) -> Ownership {
    if change.kind == "client-registered" && change.may_own() {
        if change.owner == Owner::Phone {
            return Ownership::keep().because("phone", "the phone was there first");
        }
        return Ownership::claim().because("softphone", &change.application);
    }
    if change.kind == "client-gone" && change.by_owner {
        return Ownership::release().because("softphone", "it has gone");
    }
    Ownership::pass()
}
