//! The Smart Proxy, fed by a real T-Controller.

use std::sync::Arc;

use jackfield_cti::{
    ClientId, Dns, Module,
    smart_proxy::{Input, Output, SmartProxy, SmartProxySettings},
    t_controller::{
        self, Configuration, MonitorFeed, MonitorRequest, TController, TControllerSettings,
    },
};
use tlib::{AddressInfoType, Attribute, ErrorCode, Message, MessageType, RegisterMode};

use crate::{
    NONE, all_dns, at, client, facts, request,
    show::{delivered, text},
};

/// Both machines, and the mailboxes between them.
struct Bench {
    proxy: SmartProxy,
    controller: TController,
    /// What the T-Controller was asked.
    asked: Vec<String>,
    /// The T-Controller has no room for questions.
    is_full: bool,
    /// Events that were handed over to the Smart Proxy.
    fed: usize,
}

impl Bench {
    fn new(smart_proxy_enabled: bool) -> Self {
        let mut bench = Self {
            proxy: SmartProxy::new(SmartProxySettings::default(), facts()),
            controller: TController::new(TControllerSettings::default(), facts()),
            asked: Vec::new(),
            is_full: false,
            fed: 0,
        };
        bench.configure(smart_proxy_enabled, &all_dns());
        for number in 1..=2 {
            assert_eq!(bench.put(Input::Connected { client: monitor(number) }), NONE);
        }
        bench
    }

    fn configure(&mut self, smart_proxy_enabled: bool, dns: &Arc<Dns>) -> Vec<String> {
        // Without a cluster's DN the option of the application counts.
        let flag = if smart_proxy_enabled { "true" } else { "false" };
        let configuration = Configuration {
            dns: Arc::clone(dns),
            application: [("smart-proxy-enabled".into(), flag.into())].into(),
            ..Configuration::default()
        };
        self.put_controller(t_controller::Input::Configure(Box::new(configuration)));
        self.put(Input::Configure(Arc::clone(dns)))
    }

    fn put(&mut self, input: Input) -> Vec<String> {
        self.proxy.handle_input(at(0), input);
        self.run()
    }

    fn put_controller(&mut self, input: t_controller::Input) -> Vec<String> {
        self.controller.handle_input(at(0), input);
        self.run()
    }

    fn run(&mut self) -> Vec<String> {
        let mut shown = Vec::new();
        loop {
            if let Some(output) = self.controller.poll_output() {
                if let t_controller::Output::Monitor(feed) = output {
                    let is_event = matches!(feed, t_controller::MonitorFeed::Event { .. });
                    self.fed += usize::from(is_event);
                    self.proxy.handle_input(at(0), Input::Feed(feed));
                }
                continue;
            }
            match self.proxy.poll_output() {
                None => return shown,
                Some(Output::Ask(MonitorRequest::Ask { id, token, .. })) if self.is_full => {
                    let message = Message::new(MessageType::EventError)
                        .with(Attribute::ErrorCode, ErrorCode::TooManyRequests)
                        .with(Attribute::ReferenceID, token.reference);
                    let feed = MonitorFeed::Answer { id, token, message };
                    self.proxy.handle_input(at(0), Input::Feed(feed));
                }
                Some(Output::Ask(request)) => {
                    self.asked.push(format!("{request:?}").split(' ').next().unwrap().to_owned());
                    let input = t_controller::Input::Monitor(request);
                    self.controller.handle_input(at(0), input);
                }
                Some(Output::Deliver(deliver)) => shown.push(delivered(&deliver)),
                Some(Output::Answer { client, message }) => {
                    shown.push(format!("{client:?}: {}", text(&message)));
                }
                Some(Output::Close { client, reason }) => {
                    shown.push(format!("close {client:?}: {reason}"));
                }
            }
        }
    }

    fn ask(&mut self, number: u64, message: Message) -> Vec<String> {
        self.put(Input::Request { client: monitor(number), message: Arc::new(message) })
    }

    fn change(&mut self, dn: &str, in_service: bool) -> Vec<String> {
        self.put_controller(t_controller::Input::Service { dn: dn.into(), in_service })
    }
}

fn monitor(number: u64) -> ClientId {
    client(Module::SmartProxy, number)
}

const REGISTER: MessageType = MessageType::RequestRegisterAddress;

#[test]
fn monitors_see_dns_whoever_owns_them_in_both_modes() {
    for is_bulk in [false, true] {
        let mut bench = Bench::new(is_bulk);
        assert_eq!(
            bench.ask(1, request(REGISTER, "1001", 3)),
            [
                "SPX1: EventRegistered Extensions={status=1 AgentStatus=0 fwd='' dnd=0 mwl=0} AddressInfoStatus=1 AddressInfoType=8 ThisDN=1001 ReferenceID=3"
            ]
        );
        bench.ask(
            2,
            request(REGISTER, "1001", 3).with(Attribute::RegisterMode, RegisterMode::Monitor),
        );
        assert_eq!(bench.change("1001", false), ["#1 SPX1 SPX2: EventDNOutOfService ThisDN=1001"]);
        let shown = bench.ask(2, request(MessageType::RequestQueryAddress, "1001", 4));
        assert!(shown[0].contains("Extensions={status=3 "), "{shown:?}");
        assert_eq!(bench.change("1002", false), NONE);
        assert_eq!(bench.fed, if is_bulk { 2 } else { 1 });
        assert_eq!(
            bench.ask(1, request(MessageType::RequestUnregisterAddress, "1001", 5)),
            ["SPX1: EventUnregistered ThisDN=1001 ReferenceID=5"]
        );
        assert_eq!(bench.change("1001", true), ["#2 SPX2: EventDNBackInService ThisDN=1001"]);
        bench.put(Input::Gone { client: monitor(2) });
        assert_eq!(bench.change("1001", false), NONE);
        let asked: &[&str] = if is_bulk {
            &["Open", "Ask", "Ask", "Ask"]
        } else {
            &["Open", "Watching", "Watch", "Ask", "Ask", "Ask", "Unwatch"]
        };
        assert_eq!(bench.asked, asked);
    }
}

#[test]
fn the_mode_changes_without_an_event_lost_or_doubled() {
    let mut bench = Bench::new(false);
    bench.ask(1, request(REGISTER, "1001", 3));
    bench.ask(1, request(REGISTER, "7000", 3));
    for is_bulk in [true, false, true, false] {
        assert_eq!(bench.configure(is_bulk, &all_dns()), NONE);
        assert_eq!(bench.change("1001", false).len(), 1);
        assert_eq!(bench.change("1001", true).len(), 1);
        let fed = bench.fed;
        assert_eq!(bench.change("1002", false), NONE);
        bench.change("1002", true);
        assert_eq!(bench.fed - fed, if is_bulk { 2 } else { 0 });
    }
}

#[test]
fn it_shows_and_does_nothing_else() {
    let mut bench = Bench::new(true);
    bench.ask(1, request(REGISTER, "1001", 3));
    for kind in [
        MessageType::RequestAgentLogin,
        MessageType::RequestAgentReady,
        MessageType::RequestReserveAgent,
        MessageType::RequestMonitorNextCall,
        MessageType::RequestCancelMonitoring,
        MessageType::RequestRegisterAll,
        MessageType::RequestSetDNDOn,
        MessageType::RequestMakeCall,
        MessageType::RequestStartCallMonitoring,
    ] {
        let shown = bench.ask(1, request(kind, "1001", 1));
        assert!(shown[0].starts_with("SPX1: EventError ErrorCode=258 "), "{shown:?}");
    }
    let private = request(REGISTER, "1002", 1).with(Attribute::RegisterMode, RegisterMode::Private);
    assert!(bench.ask(1, private)[0].contains("ErrorCode=258 "));
    assert!(bench.ask(1, request(REGISTER, "1001", 1))[0].contains("ErrorCode=125 "));
    assert!(bench.ask(1, request(REGISTER, "4711", 1))[0].contains("ErrorCode=59 "));
    assert!(
        bench.ask(1, request(MessageType::RequestQueryAddress, "1002", 1))[0]
            .contains("ErrorCode=41 ")
    );
    let association = |dn: &str| {
        request(MessageType::RequestQueryAddress, dn, 1)
            .with(Attribute::AddressInfoType, AddressInfoType::AssociationStatus)
    };
    assert!(bench.ask(1, association("1001"))[0].contains("AddressInfoStatus=0 "));
    assert!(bench.ask(2, association("1001"))[0].contains("AddressInfoStatus=1 "));
    assert!(bench.ask(2, association("1002"))[0].contains("AddressInfoStatus=2 "));
    assert_eq!(
        bench.ask(1, Message::new(MessageType::RequestQuerySwitch)),
        ["SPX1: EventSwitchInfo SwitchInfoType=1 SwitchTime=1700000000 ReferenceID=0"]
    );
}

#[test]
fn a_dn_that_is_no_more_is_unregistered() {
    for is_bulk in [false, true] {
        let mut bench = Bench::new(is_bulk);
        bench.ask(1, request(REGISTER, "1001", 3));
        let without = crate::dns().into_iter().skip(1).collect::<Vec<_>>();
        let dns = Arc::new(Dns::new(without, Vec::new()));
        let configuration = Configuration { dns, ..Configuration::default() };
        assert_eq!(
            bench.put_controller(t_controller::Input::Configure(Box::new(configuration))),
            ["#1 SPX1: EventUnregistered ThisDN=1001"]
        );
        assert_eq!(bench.proxy.registrations(), 0);
    }
}

#[test]
fn an_event_before_the_snapshot_is_in_the_snapshot_and_not_told() {
    let mut bench = Bench::new(false);
    let message = Arc::new(request(REGISTER, "1001", 3));
    // The question is under way when the event happens.
    bench.proxy.handle_input(at(0), Input::Request { client: monitor(1), message });
    let out = t_controller::Input::Service { dn: "1001".into(), in_service: false };
    bench.controller.handle_input(at(0), out);
    let shown = bench.run();
    assert_eq!(shown.len(), 1);
    assert!(shown[0].contains("EventRegistered Extensions={status=3 "), "{shown:?}");
    // A client that is gone before the answer is registered on nothing.
    let message = Arc::new(request(REGISTER, "1002", 3));
    bench.proxy.handle_input(at(0), Input::Request { client: monitor(2), message });
    assert_eq!(bench.put(Input::Gone { client: monitor(2) }), NONE);
    assert_eq!(bench.proxy.registrations(), 1);
    assert_eq!(bench.asked.last().unwrap(), "Unwatch");
}

/// The client was told 111 for one DN, and was registered on it by the answer for the next.
#[test]
fn a_question_that_found_no_room_takes_no_answer_of_another_and_watches_nothing() {
    let mut bench = Bench::new(false);
    // None of them has a ReferenceID of its own.
    let first = Arc::new(request(REGISTER, "1001", 0));
    bench.proxy.handle_input(at(0), Input::Request { client: monitor(1), message: first });
    let Some(Output::Ask(watch)) = bench.proxy.poll_output() else { panic!("1001 is watched") };
    bench.controller.handle_input(at(0), t_controller::Input::Monitor(watch));
    let Some(Output::Ask(first)) = bench.proxy.poll_output() else { panic!("1001 is asked for") };
    bench.is_full = true;
    assert_eq!(
        bench.ask(1, request(REGISTER, "1002", 0)),
        ["SPX1: EventError ErrorCode=111 ReferenceID=0"]
    );
    assert_eq!(bench.asked.split_off(2), ["Watch", "Unwatch"]);
    bench.is_full = false;
    let third = bench.ask(1, request(REGISTER, "7000", 0));
    assert!(third[0].contains("EventRegistered ") && third[0].contains("ThisDN=7000"), "{third:?}");
    let first = bench.put_controller(t_controller::Input::Monitor(first));
    assert!(first[0].contains("EventRegistered ") && first[0].contains("ThisDN=1001"), "{first:?}");
    assert_eq!(bench.proxy.registrations(), 2);
    assert_eq!(bench.change("1001", false), ["#1 SPX1: EventDNOutOfService ThisDN=1001"]);
    assert_eq!(bench.change("1002", false), NONE);
}

#[test]
fn a_dn_that_changes_its_type_while_it_is_asked_of_is_watched() {
    let message = Arc::new(request(REGISTER, "1001", 3));
    let changed = |dn: jackfield_cti::Dn| match &*dn.number {
        "1001" => jackfield_cti::Dn { kind: jackfield_cti::DnType::VirtualQueue, ..dn },
        _ => dn,
    };
    let dns = Arc::new(Dns::new(crate::dns().into_iter().map(changed), Vec::new()));
    for watched_before in [true, false] {
        let mut bench = Bench::new(false);
        if watched_before {
            bench.ask(2, request(REGISTER, "1001", 3));
        }
        let message = Arc::clone(&message);
        bench.proxy.handle_input(at(0), Input::Request { client: monitor(1), message });
        // The question is on its way when the T-Controller gets the new configuration.
        let asked: Vec<_> = std::iter::from_fn(|| bench.proxy.poll_output()).collect();
        let (ask, watch): (Vec<_>, Vec<_>) = asked.into_iter().partition(|output| {
            matches!(output, Output::Ask(t_controller::MonitorRequest::Ask { .. }))
        });
        let give = |bench: &mut Bench, outputs: Vec<Output>| {
            for output in outputs {
                let Output::Ask(request) = output else { panic!("{output:?}") };
                let input = t_controller::Input::Monitor(request);
                bench.controller.handle_input(at(0), input);
            }
        };
        give(&mut bench, watch);
        let configuration = Configuration { dns: Arc::clone(&dns), ..Configuration::default() };
        let input = t_controller::Input::Configure(Box::new(configuration));
        bench.controller.handle_input(at(0), input);
        give(&mut bench, ask);
        // And something happens before the answer is there.
        let out = t_controller::Input::Service { dn: "1001".into(), in_service: false };
        bench.controller.handle_input(at(0), out);
        let shown = bench.run();
        let mut told = shown.iter().filter(|line| line.contains("SPX1: "));
        assert!(
            told.next().unwrap().contains(": EventRegistered Extensions={status=2} "),
            "{shown:?}"
        );
        assert!(told.next().unwrap().ends_with(" SPX1: EventDNOutOfService ThisDN=1001"));
        let shown = bench.change("1001", true);
        assert_eq!(shown.len(), 1);
        assert!(shown[0].ends_with(" SPX1: EventDNBackInService ThisDN=1001"), "{shown:?}");
        // And it is let go like any other.
        bench.put(Input::Gone { client: monitor(1) });
        let fed = bench.fed;
        bench.change("1001", false);
        assert_eq!(bench.fed, fed);
    }
}
