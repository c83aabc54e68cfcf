//! Between the contract and an author's plugin, for the hooks about T-Library clients and the owners of DNs.

use crate::{
    Authorisation, AuthorisationVerdict, ClientRequest, FanOut, FanOutVerdict, Owner, OwnerChange,
    Ownership, OwnershipVerdict, Reason, Subscription,
    bindings::{
        authorise_request::exports::jackfield::plugin::authorise_request,
        dn_owner::exports::jackfield::plugin::dn_owner,
        fan_out::exports::jackfield::plugin::fan_out,
    },
    export::{Exported, Registered},
};

impl<P: Registered> dn_owner::Guest for Exported<P> {
    fn decide(change: dn_owner::Change) -> (dn_owner::Verdict, Vec<Reason>) {
        let owner = match change.owner.as_str() {
            "phone" => Owner::Phone,
            "application" => Owner::Application(change.owner_application),
            _ => Owner::Nobody,
        };
        let change = OwnerChange {
            dn: change.dn,
            kind: change.kind,
            application: change.application,
            sip: change.sip,
            owner,
            by_owner: change.by_owner,
            applications: change.applications,
            attrs: change.attrs,
        };
        let Ownership { verdict, reasons } = P::with(|plugin| plugin.dn_owner(&change));
        let verdict = match verdict {
            OwnershipVerdict::Pass => dn_owner::Verdict::Pass,
            OwnershipVerdict::Claim => dn_owner::Verdict::Claim,
            OwnershipVerdict::Keep => dn_owner::Verdict::Keep,
            OwnershipVerdict::Release => dn_owner::Verdict::Release,
        };
        (verdict, reasons)
    }
}

impl<P: Registered> fan_out::Guest for Exported<P> {
    fn decide(subscription: fan_out::Subscription) -> (fan_out::Verdict, Vec<Reason>) {
        let subscription = Subscription {
            kind: subscription.kind,
            port: subscription.port,
            application: subscription.application,
            dn: subscription.dn,
            dn_type: subscription.dn_type,
            extensions: subscription.extensions,
            attrs: subscription.attrs,
        };
        let FanOut { verdict, reasons } = P::with(|plugin| plugin.fan_out(&subscription));
        let verdict = match verdict {
            FanOutVerdict::Pass => fan_out::Verdict::Pass,
            FanOutVerdict::Deliver(filter) => fan_out::Verdict::Deliver(fan_out::Filter {
                events: filter.events,
                without: filter.without,
                call_types: filter.call_types,
                attrs: filter.group.map(|name| ("group".to_owned(), name)).into_iter().collect(),
            }),
            FanOutVerdict::Refuse(code) => fan_out::Verdict::Refuse(code),
        };
        (verdict, reasons)
    }
}

impl<P: Registered> authorise_request::Guest for Exported<P> {
    fn decide(request: authorise_request::Request) -> (authorise_request::Verdict, Vec<Reason>) {
        use authorise_request::Verdict;
        let request = ClientRequest {
            name: request.name,
            port: request.port,
            application: request.application,
            dn: request.dn,
            attributes: request.attributes,
            attrs: request.attrs,
        };
        let Authorisation { verdict, reasons } =
            P::with(|plugin| plugin.authorise_request(&request));
        let verdict = match verdict {
            AuthorisationVerdict::Pass => Verdict::Pass,
            AuthorisationVerdict::Allow => Verdict::Allow,
            AuthorisationVerdict::Change(changes) => Verdict::Change(changes),
            AuthorisationVerdict::Refuse(code) => Verdict::Refuse(code),
        };
        (verdict, reasons)
    }
}
