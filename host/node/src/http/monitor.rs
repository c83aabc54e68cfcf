//! The System Monitor (section 7.3 of the reference), put together when it is asked for.

use axum::{Json, extract::State};
use cti::Module;
use rustix::time::ClockId;
use switch::Reach;

use super::{
    api::{Api, Refusal, Shared},
    convert, view,
};
use crate::{
    clock::{cpu_us, format_wall},
    directory::TrunkView,
    modules::{ClientView, ModuleView},
    worker::Figures,
};

pub(super) async fn show(State(api): Shared) -> Result<Json<view::Monitor>, Refusal> {
    api.monitor().await.map(Json)
}

impl Api {
    /// Everything that the System Monitor shows.
    pub(super) async fn monitor(&self) -> Result<view::Monitor, Refusal> {
        let figures = self.figures().await?;
        let trunks = self.directory.trunks().views();
        let modules = self.module_views();
        let clients = match &self.module_control {
            Some(control) => control.clients(self.timeout).await,
            None => Vec::new(),
        };
        let is_it = |view: &&ModuleView| view.module == Module::SessionController;
        let session_controller = modules.iter().find(is_it).copied();
        Ok(view::Monitor {
            sipServer: self.server(&figures),
            sipStackObjects: stack(&figures),
            sipCallManager: calls(&figures),
            sipTSCP: cti(&modules, session_controller, self.directory.dns().iter().count()),
            sipSessionController: session_controller.map(convert::module),
            sipServiceChecker: checks(&figures, &trunks),
            sipTrunkStatistics: trunks.into_iter().map(trunk).collect(),
            tLibClientsStatistics: clients.into_iter().map(client).collect(),
        })
    }

    fn server(&self, figures: &[Figures]) -> view::MonitorServer {
        let now = self.clock.now();
        let at = |instant| format_wall(self.clock.wall_ms(instant));
        let sum = |count: fn(&Figures) -> u64| figures.iter().map(count).sum();
        view::MonitorServer {
            node: self.node.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            period_start: at(self.started_at),
            period_end: at(now),
            uptime_s: now.saturating_since(self.started_at).as_secs(),
            draining: self.draining.load(std::sync::atomic::Ordering::Relaxed),
            calls: sum(|f| f.switch.calls_now as u64),
            calls_offered: sum(|f| f.switch.calls_offered),
            calls_established: sum(|f| f.switch.calls_established),
            calls_shed: sum(|f| f.switch.calls_shed),
            overload_refused: sum(|f| f.sip.shed),
            registrations: self.directory.registered() as u64,
            cpu_us: cpu_us(ClockId::ProcessCPUTime),
        }
    }
}

fn stack(figures: &[Figures]) -> view::MonitorStack {
    let sum = |count: fn(&Figures) -> u64| figures.iter().map(count).sum();
    view::MonitorStack {
        invite_clients: sum(|f| f.sip.invite_clients_now as u64),
        non_invite_clients: sum(|f| f.sip.non_invite_clients_now as u64),
        invite_servers: sum(|f| f.sip.invite_servers_now as u64),
        non_invite_servers: sum(|f| f.sip.non_invite_servers_now as u64),
        kept_bytes: sum(|f| f.sip.kept_bytes_now as u64),
        connections: sum(|f| f.streams.connections_now as u64),
        subscriptions: sum(|f| f.switch.subscriptions_now as u64),
        messages: sum(|f| f.sip.messages),
        unreadable: sum(|f| f.sip.unreadable),
        retransmissions_sent: sum(|f| f.sip.retransmissions_sent),
        retransmissions_absorbed: sum(|f| f.sip.retransmissions_absorbed),
        timeouts: sum(|f| f.sip.timeouts),
        unacknowledged: sum(|f| f.sip.unacknowledged),
    }
}

fn calls(figures: &[Figures]) -> view::MonitorCalls {
    let sum = |count: fn(&Figures) -> u64| figures.iter().map(count).sum();
    let waited_most = figures.iter().map(|f| f.waited_most).max().unwrap_or_default();
    view::MonitorCalls {
        workers: figures.len() as u64,
        cpu_us: sum(|f| f.cpu_us),
        calls: sum(|f| f.switch.calls_now as u64),
        calls_ending: sum(|f| f.switch.calls_ending as u64),
        calls_moved: sum(|f| f.switch.calls_moved_out),
        questions: sum(|f| f.questions),
        questions_timed_out: sum(|f| f.switch.questions_timed_out),
        waited_most_us: u64::try_from(waited_most.as_micros()).unwrap_or(u64::MAX),
    }
}

fn cti(modules: &[ModuleView], calls: Option<ModuleView>, dns: usize) -> view::MonitorCti {
    let sum = |count: fn(&ModuleView) -> u64| modules.iter().map(count).sum();
    view::MonitorCti {
        dns: dns as u64,
        agents: sum(|m| m.agents),
        registrations: sum(|m| m.registrations),
        calls: calls.map_or(0, |m| m.calls),
        calls_missed: calls.map_or(0, |m| m.calls_missed),
        requests_waiting: calls.map_or(0, |m| m.requests_waiting),
        clients: sum(|m| m.clients),
        requests: sum(|m| m.requests),
        deliveries: sum(|m| m.deliveries),
        cpu_us: sum(|m| m.cpu_us),
    }
}

fn checks(figures: &[Figures], trunks: &[TrunkView]) -> view::MonitorChecks {
    let sum = |count: fn(&Figures) -> u64| figures.iter().map(count).sum();
    let are = |reach| trunks.iter().filter(|trunk| trunk.status.reach == reach).count() as u64;
    view::MonitorChecks {
        devices: sum(|f| f.switch.devices_checked as u64),
        devices_down: sum(|f| f.switch.devices_out as u64),
        device_checks: sum(|f| f.switch.device_checks),
        device_checks_failed: sum(|f| f.switch.device_checks_failed),
        trunks_up: are(Reach::Up),
        trunks_down: are(Reach::Down),
        trunks_unknown: are(Reach::Unknown),
        outages: trunks.iter().map(|trunk| trunk.counts.outages).sum(),
    }
}

fn trunk(of: TrunkView) -> view::TrunkStatistics {
    let [failed_4xx, failed_5xx, failed_6xx] = of.counts.refused;
    view::TrunkStatistics {
        trunk: of.name,
        capacity_group: of.group,
        capacity: of.capacity,
        in_service: of.status.reach != Reach::Down,
        calls: of.calls,
        peak_calls: of.counts.calls_most,
        call_rate: of.counts.rate,
        peak_rate: of.counts.rate_most,
        attempts: of.counts.attempts,
        released: of.counts.attempts.saturating_sub(u64::from(of.calls)),
        full: of.counts.full,
        failed_4xx,
        failed_5xx,
        failed_6xx,
        outages: of.counts.outages,
    }
}

fn client(of: ClientView) -> view::TLibClient {
    let round_trip = of.stats.round_trip.map(|time| time.as_micros());
    view::TLibClient {
        module: of.id.module.tag().to_owned(),
        client: of.id.number,
        application: of.application.to_string(),
        peer: of.peer.to_string(),
        received: of.stats.received,
        sent: of.stats.sent,
        masked: of.stats.masked,
        refused: of.stats.refused,
        queued: of.queued.1 as u64,
        queued_bytes: of.queued.0 as u64,
        round_trip_us: round_trip.map(|us| u64::try_from(us).unwrap_or(u64::MAX)),
    }
}
