#![allow(clippy::unwrap_used, clippy::expect_used)]

use guest::{AuthorisationVerdict, FanOutVerdict, Filter, testing};

use super::*;

fn configured(list: &str, rules: &str) -> Stock {
    testing::reset();
    testing::set_config(list, rules);
    testing::plugin().unwrap()
}

fn to_dn(application: &str, dn: &str) -> Subscription {
    Subscription { dn: dn.to_owned(), ..Subscription::new("dn", application) }
}

#[test]
fn without_configuration_everybody_gets_and_may_everything() {
    testing::reset();
    let stock: Stock = testing::plugin().unwrap();
    assert_eq!(stock.fan_out(&to_dn("desktop", "2001")), FanOut::pass());
    let hold = ClientRequest::new("RequestHoldCall", "desktop", "2001");
    assert_eq!(stock.authorise_request(&hold), Authorisation::pass());
}

#[test]
fn the_first_rule_that_fits_says_what_a_subscriber_gets() {
    let stock = configured(
        "subscriptions",
        r#"[{"applications":["wall*"],"dns":["2*"],"events":["EventRinging"],"call-types":"Inbound","group":"g"},
            {"applications":"wallboard","without":["EventPartyChanged"]},
            {"kinds":["calls"],"group":"ICON"},
            {"ports":["SmartProxy"],"refuse":59},
            {"applications":"spy","refuse":true}]"#,
    );
    let texts = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    let one = Filter {
        events: texts(&["EventRinging"]),
        call_types: texts(&["Inbound"]),
        ..Filter::default()
    };
    let two = Filter { without: texts(&["EventPartyChanged"]), ..Filter::default() };
    let three = Filter { group: Some("ICON".to_owned()), ..Filter::default() };
    let proxied = Subscription { port: "SmartProxy".to_owned(), ..to_dn("desktop", "2001") };
    for (subscription, expected) in [
        (to_dn("wallboard", "2001"), FanOutVerdict::Deliver(one)),
        (to_dn("wallboard", "3001"), FanOutVerdict::Deliver(two)),
        (Subscription::new("calls", "any"), FanOutVerdict::Deliver(three)),
        (proxied, FanOutVerdict::Refuse(59)),
        (to_dn("spy", "2001"), FanOutVerdict::Refuse(1016)),
        (to_dn("desktop", "2001"), FanOutVerdict::Pass),
    ] {
        assert_eq!(stock.fan_out(&subscription).verdict, expected, "{subscription:?}");
    }
}

#[test]
fn the_first_rule_that_fits_says_whether_a_client_may() {
    let stock = configured(
        "requests",
        r#"[{"applications":"wallboard","names":["RequestQuery*"]},
            {"applications":"wallboard","refuse":true},
            {"names":["RequestMakeCall"],"dns":"29*","refuse":415}]"#,
    );
    for (name, application, dn, expected) in [
        ("RequestQueryAddress", "wallboard", "2001", AuthorisationVerdict::Pass),
        ("RequestMakeCall", "wallboard", "2001", AuthorisationVerdict::Refuse(1016)),
        ("RequestMakeCall", "desktop", "2901", AuthorisationVerdict::Refuse(415)),
        ("RequestMakeCall", "desktop", "2001", AuthorisationVerdict::Pass),
    ] {
        let request = ClientRequest::new(name, application, dn);
        assert_eq!(stock.authorise_request(&request).verdict, expected, "{name} {application}");
    }
}
