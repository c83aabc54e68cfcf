//! Dialogs: RFC 3261 section 12.

mod route;

use std::net::SocketAddr;

use model::Flow;

use crate::{HeaderError, Message, Method, Name, NameAddr, RequestDraft, Uri, Writer};

/// Max-Forwards of a request within a dialog (RFC 3261 section 8.1.1.6).
const MAX_FORWARDS: u32 = 70;

/// The first CSeq number of a dialog we did not begin (RFC 3261 section 8.1.1.5: below 2^31).
const FIRST_CSEQ: u32 = 1;

/// How many Record-Route values a dialog keeps.
const ROUTES_MAX: usize = 32;

/// What names a dialog (RFC 3261 section 12).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DialogId {
    /// The Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// The peer's tag; empty when it has none (RFC 2543).
    pub remote_tag: String,
}

/// Whether the dialog rests on a provisional or on a 2xx response.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DialogState {
    /// On a provisional response.
    Early,
    /// On a 2xx response.
    Confirmed,
}

/// What is known of an INVITE of ours before its response makes a dialog of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DialogSeed {
    /// The Call-ID.
    pub call_id: String,
    /// The From tag.
    pub local_tag: String,
    /// The From value without its tag.
    pub local_uri: String,
    /// The To value.
    pub remote_uri: String,
    /// The CSeq number.
    pub cseq: u32,
    /// The flow the INVITE went out on.
    pub flow: Flow,
}

/// One dialog, as one of its two user agents sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dialog {
    /// Names it.
    pub id: DialogId,
    /// Early or confirmed.
    pub state: DialogState,
    /// Our From or To value, display name included, without its tag.
    pub local_uri: String,
    /// The peer's From or To value, display name included, without its tag.
    pub remote_uri: String,
    /// The URI of the peer's Contact, without angle brackets.
    pub remote_target: String,
    /// The routes to the peer in order, each a whole Route value, `<sip:proxy;lr>`.
    pub route_set: Vec<String>,
    /// The CSeq number of our latest request; 0 when we have sent none.
    pub local_cseq: u32,
    /// The CSeq number of the peer's latest request.
    pub remote_cseq: Option<u32>,
    /// Where the peer is reached.
    pub flow: Flow,
}

/// Why a message makes no dialog.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DialogError {
    /// The peer gave no Contact, so that it cannot be reached (RFC 3261 section 8.1.1.8).
    #[error("the peer's message has no Contact, so no request can be sent to it within a dialog")]
    NoContact,
    /// A header field that the dialog needs does not parse.
    #[error("the peer's message makes no dialog: {0:?}")]
    Header(HeaderError),
    /// More Record-Route values than a dialog keeps.
    #[error("the peer's message has {0} Record-Route values; a dialog keeps at most {ROUTES_MAX}")]
    TooManyRoutes(usize),
}

impl From<HeaderError> for DialogError {
    fn from(error: HeaderError) -> Self {
        Self::Header(error)
    }
}

impl Dialog {
    /// The dialog of a request that we answer with a 2xx and `local_tag` (RFC 3261 section 12.1.1).
    ///
    /// # Errors
    ///
    /// When the request has no Contact, or a header field the dialog rests on does not parse.
    //= RFC 3261 section 12.1.1
    //# The route set MUST be set to the list of URIs in the Record-Route header field from the request, taken in order and
    //# preserving all URI parameters.
    pub fn from_request(
        request: &Message,
        local_tag: &str,
        flow: Flow,
    ) -> Result<Self, DialogError> {
        let from = request.from()?;
        Ok(Self {
            id: DialogId {
                call_id: request.call_id().to_owned(),
                local_tag: local_tag.to_owned(),
                remote_tag: from.tag().unwrap_or_default().to_owned(),
            },
            state: DialogState::Confirmed,
            local_uri: without_tag(request.header(Name::To).unwrap_or_default()),
            remote_uri: without_tag(request.header(Name::From).unwrap_or_default()),
            remote_target: contact_of(request)?.ok_or(DialogError::NoContact)?,
            route_set: route::record_routes(request, ROUTES_MAX)?,
            local_cseq: 0,
            remote_cseq: Some(request.cseq().number),
            flow,
        })
    }

    /// The dialog that a response to an INVITE of ours makes (RFC 3261 section 12.1.2): an early one for 101-199, else a
    /// confirmed one.
    ///
    /// # Errors
    ///
    /// When the response has no Contact, or a header field the dialog rests on does not parse.
    //= RFC 3261 section 12.1.2
    //# The route set MUST be set to the list of URIs in the Record-Route header field from the response, taken in reverse
    //# order and preserving all URI parameters.
    pub fn from_response(seed: &DialogSeed, response: &Message) -> Result<Self, DialogError> {
        let to = response.to()?;
        let mut route_set = route::record_routes(response, ROUTES_MAX)?;
        route_set.reverse();
        let early = response.status() < 200;
        Ok(Self {
            id: DialogId {
                call_id: seed.call_id.clone(),
                local_tag: seed.local_tag.clone(),
                remote_tag: to.tag().unwrap_or_default().to_owned(),
            },
            state: if early { DialogState::Early } else { DialogState::Confirmed },
            local_uri: seed.local_uri.clone(),
            remote_uri: without_tag(&seed.remote_uri),
            remote_target: contact_of(response)?.ok_or(DialogError::NoContact)?,
            route_set,
            local_cseq: seed.cseq,
            remote_cseq: None,
            flow: seed.flow,
        })
    }

    /// The 2xx that follows the provisional response this early dialog rests on: the route set is taken anew (RFC 3261
    /// section 13.2.2.4) and the target with it.
    ///
    /// # Errors
    ///
    /// As [`Self::from_response`]; the dialog is left as it was.
    pub fn confirm(&mut self, response: &Message) -> Result<(), DialogError> {
        let mut route_set = route::record_routes(response, ROUTES_MAX)?;
        route_set.reverse();
        if let Some(target) = contact_of(response)? {
            self.remote_target = target;
        }
        self.route_set = route_set;
        self.state = DialogState::Confirmed;
        Ok(())
    }

    /// Whether a request belongs to this dialog (RFC 3261 section 12.2.2: Call-ID and both tags).
    pub fn is_of(&self, request: &Message) -> bool {
        let tag = |address: Result<NameAddr<'_>, HeaderError>, expected: &str| {
            address.is_ok_and(|address| address.tag().unwrap_or_default() == expected)
        };
        request.call_id() == self.id.call_id
            && tag(request.from(), &self.id.remote_tag)
            && tag(request.to(), &self.id.local_tag)
    }

    /// Begins a request within the dialog and takes the next CSeq number for it. `contact` is our Contact value,
    /// `<sip:…>`. Not for ACK ([`Self::ack`]) and CANCEL ([`Endpoint::cancel`](crate::Endpoint::cancel)).
    //= RFC 3261 section 12.2.1.1
    //# Requests within a dialog MUST contain strictly monotonically increasing and contiguous CSeq sequence numbers
    //# (increasing-by-one) in each direction
    pub fn request(&mut self, method: Method<'_>, contact: &str) -> RequestDraft {
        self.local_cseq = self.local_cseq.checked_add(1).unwrap_or(FIRST_CSEQ);
        self.draft(method, self.local_cseq, contact)
    }

    /// The ACK of a 2xx to our INVITE number `invite_cseq` (RFC 3261 section 13.2.2.4).
    //= RFC 3261 section 13.2.2.4
    //# The sequence number of the CSeq header field MUST be the same as the INVITE being acknowledged, but the CSeq method
    //# MUST be ACK.
    pub fn ack(&self, invite_cseq: u32, contact: &str) -> RequestDraft {
        self.draft(Method::Ack, invite_cseq, contact)
    }

    /// Checks the CSeq number of a request that came in this dialog and remembers it. ACK and CANCEL have the number of
    /// their INVITE and always pass.
    ///
    /// # Errors
    ///
    /// 500, the status to refuse it with, when its number is lower than that of an earlier request.
    //= RFC 3261 section 12.2.2
    //# If the remote sequence number was not empty, but the sequence number of the request is lower than the remote sequence
    //# number, the request is out of order and MUST be rejected with a 500 (Server Internal Error) response.
    pub fn check_request(&mut self, request: &Message) -> Result<(), u16> {
        if matches!(request.method(), Method::Ack | Method::Cancel) {
            return Ok(());
        }
        let number = request.cseq().number;
        if self.remote_cseq.is_some_and(|last| number < last) {
            return Err(500);
        }
        self.remote_cseq = Some(number);
        Ok(())
    }

    /// Takes the peer's new address from a target refresh request, or from a 2xx to one of ours. A message without a usable
    /// Contact changes nothing.
    //= RFC 3261 section 12.2.2
    //# When a UAS receives a target refresh request, it MUST replace the dialog's remote target URI with the URI from the
    //# Contact header field in that request, if present.
    pub fn refresh_target(&mut self, message: &Message) {
        if let Ok(Some(target)) = contact_of(message) {
            self.remote_target = target;
        }
    }

    /// Where the next request goes when the address is known: the first route, else the remote target (RFC 3261 section
    /// 12.2.1.1). `None` when that is a name; the dialog's flow serves then.
    pub fn next_hop(&self) -> Option<SocketAddr> {
        let first = self.route_set.first().map(|route| route::uri_of(route));
        Uri::parse(first.unwrap_or(&self.remote_target)).ok()?.socket_addr()
    }

    fn draft(&self, method: Method<'_>, cseq: u32, contact: &str) -> RequestDraft {
        let route::Routing { request_uri, routes } =
            route::routing(&self.remote_target, &self.route_set);
        let mut writer = Writer::request(method, request_uri);
        for route in routes {
            writer.header(Name::Route, route);
        }
        writer.header(Name::MaxForwards, MAX_FORWARDS);
        writer.header(Name::From, Tagged(&self.local_uri, &self.id.local_tag));
        writer.header(Name::To, Tagged(&self.remote_uri, &self.id.remote_tag));
        writer.header(Name::CallId, &self.id.call_id);
        writer.header(Name::CSeq, format_args!("{cseq} {}", method.as_str()));
        if method != Method::Bye && !contact.is_empty() {
            writer.header(Name::Contact, contact);
        }
        writer.draft(None)
    }
}

/// A From or To value with its tag, if there is one.
//= RFC 3261 section 12.2.1.1
//# If the value of the remote or local tags is null, the tag parameter MUST be omitted from the To or From header fields,
//# respectively.
struct Tagged<'a>(&'a str, &'a str);

impl std::fmt::Display for Tagged<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(address, tag) = self;
        match tag.is_empty() {
            true => f.write_str(address),
            // Without angle brackets a parameter of the header field would read as one of the URI.
            false if !address.contains('<') => write!(f, "<{address}>;tag={tag}"),
            false => write!(f, "{address};tag={tag}"),
        }
    }
}

fn contact_of(message: &Message) -> Result<Option<String>, HeaderError> {
    Ok(message.contact()?.map(|contact| contact.uri.to_owned()))
}

/// A From or To value less its tag: the rest, other parameters included, stays as it stood.
fn without_tag(value: &str) -> String {
    let (address, params) = value.split_at(value.rfind('>').map_or(0, |at| at + 1));
    let mut text = address.to_owned();
    for (n, param) in params.split(';').enumerate() {
        let name = param.split('=').next().unwrap_or_default().trim();
        if n > 0 && name.eq_ignore_ascii_case("tag") {
            continue;
        }
        if n > 0 {
            text.push(';');
        }
        text.push_str(param.trim());
    }
    text
}
