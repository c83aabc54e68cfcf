//! What a REGISTER says of the way it came (RFC 5626 section 6), and what becomes of contacts whose way is gone.

use model::{Aor, Binding, Flow, Instant};
use sip::{Message, Name, NameAddr};

use crate::{Output, Publish, Switch};

/// What a registrar must know of the way of a REGISTER to bind a contact to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Way {
    /// The phone says that it knows outbound.
    pub(crate) is_asked: bool,
    /// Nobody is between the phone and us.
    pub(crate) is_direct: bool,
    /// Whoever is first on the way leads requests back over the flow.
    pub(crate) is_kept: bool,
}

/// Whose contact it is: its instance, or empty, and its `reg-id`, or 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Named<'a> {
    pub(crate) instance: &'a str,
    pub(crate) reg_id: u32,
}

/// A way that leads nowhere back, though the phone asks for it.
pub(crate) struct NoWayBack;

impl Way {
    pub(crate) fn of(request: &Message) -> Self {
        let is_asked =
            request.values(Name::Supported).any(|tag| tag.eq_ignore_ascii_case("outbound"));
        //= RFC 5626 section 6
        //# When receiving a REGISTER request, the registrar MUST check from its Via header field if the registrar is the first hop
        //# or not.
        let is_direct = request.values(Name::Via).nth(1).is_none();
        // Only the first hop may write `ob` into the path, wherever among several it stands there.
        let has_ob = |path: &str| {
            let path = NameAddr::parse(path).ok();
            path.and_then(|path| path.parsed_uri().ok())
                .is_some_and(|uri| uri.param("ob").is_some())
        };
        let is_kept = is_direct || request.values(Name::Path).any(has_ob);
        Self { is_asked, is_direct, is_kept }
    }

    /// Whose contact it is, as far as this way lets it be bound to it.
    pub(crate) fn name<'a>(self, contact: &NameAddr<'a>) -> Result<Named<'a>, NoWayBack> {
        let named = Named::of(contact);
        match named.reg_id {
            0 => Ok(named),
            _ if self.is_kept => Ok(named),
            //= RFC 5626 section 6
            //# if the REGISTER request contains the reg-id and the outbound option tag in a Supported header field, then the
            //# registrar MUST respond to the REGISTER request with a 439 (First Hop Lacks Outbound Support) response; otherwise,
            //# the registrar MUST ignore the "reg-id" parameter of the Contact header.
            _ if self.is_asked => Err(NoWayBack),
            _ => Ok(Named { reg_id: 0, ..named }),
        }
    }

    /// Whether the answer says that the contact was bound to its way.
    pub(crate) fn is_confirmed(self, request: &Message) -> bool {
        let is_bound = |contact: &str| {
            let contact = NameAddr::parse(contact).ok();
            contact.is_some_and(|contact| self.name(&contact).is_ok_and(|named| named.reg_id != 0))
        };
        self.is_asked && request.values(Name::Contact).any(is_bound)
    }
}

impl<'a> Named<'a> {
    fn of(contact: &NameAddr<'a>) -> Self {
        let param = |name| contact.params.get(name).flatten().unwrap_or_default();
        let instance = param("+sip.instance").trim();
        let instance = instance.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
        // It is written back between `"<` and `>"`.
        let instance =
            instance.filter(|text| !text.contains(['"', '\\', '<', '>'])).unwrap_or_default();
        // A number from 1 to 2^31 - 1; without an instance it means nothing.
        let number = param("reg-id").parse().ok().filter(|number| *number < 1 << 31);
        let reg_id = if instance.is_empty() { 0 } else { number.unwrap_or(0) };
        Self { instance, reg_id }
    }

    /// Whether it names the same way of the same phone.
    pub(crate) fn is_the_way_of(self, binding: &Binding) -> bool {
        self.reg_id != 0 && self.reg_id == binding.reg_id && *binding.instance == *self.instance
    }
}

impl Switch {
    /// A connection is closed: contacts that were reached over it alone are nowhere.
    //= RFC 5626 section 7
    //# If a proxy or registrar receives information from the network that indicates that no future messages will be delivered on a
    //# specific flow, then the proxy MUST invalidate all the bindings in the target set that use that flow (regardless of AOR).
    pub(crate) fn leave_flow(&mut self, now: Instant, flow: Flow) {
        if !flow.transport.is_reliable() {
            return;
        }
        for aor in self.registrar.aors_on(flow) {
            let all = self.registrar.bindings(&aor).iter();
            let left = all.filter(|b| !(b.is_a_connection() && b.flow == flow)).cloned().collect();
            self.keep_only(now, &aor, left);
        }
    }

    /// Makes `left` the bindings of `aor`, in the store first where there is one.
    pub(crate) fn keep_only(&mut self, now: Instant, aor: &Aor, left: Vec<Binding>) {
        match &mut self.writes {
            // What it is being written for may be the phone itself; what is lost is found out again when it is used.
            Some(writes) if writes.is_full() || writes.has(aor) => {}
            Some(writes) => {
                let publish = Publish { aor: aor.clone(), bindings: left.as_slice().into() };
                let ticket = writes.begin(now, aor.clone(), left, None, Default::default());
                self.tables.outputs.push_back(Output::Store { ticket, publish });
            }
            None => {
                let (publish, fact) = self.registrar.drop_lost(aor, left);
                self.publish(publish, fact);
            }
        }
    }
}

#[cfg(test)]
#[path = "outbound_bench.rs"]
pub(crate) mod bench;
#[cfg(test)]
#[path = "outbound_test.rs"]
mod tests;
