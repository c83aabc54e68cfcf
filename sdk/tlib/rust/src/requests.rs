//! The T-functions as messages: what each must have. What else it may have is added by [`Message::with`], Reason and Extensions to every one.

use bytes::Bytes;
use model::ConnId;
use tlib::{
    Attribute as A, KvList, MergeType, Message, MessageType as M, SetOperation,
    SubscriptionOperation, TreatmentType,
};

/// TSetInputMask. Which events come: 64 bytes, bit E mod 8 of byte E/8 for event E (`tlib::InputMask`).
pub fn set_input_mask(mask: Bytes) -> Message {
    Message::new(M::RequestSetInputMask).with(A::InputMask, mask)
}

/// TQueryServer. Answered EventServerInfo.
pub fn query_server() -> Message {
    Message::new(M::RequestQueryServer)
}

/// TRegisterAddress. Answered EventRegistered; from then on the events of the DN come. May have RegisterMode, ControlMode, AddressType.
pub fn register_address(dn: &str) -> Message {
    Message::new(M::RequestRegisterAddress).with(A::ThisDN, dn)
}

/// TUnregisterAddress. Answered EventUnregistered. May have ControlMode.
pub fn unregister_address(dn: &str) -> Message {
    Message::new(M::RequestUnregisterAddress).with(A::ThisDN, dn)
}

/// TRegisterAll. Registers every DN that the node owns (a smart client). Answered EventRegisteredAll.
pub fn register_all() -> Message {
    Message::new(M::RequestRegisterAll)
}

/// TUnregisterAll. Answered EventUnregisteredAll.
pub fn unregister_all() -> Message {
    Message::new(M::RequestUnregisterAll)
}

/// TStartCallMonitoring. Events of calls (EventCallCreated and so on) come. May have Location.
pub fn start_call_monitoring() -> Message {
    Message::new(M::RequestStartCallMonitoring)
}

/// TStopCallMonitoring. They come no longer. May have Location.
pub fn stop_call_monitoring() -> Message {
    Message::new(M::RequestStopCallMonitoring)
}

/// TTransactionMonitoring. Starts (0), stops (1) or changes (2) a subscription. May have SubscriptionID.
pub fn transaction_monitoring(operation: SubscriptionOperation) -> Message {
    Message::new(M::RequestTransactionMonitoring).with(A::SubscriptionOperation, operation)
}

/// TMakeCall. Answered EventDialing. May have Location, MakeCallType, UserData.
pub fn make_call(dn: &str, destination: &str) -> Message {
    Message::new(M::RequestMakeCall).with(A::ThisDN, dn).with(A::OtherDN, destination)
}

/// TMakePredictiveCall. Answered EventDialing on the queue. May have Timeout, UserData.
pub fn make_predictive_call(dn: &str, destination: &str) -> Message {
    Message::new(M::RequestMakePredictiveCall).with(A::ThisDN, dn).with(A::OtherDN, destination)
}

/// TAnswerCall. Answered EventEstablished.
pub fn answer_call(dn: &str, conn: ConnId) -> Message {
    Message::new(M::RequestAnswerCall).with(A::ThisDN, dn).with(A::ConnID, conn)
}

/// TReleaseCall. Answered EventReleased.
pub fn release_call(dn: &str, conn: ConnId) -> Message {
    Message::new(M::RequestReleaseCall).with(A::ThisDN, dn).with(A::ConnID, conn)
}

/// TClearCall. Ends the call for every party. Answered EventReleased.
pub fn clear_call(dn: &str, conn: ConnId) -> Message {
    Message::new(M::RequestClearCall).with(A::ThisDN, dn).with(A::ConnID, conn)
}

/// THoldCall. Answered EventHeld.
pub fn hold_call(dn: &str, conn: ConnId) -> Message {
    Message::new(M::RequestHoldCall).with(A::ThisDN, dn).with(A::ConnID, conn)
}

/// TRetrieveCall. Answered EventRetrieved.
pub fn retrieve_call(dn: &str, conn: ConnId) -> Message {
    Message::new(M::RequestRetrieveCall).with(A::ThisDN, dn).with(A::ConnID, conn)
}

/// TAlternateCall. Holds one call and retrieves the other. Answered EventRetrieved.
pub fn alternate_call(dn: &str, held: ConnId, current: ConnId) -> Message {
    Message::new(M::RequestAlternateCall)
        .with(A::ThisDN, dn)
        .with(A::ConnID, held)
        .with(A::TransferConnID, current)
}

/// TReconnectCall. Releases one call and retrieves the other. Answered EventRetrieved.
pub fn reconnect_call(dn: &str, held: ConnId, current: ConnId) -> Message {
    Message::new(M::RequestReconnectCall)
        .with(A::ThisDN, dn)
        .with(A::ConnID, held)
        .with(A::TransferConnID, current)
}

/// TRedirectCall. Sends a call on that rings. Answered EventReleased.
pub fn redirect_call(dn: &str, conn: ConnId, destination: &str) -> Message {
    Message::new(M::RequestRedirectCall)
        .with(A::ThisDN, dn)
        .with(A::ConnID, conn)
        .with(A::OtherDN, destination)
}

/// TMergeCalls. Makes one call of two: by transfer (0) or conference (1).
pub fn merge_calls(dn: &str, held: ConnId, current: ConnId, merge_type: MergeType) -> Message {
    Message::new(M::RequestMergeCalls)
        .with(A::ThisDN, dn)
        .with(A::ConnID, held)
        .with(A::TransferConnID, current)
        .with(A::MergeType, merge_type)
}

/// TSendDTMF. Answered EventDTMFSent.
pub fn send_dtmf(dn: &str, conn: ConnId, digits: &str) -> Message {
    Message::new(M::RequestSendDTMF)
        .with(A::ThisDN, dn)
        .with(A::ConnID, conn)
        .with(A::DTMFDigits, digits)
}

/// TSetMuteOn. Answered EventMuteOn.
pub fn set_mute_on(dn: &str, conn: ConnId) -> Message {
    Message::new(M::RequestSetMuteOn).with(A::ThisDN, dn).with(A::ConnID, conn)
}

/// TSetMuteOff. Answered EventMuteOff.
pub fn set_mute_off(dn: &str, conn: ConnId) -> Message {
    Message::new(M::RequestSetMuteOff).with(A::ThisDN, dn).with(A::ConnID, conn)
}

/// TListenDisconnect. A party of a conference hears nothing. Answered EventListenDisconnected.
pub fn listen_disconnect(dn: &str, listener: &str, conn: ConnId) -> Message {
    Message::new(M::RequestListenDisconnect)
        .with(A::ThisDN, dn)
        .with(A::OtherDN, listener)
        .with(A::ConnID, conn)
}

/// TListenReconnect. It hears again. Answered EventListenReconnected.
pub fn listen_reconnect(dn: &str, listener: &str, conn: ConnId) -> Message {
    Message::new(M::RequestListenReconnect)
        .with(A::ThisDN, dn)
        .with(A::OtherDN, listener)
        .with(A::ConnID, conn)
}

/// TSetCallInfo. Answered EventCallInfoChanged.
pub fn set_call_info(operation: SetOperation) -> Message {
    Message::new(M::RequestSetCallInfo).with(A::SetOperation, operation)
}

/// TInitiateTransfer. Holds the call and calls somebody about it. Answered EventDialing of the consultation call. May have Location, UserData.
pub fn initiate_transfer(dn: &str, conn: ConnId, destination: &str) -> Message {
    Message::new(M::RequestInitiateTransfer)
        .with(A::ThisDN, dn)
        .with(A::ConnID, conn)
        .with(A::OtherDN, destination)
}

/// TCompleteTransfer. Connects the parties of both calls. Answered EventReleased.
pub fn complete_transfer(dn: &str, held: ConnId, current: ConnId) -> Message {
    Message::new(M::RequestCompleteTransfer)
        .with(A::ThisDN, dn)
        .with(A::ConnID, held)
        .with(A::TransferConnID, current)
}

/// TMuteTransfer. Initiates a transfer and completes it without waiting for an answer. May have Location, UserData.
pub fn mute_transfer(dn: &str, conn: ConnId, destination: &str) -> Message {
    Message::new(M::RequestMuteTransfer)
        .with(A::ThisDN, dn)
        .with(A::ConnID, conn)
        .with(A::OtherDN, destination)
}

/// TSingleStepTransfer. Sends the other party on, without a consultation. Answered EventReleased. May have Location, UserData.
pub fn single_step_transfer(dn: &str, conn: ConnId, destination: &str) -> Message {
    Message::new(M::RequestSingleStepTransfer)
        .with(A::ThisDN, dn)
        .with(A::ConnID, conn)
        .with(A::OtherDN, destination)
}

/// TInitiateConference. As for a transfer. May have Location, UserData.
pub fn initiate_conference(dn: &str, conn: ConnId, destination: &str) -> Message {
    Message::new(M::RequestInitiateConference)
        .with(A::ThisDN, dn)
        .with(A::ConnID, conn)
        .with(A::OtherDN, destination)
}

/// TCompleteConference. Answered EventPartyAdded.
pub fn complete_conference(dn: &str, held: ConnId, current: ConnId) -> Message {
    Message::new(M::RequestCompleteConference)
        .with(A::ThisDN, dn)
        .with(A::ConnID, held)
        .with(A::TransferConnID, current)
}

/// TSingleStepConference. Answered EventPartyAdded. May have Location, UserData.
pub fn single_step_conference(dn: &str, conn: ConnId, destination: &str) -> Message {
    Message::new(M::RequestSingleStepConference)
        .with(A::ThisDN, dn)
        .with(A::ConnID, conn)
        .with(A::OtherDN, destination)
}

/// TDeleteFromConference. Answered EventPartyDeleted.
pub fn delete_from_conference(dn: &str, conn: ConnId, dropped: &str) -> Message {
    Message::new(M::RequestDeleteFromConference)
        .with(A::ThisDN, dn)
        .with(A::ConnID, conn)
        .with(A::OtherDN, dropped)
}

/// TRouteCall. Answers EventRouteRequest. Answered EventRouteUsed. May have OtherDN, Location, RouteType, DNIS.
pub fn route_call(dn: &str, conn: ConnId) -> Message {
    Message::new(M::RequestRouteCall).with(A::ThisDN, dn).with(A::ConnID, conn)
}

/// TApplyTreatment. Answered EventTreatmentApplied or EventTreatmentNotApplied. May have TreatmentParms.
pub fn apply_treatment(dn: &str, conn: ConnId, treatment_type: TreatmentType) -> Message {
    Message::new(M::RequestApplyTreatment)
        .with(A::ThisDN, dn)
        .with(A::ConnID, conn)
        .with(A::TreatmentType, treatment_type)
}

/// TGiveMusicTreatment. Answered EventTreatmentApplied. May have MusicPath.
pub fn give_music_treatment(dn: &str, conn: ConnId) -> Message {
    Message::new(M::RequestGiveMusicTreatment).with(A::ThisDN, dn).with(A::ConnID, conn)
}

/// TGiveSilenceTreatment. Answered EventTreatmentApplied.
pub fn give_silence_treatment(dn: &str, conn: ConnId) -> Message {
    Message::new(M::RequestGiveSilenceTreatment).with(A::ThisDN, dn).with(A::ConnID, conn)
}

/// TGiveRingBackTreatment. Answered EventTreatmentApplied.
pub fn give_ring_back_treatment(dn: &str, conn: ConnId) -> Message {
    Message::new(M::RequestGiveRingBackTreatment).with(A::ThisDN, dn).with(A::ConnID, conn)
}

/// TCollectDigits. Answered EventDigitsCollected. May have TerminateDigits, VoiceCFlag, Timeout.
pub fn collect_digits(dn: &str, conn: ConnId, digits: i64) -> Message {
    Message::new(M::RequestCollectDigits)
        .with(A::ThisDN, dn)
        .with(A::ConnID, conn)
        .with(A::NumberOfDigits, digits)
}

/// TLoginMailBox. Answered EventMailBoxLogin. May have Password.
pub fn login_mail_box(dn: &str, conn: ConnId, user: &str) -> Message {
    Message::new(M::RequestLoginMailBox)
        .with(A::ThisDN, dn)
        .with(A::ConnID, conn)
        .with(A::UserID, user)
}

/// TLogoutMailBox. Answered EventMailBoxLogout.
pub fn logout_mail_box(dn: &str, conn: ConnId) -> Message {
    Message::new(M::RequestLogoutMailBox).with(A::ThisDN, dn).with(A::ConnID, conn)
}

/// TOpenVoiceFile. Answered EventVoiceFileOpened.
pub fn open_voice_file(dn: &str, conn: ConnId, file: &str) -> Message {
    Message::new(M::RequestOpenVoiceFile)
        .with(A::ThisDN, dn)
        .with(A::ConnID, conn)
        .with(A::VoiceFileName, file)
}

/// TCloseVoiceFile. Answered EventVoiceFileClosed.
pub fn close_voice_file(dn: &str, conn: ConnId, handle: i64) -> Message {
    Message::new(M::RequestCloseVoiceFile)
        .with(A::ThisDN, dn)
        .with(A::ConnID, conn)
        .with(A::FileHandle, handle)
}

/// TPlayVoiceFile. Answered EventVoiceFileEndPlay. May have VoiceSegment, VoiceIFlag.
pub fn play_voice_file(dn: &str, conn: ConnId, handle: i64) -> Message {
    Message::new(M::RequestPlayVoiceFile)
        .with(A::ThisDN, dn)
        .with(A::ConnID, conn)
        .with(A::FileHandle, handle)
}

/// TAgentLogin. Answered EventAgentLogin. May have Password, ThisQueue, AgentType, AgentWorkMode.
pub fn agent_login(dn: &str, agent_id: &str) -> Message {
    Message::new(M::RequestAgentLogin).with(A::ThisDN, dn).with(A::AgentID, agent_id)
}

/// TAgentLogout. Answered EventAgentLogout, or EventQueueLogout when the agent stays in other queues. May have ThisQueue.
pub fn agent_logout(dn: &str) -> Message {
    Message::new(M::RequestAgentLogout).with(A::ThisDN, dn)
}

/// TAgentSetReady. Answered EventAgentReady. May have ThisQueue, AgentWorkMode.
pub fn agent_set_ready(dn: &str) -> Message {
    Message::new(M::RequestAgentReady).with(A::ThisDN, dn)
}

/// TAgentSetNotReady. Answered EventAgentNotReady. May have ThisQueue, AgentWorkMode.
pub fn agent_set_not_ready(dn: &str) -> Message {
    Message::new(M::RequestAgentNotReady).with(A::ThisDN, dn)
}

/// TAgentSetIdleReason. Answered EventAgentIdleReasonSet.
pub fn agent_set_idle_reason(dn: &str, reason: &str) -> Message {
    Message::new(M::RequestAgentSetIdleReason).with(A::ThisDN, dn).with(A::AgentIdleReason, reason)
}

/// TReserveAgent. Answered EventAgentReserved. May have ThisDN, AgentID, Place, Timeout, Priority.
pub fn reserve_agent() -> Message {
    Message::new(M::RequestReserveAgent)
}

/// TSetDNDOn. Answered EventDNDOn.
pub fn set_dnd_on(dn: &str) -> Message {
    Message::new(M::RequestSetDNDOn).with(A::ThisDN, dn)
}

/// TSetDNDOff. Answered EventDNDOff.
pub fn set_dnd_off(dn: &str) -> Message {
    Message::new(M::RequestSetDNDOff).with(A::ThisDN, dn)
}

/// TCallSetForward. Answered EventForwardSet. May have ForwardMode.
pub fn call_set_forward(dn: &str, destination: &str) -> Message {
    Message::new(M::RequestCallForwardSet).with(A::ThisDN, dn).with(A::OtherDN, destination)
}

/// TCallCancelForward. Answered EventForwardCancel. May have ForwardMode.
pub fn call_cancel_forward(dn: &str) -> Message {
    Message::new(M::RequestCallForwardCancel).with(A::ThisDN, dn)
}

/// TSetMessageWaitingOn. Answered EventMessageWaitingOn.
pub fn set_message_waiting_on(dn: &str) -> Message {
    Message::new(M::RequestSetMessageWaitingOn).with(A::ThisDN, dn)
}

/// TSetMessageWaitingOff. Answered EventMessageWaitingOff.
pub fn set_message_waiting_off(dn: &str) -> Message {
    Message::new(M::RequestSetMessageWaitingOff).with(A::ThisDN, dn)
}

/// TMonitorNextCall. Answered EventMonitoringNextCall. May have MonitorNextCallType.
pub fn monitor_next_call(supervisor: &str, agent: &str) -> Message {
    Message::new(M::RequestMonitorNextCall).with(A::ThisDN, supervisor).with(A::OtherDN, agent)
}

/// TCancelMonitoring. Answered EventMonitoringCancelled.
pub fn cancel_monitoring(supervisor: &str, agent: &str) -> Message {
    Message::new(M::RequestCancelMonitoring).with(A::ThisDN, supervisor).with(A::OtherDN, agent)
}

/// TSetDNInfo. Answered EventACK.
pub fn set_dn_info(dn: &str) -> Message {
    Message::new(M::RequestSetDNInfo).with(A::ThisDN, dn)
}

/// TAttachUserData. Appends pairs, doubles too. Answered EventAttachedDataChanged.
pub fn attach_user_data(dn: &str, conn: ConnId, user_data: KvList) -> Message {
    Message::new(M::RequestAttachUserData)
        .with(A::ThisDN, dn)
        .with(A::ConnID, conn)
        .with(A::UserData, user_data)
}

/// TUpdateUserData. Pairs take the place of those of their keys. Answered EventAttachedDataChanged.
pub fn update_user_data(dn: &str, conn: ConnId, user_data: KvList) -> Message {
    Message::new(M::RequestUpdateUserData)
        .with(A::ThisDN, dn)
        .with(A::ConnID, conn)
        .with(A::UserData, user_data)
}

/// TDeleteUserData. Takes out the pairs of one key. Answered EventAttachedDataChanged.
pub fn delete_user_data(dn: &str, conn: ConnId, key: &str) -> Message {
    Message::new(M::RequestDeletePair)
        .with(A::ThisDN, dn)
        .with(A::ConnID, conn)
        .with(A::DataKey, key)
}

/// TDeleteAllUserData. Answered EventAttachedDataChanged.
pub fn delete_all_user_data(dn: &str, conn: ConnId) -> Message {
    Message::new(M::RequestDeleteUserData).with(A::ThisDN, dn).with(A::ConnID, conn)
}

/// TSendUserEvent. What else is given makes an EventUserEvent for the clients of the DN. Answered EventACK.
pub fn send_user_event(dn: &str) -> Message {
    Message::new(M::RequestDistributeUserEvent).with(A::ThisDN, dn)
}

/// TSendEvent. What else is given makes the event, as if the server had made it. Answered EventACK.
pub fn send_event(event: M) -> Message {
    Message::new(M::RequestDistributeEvent).with(A::UserEvent, event)
}

/// TPrivateService. Answered as the service has it. May have ThisDN, ConnID, UserData.
pub fn private_service(service_id: i64) -> Message {
    Message::new(M::RequestPrivateService).with(A::PrivateMsgID, service_id)
}

/// TQueryAddress. Answered EventAddressInfo. May have AddressType, AddressInfoType, ThisQueue.
pub fn query_address(dn: &str) -> Message {
    Message::new(M::RequestQueryAddress).with(A::ThisDN, dn)
}

/// TQueryCall. Answered EventPartyInfo. May have ThisDN, CallInfoType.
pub fn query_call(conn: ConnId) -> Message {
    Message::new(M::RequestQueryCall).with(A::ConnID, conn)
}

/// TQuerySwitch. Answered EventSwitchInfo. May have SwitchInfoType.
pub fn query_switch() -> Message {
    Message::new(M::RequestQuerySwitch)
}

/// TQueryLocation. Answered EventLocationInfo. May have LocationInfoType, Location.
pub fn query_location() -> Message {
    Message::new(M::RequestQueryLocation)
}

/// TGetAccessNumber. Answered EventAnswerAccessNumber. May have XRouteType, ConnID.
pub fn get_access_number(dn: &str, location: &str) -> Message {
    Message::new(M::RequestGetAccessNumber).with(A::ThisDN, dn).with(A::Location, location)
}

/// TCancelReqGetAccessNumber. Answered EventReqGetAccessNumberCanceled.
pub fn cancel_req_get_access_number(reference: i64) -> Message {
    Message::new(M::RequestCancelReqGetAccessNumber).with(A::XReferenceID, reference)
}

/// TReserveAgentAndGetAccessNumber. Answered EventAgentReserved and EventAnswerAccessNumber. May have AgentID, Place.
pub fn reserve_agent_and_get_access_number(location: &str) -> Message {
    Message::new(M::RequestReserveAgentAndGetAccessNumber).with(A::Location, location)
}

/// TSendReturnReceipt. Answered EventReturnReceipt. May have ReturnReceiptDN.
pub fn send_return_receipt(receipt: i64) -> Message {
    Message::new(M::RequestSendReturnReceipt).with(A::ReturnReceipt, receipt)
}

/// TNetworkConsult. Answered EventNetworkCallStatus, as are the five that follow. May have Location.
pub fn network_consult(dn: &str, conn: ConnId, destination: &str) -> Message {
    Message::new(M::RequestNetworkConsult)
        .with(A::ThisDN, dn)
        .with(A::ConnID, conn)
        .with(A::OtherDN, destination)
}

/// TNetworkAlternate. See [`network_consult`].
pub fn network_alternate(dn: &str, conn: ConnId) -> Message {
    Message::new(M::RequestNetworkAlternate).with(A::ThisDN, dn).with(A::ConnID, conn)
}

/// TNetworkTransfer. See [`network_consult`].
pub fn network_transfer(dn: &str, conn: ConnId) -> Message {
    Message::new(M::RequestNetworkTransfer).with(A::ThisDN, dn).with(A::ConnID, conn)
}

/// TNetworkMerge. See [`network_consult`].
pub fn network_merge(dn: &str, conn: ConnId) -> Message {
    Message::new(M::RequestNetworkMerge).with(A::ThisDN, dn).with(A::ConnID, conn)
}

/// TNetworkReconnect. See [`network_consult`].
pub fn network_reconnect(dn: &str, conn: ConnId) -> Message {
    Message::new(M::RequestNetworkReconnect).with(A::ThisDN, dn).with(A::ConnID, conn)
}

/// TNetworkSingleStepTransfer. See [`network_consult`]. May have Location.
pub fn network_single_step_transfer(dn: &str, conn: ConnId, destination: &str) -> Message {
    Message::new(M::RequestNetworkSingleStepTransfer)
        .with(A::ThisDN, dn)
        .with(A::ConnID, conn)
        .with(A::OtherDN, destination)
}

/// TNetworkPrivateService. Answered EventNetworkPrivateInfo. May have ThisDN, ConnID, UserData.
pub fn network_private_service(service_id: i64) -> Message {
    Message::new(M::RequestNetworkPrivateService).with(A::PrivateMsgID, service_id)
}
