//! What comes with a request, and whose it is.

use std::sync::Arc;

use tlib::{Attribute, ErrorCode, Message, MessageType};

use crate::{ClientId, Filter, Grant, Now, Refusal, Token};

/// A request of a client, as a module does it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// When it came.
    pub(crate) now: Now,
    /// Who asks.
    pub(crate) token: Token,
    /// What for.
    pub(crate) message: &'a Arc<Message>,
    /// What of events the client may have by it.
    grant: &'a Grant,
}

impl<'a> Request<'a> {
    pub(crate) fn new(
        now: Now,
        client: ClientId,
        message: &'a Arc<Message>,
        grant: &'a Grant,
    ) -> Self {
        let token = Token { client, reference: message.reference_id().unwrap_or(0) };
        Self { now, token, message, grant }
    }

    pub(crate) fn kind(&self) -> MessageType {
        self.message.kind()
    }

    /// Whose it is.
    ///
    /// # Errors
    ///
    /// 53 for what is no request.
    pub(crate) fn handler(&self) -> Result<Handler, Refusal> {
        if self.kind().is_request() {
            return Ok(handler(self.kind()));
        }
        let text = format!("{} is no request", self.kind().name());
        Err(Refusal::new(ErrorCode::InvalidAttribute, text))
    }

    /// The events that the client gets by it: those it asks for, of those it may have.
    ///
    /// # Errors
    ///
    /// Those of [`Filter::of`].
    pub(crate) fn filter(&self) -> Result<Filter, Refusal> {
        let asked = Filter::of(self.message.list(Attribute::Extensions))?;
        Ok(asked.and(self.grant.filter))
    }

    /// The group of clients that it is to be one of, where somebody has said so.
    pub(crate) const fn group(&self) -> Option<&'a Arc<str>> {
        self.grant.group.as_ref()
    }
}

/// What every module but the Interaction Proxy says to requests for call monitoring.
pub(crate) fn not_monitored_here() -> Refusal {
    Refusal::new(
        ErrorCode::NotSupportedHere,
        "call monitoring is on the port of the Interaction Proxy (IPport)",
    )
}

/// Who does what a request wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handler {
    /// The session with the client, before any module: registration of the client, its mask.
    Session,
    /// The registry of the module that the client is connected to, and what it answers from its own memory.
    Registry,
    /// The T-Controller: agents.
    Agents,
    /// The T-Controller: supervision of agents.
    Supervision,
    /// The T-Controller: what a DN can do.
    Features,
    /// The T-Controller: bulk registration (section 5.8).
    Bulk,
    /// The Interaction Proxy: call monitoring.
    Monitoring,
    /// The Session Controller: calls, and everything that no other module does.
    Calls,
}

/// Whose a request of this kind is.
pub const fn handler(kind: MessageType) -> Handler {
    use MessageType as M;
    match kind {
        M::RequestRegisterClient | M::RequestSetInputMask | M::RequestLostBackupConnection => {
            Handler::Session
        }
        M::RequestRegisterAddress
        | M::RequestUnregisterAddress
        | M::RequestQueryAddress
        | M::RequestQueryServer
        | M::RequestQuerySwitch
        | M::RequestQueryLocation
        | M::RequestPrivateService => Handler::Registry,
        M::RequestRegisterAll | M::RequestUnregisterAll => Handler::Bulk,
        M::RequestAgentLogin
        | M::RequestAgentLogout
        | M::RequestAgentReady
        | M::RequestAgentNotReady
        | M::RequestAgentSetIdleReason
        | M::RequestReserveAgent
        | M::RequestReserveAgentAndGetAccessNumber => Handler::Agents,
        M::RequestMonitorNextCall | M::RequestCancelMonitoring => Handler::Supervision,
        M::RequestSetDNDOn
        | M::RequestSetDNDOff
        | M::RequestCallForwardSet
        | M::RequestCallForwardCancel
        | M::RequestSetMessageWaitingOn
        | M::RequestSetMessageWaitingOff
        | M::RequestSetDNInfo => Handler::Features,
        M::RequestStartCallMonitoring
        | M::RequestStopCallMonitoring
        | M::RequestTransactionMonitoring => Handler::Monitoring,
        _ => Handler::Calls,
    }
}

/// The requests that are done on a node, by number: the bits of ServerCapabilityMask (bit n of byte n / 8, as in an input mask).
pub const DONE: &[MessageType] = &[
    MessageType::RequestRegisterClient,
    MessageType::RequestQueryServer,
    MessageType::RequestQueryAddress,
    MessageType::RequestRegisterAddress,
    MessageType::RequestUnregisterAddress,
    MessageType::RequestRegisterAll,
    MessageType::RequestUnregisterAll,
    MessageType::RequestSetInputMask,
    MessageType::RequestAgentLogin,
    MessageType::RequestAgentLogout,
    MessageType::RequestAgentReady,
    MessageType::RequestAgentNotReady,
    MessageType::RequestSetDNDOn,
    MessageType::RequestSetDNDOff,
    MessageType::RequestMakeCall,
    MessageType::RequestAnswerCall,
    MessageType::RequestReleaseCall,
    MessageType::RequestHoldCall,
    MessageType::RequestRetrieveCall,
    MessageType::RequestInitiateTransfer,
    MessageType::RequestMuteTransfer,
    MessageType::RequestSingleStepTransfer,
    MessageType::RequestCompleteTransfer,
    MessageType::RequestMergeCalls,
    MessageType::RequestAlternateCall,
    MessageType::RequestReconnectCall,
    MessageType::RequestAttachUserData,
    MessageType::RequestUpdateUserData,
    MessageType::RequestDeleteUserData,
    MessageType::RequestDeletePair,
    MessageType::RequestCallForwardSet,
    MessageType::RequestCallForwardCancel,
    MessageType::RequestRouteCall,
    MessageType::RequestSetMessageWaitingOn,
    MessageType::RequestSetMessageWaitingOff,
    MessageType::RequestDistributeUserEvent,
    MessageType::RequestDistributeEvent,
    MessageType::RequestSendDTMF,
    MessageType::RequestRedirectCall,
    MessageType::RequestQueryCall,
    MessageType::RequestClearCall,
    MessageType::RequestQuerySwitch,
    MessageType::RequestReserveAgent,
    MessageType::RequestAgentSetIdleReason,
    MessageType::RequestQueryLocation,
    MessageType::RequestStartCallMonitoring,
    MessageType::RequestStopCallMonitoring,
];
