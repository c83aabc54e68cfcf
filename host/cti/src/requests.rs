//! Whose a request is.

use tlib::MessageType;

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
