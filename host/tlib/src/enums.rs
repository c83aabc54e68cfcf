//! What enumerated attributes may be (tables 3.3 to 3.14).

numbers! {
    /// What kind of device an address is (table 3.3).
    pub enum AddressType {
        Unknown = 0, DN = 1, Position = 2, Queue = 3, RouteDN = 4, Trunk = 5, VoiceChannel = 6, DataChannel = 7, Announcement = 8,
        ASAI = 9, ACDGroup = 10, VSP = 11, RouteQueue = 12, AgentID = 13, Other = 99,
    }
}
numbers! {
    /// Where the ends of a call are (table 3.4).
    pub enum CallType { Unknown = 0, Internal = 1, Inbound = 2, Outbound = 3, Consult = 4, }
}
numbers! {
    /// What a party is in its call (table 3.4).
    pub enum DNRole {
        Unknown = 0, Origination = 1, Destination = 2, ConferenceMember = 3, NewParty = 4, AddedBy = 5, DeletedBy = 6, TransferredBy = 7,
        DeletedParty = 8, ConferencedBy = 9, Observer = 10,
    }
}
numbers! {
    /// How a client holds a DN (table 3.4).
    pub enum RegisterMode { Share = 0, Private = 1, Monitor = 2, }
}
numbers! {
    /// What a registration does to the switch's own monitoring (table 3.4); this switch always knows its DNs, so it is noted and no more.
    pub enum ControlMode { RegisterDefault = 0, Force = 1, Local = 2, }
}
numbers! {
    /// Which of a pair a server is (table 3.4).
    pub enum ServerRole { Primary = 0, Backup = 1, }
}
numbers! {
    /// What an agent that is not talking does (table 3.4).
    pub enum AgentWorkMode {
        Unknown = 0, ManualIn = 1, AutoIn = 2, AfterCallWork = 3, AuxWork = 4, NoCallDisconnect = 5, WalkAway = 6, ReturnBack = 7,
    }
}
numbers! {
    /// Who logs in (table 3.4).
    pub enum AgentType { Agent = 0, Supervisor = 1, }
}
numbers! {
    /// Of TMakeCall (table 3.4).
    pub enum MakeCallType { Regular = 0, DirectAgent = 1, SupervisorAssist = 2, Priority = 3, DirectPriority = 4, }
}
numbers! {
    /// Of TMergeCalls (table 3.4).
    pub enum MergeType { Transfer = 0, Conference = 1, }
}
numbers! {
    /// When calls are forwarded (table 3.4).
    pub enum ForwardMode { None = 0, Unconditional = 1, OnBusy = 2, OnNoAnswer = 3, OnBusyAndNoAnswer = 4, SendAllCalls = 5, }
}
numbers! {
    /// What TQueryCall asks (table 3.4).
    pub enum CallInfoType { PartiesQuery = 0, StatusQuery = 1, }
}
numbers! {
    /// What TQuerySwitch asks (table 3.4).
    pub enum SwitchInfoType { DateTime = 1, ClassifierStat = 2, }
}
numbers! {
    /// In which state a DN is (table 3.4).
    pub enum DNState { Unknown = 0, Ok = 1, Virtual = 2, OutOfService = 3, }
}
numbers! {
    /// How a call is, or why it ended (table 3.5).
    pub enum CallState {
        Ok = 0, Transferred = 1, Conferenced = 2, GeneralError = 3, SystemError = 4, RemoteRelease = 5, Busy = 6, NoAnswer = 7,
        SitDetected = 8, AnsweringMachineDetected = 9, AllTrunksBusy = 10, SitInvalidnum = 11, SitVacant = 12, SitIntercept = 13,
        SitUnknown = 14, SitNocircuit = 15, SitReorder = 16, FaxDetected = 17, QueueFull = 18, Cleared = 19, Overflowed = 20,
        Abandoned = 21, Redirected = 22, Forwarded = 23, Consult = 24, Pickedup = 25, Dropped = 26, Droppednoanswer = 27, Unknown = 28,
        Covered = 29, ConverseOn = 30, Bridged = 31, Deafened = 49, Held = 50,
    }
}
numbers! {
    /// What TQueryAddress asks (table 3.7). DNStatus is the query that every server answers, from its own memory.
    pub enum AddressInfoType {
        AddressStatus = 0, MessageWaitingStatus = 1, AssociationStatus = 2, CallForwardingStatus = 3, AgentStatus = 4,
        NumberOfAgentsInQueue = 5, NumberOfAvailableAgentsInQueue = 6, NumberOfCallsInQueue = 7, AddressType = 8, CallsQuery = 9,
        SendAllCallsStatus = 10, QueueLoginAudit = 11, NumberOfIdleTrunks = 14, NumberOfTrunksInUse = 15, DatabaseValue = 16, DNStatus = 17,
        QueueStatus = 18,
    }
}
numbers! {
    /// How an address is: the answer to AddressStatus (table 3.7).
    pub enum AddressStatus {
        Idle = 0, Origination = 1, Dialing = 2, Talking = 3, Ringing = 4, Held = 5, Treatment = 6, LockedOut = 7, Maintenance = 8,
        Available = 9, Vacant = 10,
    }
}
numbers! {
    /// Why something happened to a party, in the call-monitoring stream (table 3.10).
    pub enum Cause {
        Empty = 0, ACD = 1, Busy = 2, NoAnswer = 3, Reject = 4, Route = 5, Coverage = 6, ConverseOn = 7, Forward = 8, Redirect = 9,
        Transfer = 10, SingleStepTransfer = 11, Conference = 12, AMDetected = 13, FaxDetected = 14, SITDetected = 15,
    }
}
numbers! {
    /// How a call leaves a Routing Point (table 3.14).
    pub enum RouteType {
        Unknown = 0, Default = 1, Label = 2, OverwriteDNIS = 3, DDD = 4, IDDD = 5, Direct = 6, Reject = 7, Announcement = 8,
        PostFeature = 9, DirectAgent = 10, Priority = 11, DirectPriority = 12, AgentID = 13, CallDisconnect = 14,
    }
}
numbers! {
    /// What TTransactionMonitoring does (table 3.4).
    pub enum SubscriptionOperation { Start = 0, Stop = 1, Modify = 2, }
}
numbers! {
    /// What a consultation is for (table 3.4).
    pub enum ConsultType { Transfer = 0, MuteTransfer = 1, Conference = 2, }
}
numbers! {
    /// For how long a supervisor listens (table 3.4).
    pub enum MonitorNextCallType { One = 0, All = 1, }
}
numbers! {
    /// What an interaction is made of (table 3.4); numbers from 100 on are the customer's own.
    pub enum MediaType {
        Voice = 0, VoIP = 1, EMail = 2, VMail = 3, SMail = 4, Chat = 5, Video = 6, Cobrowsing = 7, Whiteboard = 8, AppSharing = 9,
        WebForm = 10, WorkItem = 11,
    }
}
numbers! {
    /// Of TSetCallInfo (table 3.4).
    pub enum SetOperation {
        CreateCallInfo = 0, SetCallInfo = 1, DeleteCallInfo = 2, AddParty = 3, DeleteParty = 4, CallInfoUpdate = 5,
    }
}
numbers! {
    /// Whether an announcement may be interrupted (table 3.4).
    pub enum InterruptFlag { Uninterruptable = 1, Interruptable = 2, }
}
numbers! {
    /// How sure the time of an event is (table 3.4).
    pub enum Reliability { Ok = 0, InPast = 1, Uncertain = 2, }
}
numbers! {
    /// What is played to a call on a Routing Point (table 3.6).
    pub enum TreatmentType {
        Unknown = 0, IVR = 1, Music = 2, RingBack = 3, Silence = 4, Busy = 5, CollectDigits = 6, PlayAnnouncement = 7,
        PlayAnnouncementAndDigits = 8, VerifyDigits = 9, RecordUserAnnouncement = 10, DeleteUserAnnouncement = 11, CancelCall = 12,
        PlayApplication = 13, SetDefaultRoute = 14, TextToSpeech = 15, TextToSpeechAndDigits = 16, FastBusy = 17, RAN = 18,
    }
}
numbers! {
    /// What TQueryLocation asks (table 3.7).
    pub enum LocationInfoType {
        AllLocations = 0, LocationData = 1, MonitorLocation = 2, CancelMonitorLocation = 3, MonitorAllLocations = 4, CancelMonitorAll = 5,
        LocationMonitorCanceled = 6, AllLocationsMonitorCanceled = 7,
    }
}
numbers! {
    /// How a network call is (table 3.11).
    pub enum NetworkCallState {
        Unknown = 0, Consulting = 1, ConsultHeld = 2, Transferred = 3, Conferenced = 4, Reconnected = 5, Disconnected = 6, Null = 7,
    }
}
numbers! {
    /// How the destination of a network call is (table 3.11).
    pub enum NetworkDestState { Unknown = 0, Routing = 1, Delivering = 2, NoParty = 3, Ok = 4, }
}
numbers! {
    /// What a party is in a network call (table 3.11).
    pub enum NetworkPartyRole { Unknown = 0, OrigParty = 1, DestParty = 2, }
}

/// The state of a party as one number (section 3.9): three independent parts.
pub mod party_state {
    /// It has none.
    pub const NULL: u32 = 0x0;
    /// It has lifted the handset.
    pub const INITIATED: u32 = 0x1;
    /// It waits in a queue.
    pub const QUEUED: u32 = 0x9;
    /// It rings.
    pub const ALERTING: u32 = 0xA;
    /// It is busy.
    pub const BUSY: u32 = 0xB;
    /// It talks, or, with [`DIALING`], calls.
    pub const CONNECTED: u32 = 0xC;
    /// It has put the call on hold.
    pub const HELD: u32 = 0xE;
    /// It cannot go on.
    pub const FAILED: u32 = 0xF;
    /// It is being routed.
    pub const ROUTING: u32 = 0x800;
    /// It calls and has no answer yet; not reported.
    pub const DIALING: u32 = 0x10000;
    /// What is reported of it.
    pub const REPORTED: u32 = 0x0FFFF;
}
