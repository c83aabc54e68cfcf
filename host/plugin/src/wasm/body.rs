use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use model::{
    Digest,
    hook::{Failure, FailureKind, Hook},
};
use wasmtime::{
    Store, UpdateDeadline,
    component::{Instance as LinkedInstance, InstancePre, types::ComponentItem},
};

use super::{
    Wasm,
    bindings::exports::jackfield::plugin::{
        admission, authenticate, authorise_request, call_event, dial_plan, dn_owner, fan_out,
        header_policy, migration, register, route, route_on_failure,
    },
    instance::{Guest, WasmInstance, ended},
    state::{Ended, Limiter, State},
};
use crate::{
    HostConfig, WasmLimits,
    body::{Body, Instance, failure},
    cpu,
    proposal::clean,
    settings::Settings,
    ticker::Slot,
};

/// The interfaces a plugin may import; what else it asks for is refused by name.
const IMPORTS: [&str; 4] = [
    "jackfield:plugin/types@1.0.0",
    "jackfield:plugin/snapshot@1.0.0",
    "jackfield:plugin/logging@1.0.0",
    "jackfield:plugin/state@1.0.0",
];

/// Bytes of what a plugin says of a migration that it cannot make.
const MIGRATION_TEXT_MAX: usize = 300;

/// How many instances live and were made, over all workers.
#[derive(Debug, Default)]
pub(crate) struct Census {
    pub(crate) alive: AtomicUsize,
    pub(crate) made: AtomicU64,
    /// When it was said last that there is no room for another, in the host's nanoseconds.
    said_at: AtomicU64,
}

impl Census {
    /// Whether it is time to say again that there is no room: at most once in [`SHORTAGE_SAID_EVERY`].
    pub(crate) fn may_say(&self, now: u64) -> bool {
        let said_at = self.said_at.load(Ordering::Relaxed);
        let is_time = said_at == 0 || now.saturating_sub(said_at) >= SHORTAGE_SAID_EVERY;
        let taken =
            || self.said_at.compare_exchange(said_at, now, Ordering::Relaxed, Ordering::Relaxed);
        is_time && taken().is_ok()
    }
}

/// Nanoseconds between two lines of the log that say that there is no room for another instance.
const SHORTAGE_SAID_EVERY: u64 = 10_000_000_000;

/// What the instances of one component hold.
#[derive(Debug, Default)]
pub(crate) struct Held {
    instances: AtomicUsize,
    /// Bytes of their memories.
    pub(crate) memory: AtomicUsize,
}

/// One that is counted while it lives.
#[derive(Debug)]
pub(crate) struct Counted(Arc<Census>, Arc<Held>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::Relaxed);
        self.1.instances.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A compiled and linked component.
pub(crate) struct Component {
    linked: InstancePre<State>,
    admission: Option<admission::GuestIndices>,
    authenticate: Option<authenticate::GuestIndices>,
    register: Option<register::GuestIndices>,
    dial_plan: Option<dial_plan::GuestIndices>,
    route: Option<route::GuestIndices>,
    route_on_failure: Option<route_on_failure::GuestIndices>,
    call_event: Option<call_event::GuestIndices>,
    header_policy: Option<header_policy::GuestIndices>,
    dn_owner: Option<dn_owner::GuestIndices>,
    fan_out: Option<fan_out::GuestIndices>,
    authorise_request: Option<authorise_request::GuestIndices>,
    migration: Option<migration::GuestIndices>,
    settings: Arc<Settings>,
    memory_limit: usize,
    limits: WasmLimits,
    instances_max: usize,
    census: Arc<Census>,
    held: Arc<Held>,
}

impl Component {
    /// Compiles and links `code`.
    ///
    /// # Errors
    ///
    /// What is wrong with it and what to do.
    pub(crate) fn new(
        wasm: &Wasm,
        digest: Digest,
        code: &[u8],
        settings: Arc<Settings>,
        config: &HostConfig,
        census: Arc<Census>,
    ) -> Result<Self, (String, String)> {
        let component = wasm.cache.component(&wasm.engine, digest, code).map_err(|reason| {
            (reason, "build it with the SDK for wasm32-unknown-unknown against sdk/wit/v1".into())
        })?;
        for (name, item) in component.component_type().imports(&wasm.engine) {
            check_import(name, &item.ty, &settings)?;
        }
        let linker = wasm.linker(settings.grants).map_err(|error| internal(&error))?;
        let linked = linker.instantiate_pre(&component).map_err(|error| {
            (
                format!("does not fit the contract: {error:#}"),
                "build it against the files in sdk/wit/v1 of this version".into(),
            )
        })?;
        Ok(Self {
            admission: admission::GuestIndices::new(&linked).ok(),
            authenticate: authenticate::GuestIndices::new(&linked).ok(),
            register: register::GuestIndices::new(&linked).ok(),
            dial_plan: dial_plan::GuestIndices::new(&linked).ok(),
            route: route::GuestIndices::new(&linked).ok(),
            route_on_failure: route_on_failure::GuestIndices::new(&linked).ok(),
            call_event: call_event::GuestIndices::new(&linked).ok(),
            header_policy: header_policy::GuestIndices::new(&linked).ok(),
            dn_owner: dn_owner::GuestIndices::new(&linked).ok(),
            fan_out: fan_out::GuestIndices::new(&linked).ok(),
            authorise_request: authorise_request::GuestIndices::new(&linked).ok(),
            migration: migration::GuestIndices::new(&linked).ok(),
            linked,
            settings,
            memory_limit: config.memory_limit,
            limits: config.wasm,
            instances_max: config.instances_max,
            census,
            held: Arc::default(),
        })
    }

    fn counted(&self) -> Result<Counted, Failure> {
        self.held.instances.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(Arc::clone(&self.census), Arc::clone(&self.held));
        if self.census.alive.fetch_add(1, Ordering::Relaxed) >= self.instances_max {
            let detail = format!("{} instances live already (instances_max)", self.instances_max);
            return Err(failure(FailureKind::NoInstance, detail));
        }
        self.census.made.fetch_add(1, Ordering::Relaxed);
        Ok(counted)
    }

    /// The hooks that an instance exports.
    fn guest(
        &self,
        store: &mut Store<State>,
        instance: &LinkedInstance,
    ) -> wasmtime::Result<Guest> {
        /// The export behind these indices, if there is one.
        macro_rules! load {
            ($($hook:ident),*) => {
                Guest { $($hook: match &self.$hook {
                    Some(at) => Some(at.load(&mut *store, instance)?),
                    None => None,
                }),* }
            };
        }
        Ok(load!(
            admission,
            authenticate,
            register,
            dial_plan,
            route,
            route_on_failure,
            call_event,
            header_policy,
            dn_owner,
            fan_out,
            authorise_request
        ))
    }

    fn store(&self) -> Store<State> {
        let limiter = Limiter {
            memory_max: self.memory_limit,
            memory: 0,
            held: Arc::clone(&self.held),
            elements_max: self.limits.table_elements_max,
            elements: 0,
            parts_max: self.limits.parts_max,
        };
        let state = State::new(limiter, Arc::clone(&self.settings));
        let mut store = Store::new(self.linked.engine(), state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(self.limits.hostcall_bytes_max);
        store.epoch_deadline_callback(|_| {
            if cpu::is_over() { Err(Ended::Time.into()) } else { Ok(UpdateDeadline::Continue(1)) }
        });
        store.set_epoch_deadline(1);
        store
    }
}

impl Body for Component {
    fn answers(&self, hook: Hook) -> bool {
        match hook {
            Hook::Admission => self.admission.is_some(),
            Hook::Authenticate => self.authenticate.is_some(),
            Hook::Register => self.register.is_some(),
            Hook::DialPlan => self.dial_plan.is_some(),
            Hook::Route => self.route.is_some(),
            Hook::RouteOnFailure => self.route_on_failure.is_some(),
            Hook::CallEvent => self.call_event.is_some(),
            Hook::HeaderPolicy => self.header_policy.is_some(),
            Hook::DnOwner => self.dn_owner.is_some(),
            Hook::FanOut => self.fan_out.is_some(),
            Hook::AuthoriseRequest => self.authorise_request.is_some(),
        }
    }

    fn held(&self) -> (usize, usize) {
        let Held { instances, memory } = &*self.held;
        (instances.load(Ordering::Relaxed), memory.load(Ordering::Relaxed))
    }

    fn migrate(&self, slot: &Arc<Slot>, from: u32, to: u32) -> Option<Result<(), Failure>> {
        let at = self.migration.as_ref()?;
        let mut store = self.store();
        let in_guest = slot.enter();
        let done = self.linked.instantiate(&mut store).and_then(|instance| {
            at.load(&mut store, &instance)?.call_migrate(&mut store, from, to)
        });
        drop(in_guest);
        Some(match done {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(failure(FailureKind::Trap, clean(why, MIGRATION_TEXT_MAX))),
            Err(error) => Err(ended(&error, store.data_mut())),
        })
    }

    fn instance(&self, slot: &Arc<Slot>) -> Result<Box<dyn Instance>, Failure> {
        let counted = self.counted()?;
        let mut store = self.store();
        let in_guest = slot.enter();
        let instance = self.linked.instantiate(&mut store);
        drop(in_guest);
        let instance = instance.map_err(|error| ended(&error, store.data_mut()))?;
        let guest = self.guest(&mut store, &instance);
        let guest = guest.map_err(|error| ended(&error, store.data_mut()))?;
        Ok(Box::new(WasmInstance::new(store, guest, Arc::clone(slot), counted)))
    }
}

fn check_import(
    name: &str,
    item: &ComponentItem,
    settings: &Settings,
) -> Result<(), (String, String)> {
    let is_log = name == IMPORTS[2];
    if is_log && !settings.grants.log {
        let help = "add log = true to [need] in plugin.toml, or leave [need] out";
        return Err((format!("imports {name}, which was not granted"), help.into()));
    }
    if name == IMPORTS[3] && !settings.grants.state {
        let help = "add state = true to [need] in plugin.toml";
        return Err((format!("imports {name}, which was not granted"), help.into()));
    }
    if IMPORTS.contains(&name)
        || !matches!(item, ComponentItem::ComponentInstance(_)) && name.is_empty()
    {
        return Ok(());
    }
    let help = if name.starts_with("wasi:") {
        "plugins have no WASI: build for wasm32-unknown-unknown instead of wasm32-wasip1 or wasip2"
    } else {
        "this version of the host offers the interfaces of sdk/wit/v1 and no others"
    };
    Err((format!("imports {name}, which the host does not offer"), help.into()))
}

fn internal(error: &wasmtime::Error) -> (String, String) {
    (format!("the host's own interfaces do not link: {error:#}"), "report this as a bug".into())
}
