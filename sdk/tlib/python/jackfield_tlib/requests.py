"""The T-functions: each sends its request and gives the ``Reference`` of it at once.

What a function does not name is given by the name of the attribute, ``reasons`` and ``extensions`` to every one.
"""


def input_mask(*, all_but=(), only=None):
    """The mask for ``set_input_mask`` that lets through all events but some, or only some, of ``MessageType``."""
    mask = bytearray(b"\xff" * 64 if only is None else 64)
    for event in only or ():
        mask[event // 8] |= 1 << event % 8
    for event in all_but:
        mask[event // 8] &= ~(1 << event % 8) & 0xFF
    return bytes(mask)


class Requests:
    """The T-functions of a client."""

    def send(self, name, **attributes):
        """Sends any request, by its name and attributes."""
        raise NotImplementedError

    def _ask(self, name, attributes, reasons=None, extensions=None, **more):
        return self.send(name, Reason=reasons, Extensions=extensions, **attributes, **more)

    # Session and servers (section 1.2)

    def set_input_mask(self, mask, **more):
        """TSetInputMask. Which events come: 64 bytes, bit E mod 8 of byte E/8 for event E (see ``input_mask``)."""
        return self._ask("RequestSetInputMask", dict(InputMask=mask), **more)

    def query_server(self, **more):
        """TQueryServer. Answered EventServerInfo."""
        return self._ask("RequestQueryServer", {}, **more)

    # Registration (section 1.3)

    def register_address(
        self, dn, register_mode=None, control_mode=None, address_type=None, **more
    ):
        """TRegisterAddress. Answered EventRegistered; from then on the events of the DN come."""
        attributes = dict(ThisDN=dn, RegisterMode=register_mode, ControlMode=control_mode, AddressType=address_type)
        return self._ask("RequestRegisterAddress", attributes, **more)

    def unregister_address(self, dn, control_mode=None, **more):
        """TUnregisterAddress. Answered EventUnregistered."""
        attributes = dict(ThisDN=dn, ControlMode=control_mode)
        return self._ask("RequestUnregisterAddress", attributes, **more)

    def register_all(self, **more):
        """TRegisterAll. Registers every DN that the node owns (a smart client). Answered EventRegisteredAll."""
        return self._ask("RequestRegisterAll", {}, **more)

    def unregister_all(self, **more):
        """TUnregisterAll. Answered EventUnregisteredAll."""
        return self._ask("RequestUnregisterAll", {}, **more)

    def start_call_monitoring(self, location=None, **more):
        """TStartCallMonitoring. Events of calls (EventCallCreated and so on) come."""
        return self._ask("RequestStartCallMonitoring", dict(Location=location), **more)

    def stop_call_monitoring(self, location=None, **more):
        """TStopCallMonitoring. They come no longer."""
        return self._ask("RequestStopCallMonitoring", dict(Location=location), **more)

    def transaction_monitoring(self, operation, subscription_id=None, **more):
        """TTransactionMonitoring. Starts (0), stops (1) or changes (2) a subscription."""
        attributes = dict(SubscriptionOperation=operation, SubscriptionID=subscription_id)
        return self._ask("RequestTransactionMonitoring", attributes, **more)

    # Calls (section 1.4)

    def make_call(
        self, dn, destination, location=None, make_call_type=None, user_data=None, **more
    ):
        """TMakeCall. Answered EventDialing."""
        attributes = dict(ThisDN=dn, OtherDN=destination, Location=location, MakeCallType=make_call_type, UserData=user_data)
        return self._ask("RequestMakeCall", attributes, **more)

    def make_predictive_call(self, dn, destination, timeout=None, user_data=None, **more):
        """TMakePredictiveCall. Answered EventDialing on the queue."""
        attributes = dict(ThisDN=dn, OtherDN=destination, Timeout=timeout, UserData=user_data)
        return self._ask("RequestMakePredictiveCall", attributes, **more)

    def answer_call(self, dn, conn, **more):
        """TAnswerCall. Answered EventEstablished."""
        return self._ask("RequestAnswerCall", dict(ThisDN=dn, ConnID=conn), **more)

    def release_call(self, dn, conn, **more):
        """TReleaseCall. Answered EventReleased."""
        return self._ask("RequestReleaseCall", dict(ThisDN=dn, ConnID=conn), **more)

    def clear_call(self, dn, conn, **more):
        """TClearCall. Ends the call for every party. Answered EventReleased."""
        return self._ask("RequestClearCall", dict(ThisDN=dn, ConnID=conn), **more)

    def hold_call(self, dn, conn, **more):
        """THoldCall. Answered EventHeld."""
        return self._ask("RequestHoldCall", dict(ThisDN=dn, ConnID=conn), **more)

    def retrieve_call(self, dn, conn, **more):
        """TRetrieveCall. Answered EventRetrieved."""
        return self._ask("RequestRetrieveCall", dict(ThisDN=dn, ConnID=conn), **more)

    def alternate_call(self, dn, held, current, **more):
        """TAlternateCall. Holds one call and retrieves the other. Answered EventRetrieved."""
        attributes = dict(ThisDN=dn, ConnID=held, TransferConnID=current)
        return self._ask("RequestAlternateCall", attributes, **more)

    def reconnect_call(self, dn, held, current, **more):
        """TReconnectCall. Releases one call and retrieves the other. Answered EventRetrieved."""
        attributes = dict(ThisDN=dn, ConnID=held, TransferConnID=current)
        return self._ask("RequestReconnectCall", attributes, **more)

    def redirect_call(self, dn, conn, destination, **more):
        """TRedirectCall. Sends a call on that rings. Answered EventReleased."""
        attributes = dict(ThisDN=dn, ConnID=conn, OtherDN=destination)
        return self._ask("RequestRedirectCall", attributes, **more)

    def merge_calls(self, dn, held, current, merge_type, **more):
        """TMergeCalls. Makes one call of two: by transfer (0) or conference (1)."""
        attributes = dict(ThisDN=dn, ConnID=held, TransferConnID=current, MergeType=merge_type)
        return self._ask("RequestMergeCalls", attributes, **more)

    def send_dtmf(self, dn, conn, digits, **more):
        """TSendDTMF. Answered EventDTMFSent."""
        return self._ask("RequestSendDTMF", dict(ThisDN=dn, ConnID=conn, DTMFDigits=digits), **more)

    def set_mute_on(self, dn, conn, **more):
        """TSetMuteOn. Answered EventMuteOn."""
        return self._ask("RequestSetMuteOn", dict(ThisDN=dn, ConnID=conn), **more)

    def set_mute_off(self, dn, conn, **more):
        """TSetMuteOff. Answered EventMuteOff."""
        return self._ask("RequestSetMuteOff", dict(ThisDN=dn, ConnID=conn), **more)

    def listen_disconnect(self, dn, listener, conn, **more):
        """TListenDisconnect. A party of a conference hears nothing. Answered EventListenDisconnected."""
        attributes = dict(ThisDN=dn, OtherDN=listener, ConnID=conn)
        return self._ask("RequestListenDisconnect", attributes, **more)

    def listen_reconnect(self, dn, listener, conn, **more):
        """TListenReconnect. It hears again. Answered EventListenReconnected."""
        attributes = dict(ThisDN=dn, OtherDN=listener, ConnID=conn)
        return self._ask("RequestListenReconnect", attributes, **more)

    def set_call_info(self, operation, **more):
        """TSetCallInfo. Answered EventCallInfoChanged."""
        return self._ask("RequestSetCallInfo", dict(SetOperation=operation), **more)

    # Consultation, transfer, conference (section 1.5)

    def initiate_transfer(self, dn, conn, destination, location=None, user_data=None, **more):
        """TInitiateTransfer. Holds the call and calls somebody about it. Answered EventDialing of the consultation call."""
        attributes = dict(ThisDN=dn, ConnID=conn, OtherDN=destination, Location=location, UserData=user_data)
        return self._ask("RequestInitiateTransfer", attributes, **more)

    def complete_transfer(self, dn, held, current, **more):
        """TCompleteTransfer. Connects the parties of both calls. Answered EventReleased."""
        attributes = dict(ThisDN=dn, ConnID=held, TransferConnID=current)
        return self._ask("RequestCompleteTransfer", attributes, **more)

    def mute_transfer(self, dn, conn, destination, location=None, user_data=None, **more):
        """TMuteTransfer. Initiates a transfer and completes it without waiting for an answer."""
        attributes = dict(ThisDN=dn, ConnID=conn, OtherDN=destination, Location=location, UserData=user_data)
        return self._ask("RequestMuteTransfer", attributes, **more)

    def single_step_transfer(self, dn, conn, destination, location=None, user_data=None, **more):
        """TSingleStepTransfer. Sends the other party on, without a consultation. Answered EventReleased."""
        attributes = dict(ThisDN=dn, ConnID=conn, OtherDN=destination, Location=location, UserData=user_data)
        return self._ask("RequestSingleStepTransfer", attributes, **more)

    def initiate_conference(self, dn, conn, destination, location=None, user_data=None, **more):
        """TInitiateConference. As for a transfer."""
        attributes = dict(ThisDN=dn, ConnID=conn, OtherDN=destination, Location=location, UserData=user_data)
        return self._ask("RequestInitiateConference", attributes, **more)

    def complete_conference(self, dn, held, current, **more):
        """TCompleteConference. Answered EventPartyAdded."""
        attributes = dict(ThisDN=dn, ConnID=held, TransferConnID=current)
        return self._ask("RequestCompleteConference", attributes, **more)

    def single_step_conference(self, dn, conn, destination, location=None, user_data=None, **more):
        """TSingleStepConference. Answered EventPartyAdded."""
        attributes = dict(ThisDN=dn, ConnID=conn, OtherDN=destination, Location=location, UserData=user_data)
        return self._ask("RequestSingleStepConference", attributes, **more)

    def delete_from_conference(self, dn, conn, dropped, **more):
        """TDeleteFromConference. Answered EventPartyDeleted."""
        attributes = dict(ThisDN=dn, ConnID=conn, OtherDN=dropped)
        return self._ask("RequestDeleteFromConference", attributes, **more)

    # Routing and treatments (section 1.6)

    def route_call(
        self, dn, conn, destination=None, location=None, route_type=None, dnis=None, **more
    ):
        """TRouteCall. Answers EventRouteRequest. Answered EventRouteUsed."""
        attributes = dict(ThisDN=dn, ConnID=conn, OtherDN=destination, Location=location, RouteType=route_type, DNIS=dnis)
        return self._ask("RequestRouteCall", attributes, **more)

    def apply_treatment(self, dn, conn, treatment_type, parameters=None, **more):
        """TApplyTreatment. Answered EventTreatmentApplied or EventTreatmentNotApplied."""
        attributes = dict(ThisDN=dn, ConnID=conn, TreatmentType=treatment_type, TreatmentParms=parameters)
        return self._ask("RequestApplyTreatment", attributes, **more)

    def give_music_treatment(self, dn, conn, music=None, **more):
        """TGiveMusicTreatment. Answered EventTreatmentApplied."""
        attributes = dict(ThisDN=dn, ConnID=conn, MusicPath=music)
        return self._ask("RequestGiveMusicTreatment", attributes, **more)

    def give_silence_treatment(self, dn, conn, **more):
        """TGiveSilenceTreatment. Answered EventTreatmentApplied."""
        return self._ask("RequestGiveSilenceTreatment", dict(ThisDN=dn, ConnID=conn), **more)

    def give_ring_back_treatment(self, dn, conn, **more):
        """TGiveRingBackTreatment. Answered EventTreatmentApplied."""
        return self._ask("RequestGiveRingBackTreatment", dict(ThisDN=dn, ConnID=conn), **more)

    def collect_digits(
        self, dn, conn, digits, terminators=None, clear_flag=None, timeout=None, **more
    ):
        """TCollectDigits. Answered EventDigitsCollected."""
        attributes = dict(
            ThisDN=dn, ConnID=conn, NumberOfDigits=digits, TerminateDigits=terminators,
            VoiceCFlag=clear_flag, Timeout=timeout,
        )
        return self._ask("RequestCollectDigits", attributes, **more)

    def login_mail_box(self, dn, conn, user, password=None, **more):
        """TLoginMailBox. Answered EventMailBoxLogin."""
        attributes = dict(ThisDN=dn, ConnID=conn, UserID=user, Password=password)
        return self._ask("RequestLoginMailBox", attributes, **more)

    def logout_mail_box(self, dn, conn, **more):
        """TLogoutMailBox. Answered EventMailBoxLogout."""
        return self._ask("RequestLogoutMailBox", dict(ThisDN=dn, ConnID=conn), **more)

    def open_voice_file(self, dn, conn, file, **more):
        """TOpenVoiceFile. Answered EventVoiceFileOpened."""
        attributes = dict(ThisDN=dn, ConnID=conn, VoiceFileName=file)
        return self._ask("RequestOpenVoiceFile", attributes, **more)

    def close_voice_file(self, dn, conn, handle, **more):
        """TCloseVoiceFile. Answered EventVoiceFileClosed."""
        attributes = dict(ThisDN=dn, ConnID=conn, FileHandle=handle)
        return self._ask("RequestCloseVoiceFile", attributes, **more)

    def play_voice_file(self, dn, conn, handle, segment=None, interrupt_flag=None, **more):
        """TPlayVoiceFile. Answered EventVoiceFileEndPlay."""
        attributes = dict(ThisDN=dn, ConnID=conn, FileHandle=handle, VoiceSegment=segment, VoiceIFlag=interrupt_flag)
        return self._ask("RequestPlayVoiceFile", attributes, **more)

    # Agents and DNs (section 1.7)

    def agent_login(
        self, dn, agent_id, password=None, queue=None, agent_type=None, work_mode=None, **more
    ):
        """TAgentLogin. Answered EventAgentLogin."""
        attributes = dict(ThisDN=dn, AgentID=agent_id, Password=password, ThisQueue=queue, AgentType=agent_type, AgentWorkMode=work_mode)
        return self._ask("RequestAgentLogin", attributes, **more)

    def agent_logout(self, dn, queue=None, **more):
        """TAgentLogout. Answered EventAgentLogout, or EventQueueLogout when the agent stays in other queues."""
        return self._ask("RequestAgentLogout", dict(ThisDN=dn, ThisQueue=queue), **more)

    def agent_set_ready(self, dn, queue=None, work_mode=None, **more):
        """TAgentSetReady. Answered EventAgentReady."""
        attributes = dict(ThisDN=dn, ThisQueue=queue, AgentWorkMode=work_mode)
        return self._ask("RequestAgentReady", attributes, **more)

    def agent_set_not_ready(self, dn, queue=None, work_mode=None, **more):
        """TAgentSetNotReady. Answered EventAgentNotReady."""
        attributes = dict(ThisDN=dn, ThisQueue=queue, AgentWorkMode=work_mode)
        return self._ask("RequestAgentNotReady", attributes, **more)

    def agent_set_idle_reason(self, dn, reason, **more):
        """TAgentSetIdleReason. Answered EventAgentIdleReasonSet."""
        attributes = dict(ThisDN=dn, AgentIdleReason=reason)
        return self._ask("RequestAgentSetIdleReason", attributes, **more)

    def reserve_agent(
        self, dn=None, agent_id=None, place=None, duration_ms=None, priority=None, **more
    ):
        """TReserveAgent. Answered EventAgentReserved."""
        attributes = dict(ThisDN=dn, AgentID=agent_id, Place=place, Timeout=duration_ms, Priority=priority)
        return self._ask("RequestReserveAgent", attributes, **more)

    def set_dnd_on(self, dn, **more):
        """TSetDNDOn. Answered EventDNDOn."""
        return self._ask("RequestSetDNDOn", dict(ThisDN=dn), **more)

    def set_dnd_off(self, dn, **more):
        """TSetDNDOff. Answered EventDNDOff."""
        return self._ask("RequestSetDNDOff", dict(ThisDN=dn), **more)

    def call_set_forward(self, dn, destination, forward_mode=None, **more):
        """TCallSetForward. Answered EventForwardSet."""
        attributes = dict(ThisDN=dn, OtherDN=destination, ForwardMode=forward_mode)
        return self._ask("RequestCallForwardSet", attributes, **more)

    def call_cancel_forward(self, dn, forward_mode=None, **more):
        """TCallCancelForward. Answered EventForwardCancel."""
        attributes = dict(ThisDN=dn, ForwardMode=forward_mode)
        return self._ask("RequestCallForwardCancel", attributes, **more)

    def set_message_waiting_on(self, dn, **more):
        """TSetMessageWaitingOn. Answered EventMessageWaitingOn."""
        return self._ask("RequestSetMessageWaitingOn", dict(ThisDN=dn), **more)

    def set_message_waiting_off(self, dn, **more):
        """TSetMessageWaitingOff. Answered EventMessageWaitingOff."""
        return self._ask("RequestSetMessageWaitingOff", dict(ThisDN=dn), **more)

    def monitor_next_call(self, supervisor, agent, monitor_type=None, **more):
        """TMonitorNextCall. Answered EventMonitoringNextCall."""
        attributes = dict(ThisDN=supervisor, OtherDN=agent, MonitorNextCallType=monitor_type)
        return self._ask("RequestMonitorNextCall", attributes, **more)

    def cancel_monitoring(self, supervisor, agent, **more):
        """TCancelMonitoring. Answered EventMonitoringCancelled."""
        return self._ask("RequestCancelMonitoring", dict(ThisDN=supervisor, OtherDN=agent), **more)

    def set_dn_info(self, dn, **more):
        """TSetDNInfo. Answered EventACK."""
        return self._ask("RequestSetDNInfo", dict(ThisDN=dn), **more)

    # Data, queries, private services (section 1.8)

    def attach_user_data(self, dn, conn, user_data, **more):
        """TAttachUserData. Appends pairs, doubles too. Answered EventAttachedDataChanged."""
        attributes = dict(ThisDN=dn, ConnID=conn, UserData=user_data)
        return self._ask("RequestAttachUserData", attributes, **more)

    def update_user_data(self, dn, conn, user_data, **more):
        """TUpdateUserData. Pairs take the place of those of their keys. Answered EventAttachedDataChanged."""
        attributes = dict(ThisDN=dn, ConnID=conn, UserData=user_data)
        return self._ask("RequestUpdateUserData", attributes, **more)

    def delete_user_data(self, dn, conn, key, **more):
        """TDeleteUserData. Takes out the pairs of one key. Answered EventAttachedDataChanged."""
        return self._ask("RequestDeletePair", dict(ThisDN=dn, ConnID=conn, DataKey=key), **more)

    def delete_all_user_data(self, dn, conn, **more):
        """TDeleteAllUserData. Answered EventAttachedDataChanged."""
        return self._ask("RequestDeleteUserData", dict(ThisDN=dn, ConnID=conn), **more)

    def send_user_event(self, dn, **more):
        """TSendUserEvent. What else is given makes an EventUserEvent for the clients of the DN. Answered EventACK."""
        return self._ask("RequestDistributeUserEvent", dict(ThisDN=dn), **more)

    def send_event(self, event, **more):
        """TSendEvent. What else is given makes the event, as if the server had made it. Answered EventACK."""
        return self._ask("RequestDistributeEvent", dict(UserEvent=event), **more)

    def private_service(self, service_id, dn=None, conn=None, user_data=None, **more):
        """TPrivateService. Answered as the service has it."""
        attributes = dict(PrivateMsgID=service_id, ThisDN=dn, ConnID=conn, UserData=user_data)
        return self._ask("RequestPrivateService", attributes, **more)

    def query_address(self, dn, address_type=None, info_type=None, queue=None, **more):
        """TQueryAddress. Answered EventAddressInfo."""
        attributes = dict(ThisDN=dn, AddressType=address_type, AddressInfoType=info_type, ThisQueue=queue)
        return self._ask("RequestQueryAddress", attributes, **more)

    def query_call(self, conn, dn=None, info_type=None, **more):
        """TQueryCall. Answered EventPartyInfo."""
        attributes = dict(ConnID=conn, ThisDN=dn, CallInfoType=info_type)
        return self._ask("RequestQueryCall", attributes, **more)

    def query_switch(self, info_type=None, **more):
        """TQuerySwitch. Answered EventSwitchInfo."""
        return self._ask("RequestQuerySwitch", dict(SwitchInfoType=info_type), **more)

    def query_location(self, info_type=None, location=None, **more):
        """TQueryLocation. Answered EventLocationInfo."""
        attributes = dict(LocationInfoType=info_type, Location=location)
        return self._ask("RequestQueryLocation", attributes, **more)

    def get_access_number(self, dn, location, route_type=None, conn=None, **more):
        """TGetAccessNumber. Answered EventAnswerAccessNumber."""
        attributes = dict(ThisDN=dn, Location=location, XRouteType=route_type, ConnID=conn)
        return self._ask("RequestGetAccessNumber", attributes, **more)

    def cancel_req_get_access_number(self, reference, **more):
        """TCancelReqGetAccessNumber. Answered EventReqGetAccessNumberCanceled."""
        return self._ask("RequestCancelReqGetAccessNumber", dict(XReferenceID=reference), **more)

    def reserve_agent_and_get_access_number(self, location, agent_id=None, place=None, **more):
        """TReserveAgentAndGetAccessNumber. Answered EventAgentReserved and EventAnswerAccessNumber."""
        attributes = dict(Location=location, AgentID=agent_id, Place=place)
        return self._ask("RequestReserveAgentAndGetAccessNumber", attributes, **more)

    def send_return_receipt(self, receipt, dn=None, **more):
        """TSendReturnReceipt. Answered EventReturnReceipt."""
        attributes = dict(ReturnReceipt=receipt, ReturnReceiptDN=dn)
        return self._ask("RequestSendReturnReceipt", attributes, **more)

    def network_consult(self, dn, conn, destination, location=None, **more):
        """TNetworkConsult. Answered EventNetworkCallStatus, as are the five that follow."""
        attributes = dict(ThisDN=dn, ConnID=conn, OtherDN=destination, Location=location)
        return self._ask("RequestNetworkConsult", attributes, **more)

    def network_alternate(self, dn, conn, **more):
        """TNetworkAlternate. See ``network_consult``."""
        return self._ask("RequestNetworkAlternate", dict(ThisDN=dn, ConnID=conn), **more)

    def network_transfer(self, dn, conn, **more):
        """TNetworkTransfer. See ``network_consult``."""
        return self._ask("RequestNetworkTransfer", dict(ThisDN=dn, ConnID=conn), **more)

    def network_merge(self, dn, conn, **more):
        """TNetworkMerge. See ``network_consult``."""
        return self._ask("RequestNetworkMerge", dict(ThisDN=dn, ConnID=conn), **more)

    def network_reconnect(self, dn, conn, **more):
        """TNetworkReconnect. See ``network_consult``."""
        return self._ask("RequestNetworkReconnect", dict(ThisDN=dn, ConnID=conn), **more)

    def network_single_step_transfer(self, dn, conn, destination, location=None, **more):
        """TNetworkSingleStepTransfer. See ``network_consult``."""
        attributes = dict(ThisDN=dn, ConnID=conn, OtherDN=destination, Location=location)
        return self._ask("RequestNetworkSingleStepTransfer", attributes, **more)

    def network_private_service(self, service_id, dn=None, conn=None, user_data=None, **more):
        """TNetworkPrivateService. Answered EventNetworkPrivateInfo."""
        attributes = dict(PrivateMsgID=service_id, ThisDN=dn, ConnID=conn, UserData=user_data)
        return self._ask("RequestNetworkPrivateService", attributes, **more)
