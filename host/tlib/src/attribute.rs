//! Attribute numbers, names and kinds (table 3.2). `ProtocolVersion`, 0 there, has no number on this wire that protobuf could carry, and is
//! 1000; what is not in the table is from 1001 on.

use crate::{Value, enums, message_type::MessageType, numbers::Names};

/// What the value of an attribute is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Int,
    /// A number that stands for a name: on the wire and in logs the number.
    Enum,
    /// A connection id: 64 bits, 16 hexadecimal digits in logs.
    ConnId,
    /// A counter of 64 bits, 16 hexadecimal digits in logs.
    Sequence,
    /// Bytes.
    Bytes,
    /// A key-value list.
    List,
}

impl Kind {
    /// Whether an attribute of this kind can have this value.
    pub const fn takes(self, value: &Value) -> bool {
        match self {
            Self::Text => matches!(value, Value::Text(_)),
            Self::Int | Self::Enum => matches!(value, Value::Int(_)),
            Self::ConnId | Self::Sequence => matches!(value, Value::Id(_)),
            Self::Bytes => matches!(value, Value::Bytes(_)),
            Self::List => matches!(value, Value::List(_)),
        }
    }
}

macro_rules! attributes {
    ($($name:ident = $number:literal: $kind:ident,)*) => {
        /// An attribute of a message, by the name logs print it with (without their `Attribute` in front).
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[allow(missing_docs, reason = "the names are the interface's own")]
        #[repr(u16)]
        pub enum Attribute { $($name = $number,)* }

        impl Attribute {
            /// Every attribute, by number.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The attribute of this number.
            pub const fn of(number: u32) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The attribute of this name.
            pub fn named(name: &str) -> Option<Self> {
                match name { $(stringify!($name) => Some(Self::$name),)* _ => None }
            }

            /// What its value is.
            pub const fn kind(self) -> Kind {
                match self { $(Self::$name => Kind::$kind,)* }
            }
        }
    };
}

attributes! {
    ErrorMessage = 1: Text,
    ReferenceID = 2: Int,
    CallID = 3: Int,
    NodeID = 4: Int,
    NetworkCallID = 5: Int,
    NetworkNodeID = 6: Int,
    TransferredNetworkCallID = 7: Int,
    TransferredNetworkNodeID = 8: Int,
    ConnID = 9: ConnId,
    PreviousConnID = 10: ConnId,
    TransferConnID = 11: ConnId,
    ConferenceConnID = 12: ConnId,
    CallState = 13: Enum,
    AgentID = 14: Text,
    AgentWorkMode = 16: Enum,
    Reason = 17: List,
    DNIS = 18: Text,
    ANI = 19: Text,
    ThisDN = 20: Text,
    ThisQueue = 21: Text,
    ThisTrunk = 22: Int,
    ThisDNRole = 23: Enum,
    OtherDN = 24: Text,
    OtherQueue = 25: Text,
    OtherTrunk = 26: Int,
    OtherDNRole = 27: Enum,
    ThirdPartyDN = 28: Text,
    ThirdPartyQueue = 29: Text,
    ThirdPartyTrunk = 30: Int,
    ThirdPartyDNRole = 31: Enum,
    MusicPath = 32: Text,
    VoiceFileName = 33: Text,
    FileHandle = 34: Int,
    UserID = 35: Text,
    Password = 36: Text,
    VoiceSegment = 37: Int,
    VoiceIFlag = 38: Enum,
    VoiceCFlag = 39: Enum,
    NumberOfDigits = 40: Int,
    TerminateDigits = 41: Text,
    Timeout = 42: Int,
    CollectedDigits = 43: Text,
    LastDigit = 44: Text,
    InputMask = 45: Bytes,
    ErrorCode = 46: Int,
    AddressType = 47: Enum,
    AddressMode = 48: Enum,
    RegisterMode = 49: Enum,
    ControlMode = 50: Enum,
    UserData = 51: List,
    DataKey = 52: Text,
    Extensions = 53: List,
    CallType = 54: Enum,
    CallingLineName = 55: Text,
    AddressInfoType = 56: Enum,
    AddressInfoStatus = 57: Int,
    UserEvent = 58: Enum,
    CommunicationDN = 59: Text,
    RouteType = 60: Enum,
    ServerVersion = 61: Text,
    ServerRole = 62: Enum,
    ServerCapabilityMask = 63: Bytes,
    ApplicationName = 64: Text,
    ApplicationPassword = 65: Text,
    MergeType = 66: Enum,
    ForwardMode = 67: Enum,
    DTMFDigits = 68: Text,
    Location = 69: Text,
    RemoteLocation = 70: Text,
    RemoteConnID = 71: ConnId,
    RemoteDN = 72: Text,
    MakeCallType = 73: Enum,
    CallInfoType = 74: Enum,
    HomeLocation = 75: Text,
    CustomerID = 76: Text,
    FirstTransferHomeLocation = 77: Text,
    FirstTransferOrigDN = 78: Text,
    LastTransferHomeLocation = 79: Text,
    LastTransferOrigDN = 80: Text,
    SetOperation = 81: Enum,
    NewConnID = 82: ConnId,
    TreatmentType = 83: Enum,
    TreatmentParms = 84: List,
    CLID = 85: Text,
    TimeinSecs = 86: Int,
    TimeinuSecs = 87: Int,
    SwitchInfoType = 88: Enum,
    XRouteType = 89: Enum,
    AccessNumber = 90: Text,
    XReferenceID = 91: Int,
    Place = 92: Text,
    Priority = 93: Int,
    AgentIdleReason = 94: Text,
    RegistrationCode = 95: Text,
    DNSyncInfo = 96: Bytes,
    MediaType = 97: Enum,
    LocationInfoType = 98: Enum,
    OriginalConnID = 99: ConnId,
    ConsultType = 100: Enum,
    MonitorNextCallType = 101: Enum,
    ClientID = 102: Int,
    ProtocolID = 103: Int,
    PreviousCallID = 104: Int,
    PrivateMsgID = 105: Int,
    FirstTransferConnID = 106: ConnId,
    LastTransferConnID = 107: ConnId,
    SessionID = 108: Text,
    Host = 109: Text,
    Port = 110: Int,
    DBID = 111: Int,
    OtherDBID = 112: Int,
    ThirdPartyDBID = 113: Int,
    Cause = 114: Enum,
    DN = 115: Text,
    DialedNumber = 116: Text,
    OriginConnID = 117: ConnId,
    RefConnID = 118: ConnId,
    Reliability = 119: Enum,
    TimeStamp = 120: Int,
    SwitchTime = 121: Int,
    PartyID = 122: Int,
    PartyType = 123: Enum,
    PartyState = 124: Int,
    RefParty = 125: Text,
    CtrlParty = 126: Text,
    RemoteLoc = 127: Text,
    RemoteParty = 128: Text,
    Device = 129: Text,
    UpdateRevision = 132: Int,
    ReturnReceipt = 133: Int,
    ReturnReceiptDN = 134: Text,
    ServerXCapabilities = 135: Bytes,
    NetworkCallState = 136: Enum,
    NetworkDestState = 137: Enum,
    NetworkPartyRole = 138: Enum,
    NetworkOrigDN = 139: Text,
    NetworkDestDN = 140: Text,
    CallUUID = 141: Text,
    NewCallUUID = 142: Text,
    OrigCallUUID = 143: Text,
    RefCallUUID = 144: Text,
    PartyUUID = 145: Text,
    ISLinkList = 146: List,
    ServerStartTime = 147: Int,
    EventSequenceNumber = 148: Sequence,
    ProtocolVersion = 1000: Text,
    SubscriptionID = 1002: Text,
    AgentType = 1003: Enum,
    SubscriptionOperation = 1004: Enum,
    KeepAliveTimeout = 1005: Int,
    KeepAliveRemoteTimeout = 1006: Int,
}

impl Attribute {
    /// Its number: the field's in the protobuf message.
    pub const fn number(self) -> u32 {
        self as u32
    }
}

impl Attribute {
    /// The names that its numbers stand for, where it is an enumeration with known names.
    pub const fn names(self) -> Option<Names> {
        Some(match self {
            Self::CallState => enums::CallState::NAMES,
            Self::AgentWorkMode => enums::AgentWorkMode::NAMES,
            Self::ThisDNRole | Self::OtherDNRole | Self::ThirdPartyDNRole => enums::DNRole::NAMES,
            Self::VoiceIFlag | Self::VoiceCFlag => enums::InterruptFlag::NAMES,
            Self::AddressType => enums::AddressType::NAMES,
            Self::RegisterMode => enums::RegisterMode::NAMES,
            Self::ControlMode => enums::ControlMode::NAMES,
            Self::CallType => enums::CallType::NAMES,
            Self::AddressInfoType => enums::AddressInfoType::NAMES,
            Self::UserEvent => MessageType::NAMES,
            Self::RouteType => enums::RouteType::NAMES,
            Self::ServerRole => enums::ServerRole::NAMES,
            Self::MergeType => enums::MergeType::NAMES,
            Self::ForwardMode => enums::ForwardMode::NAMES,
            Self::MakeCallType => enums::MakeCallType::NAMES,
            Self::CallInfoType => enums::CallInfoType::NAMES,
            Self::SetOperation => enums::SetOperation::NAMES,
            Self::TreatmentType => enums::TreatmentType::NAMES,
            Self::SwitchInfoType => enums::SwitchInfoType::NAMES,
            Self::MediaType => enums::MediaType::NAMES,
            Self::LocationInfoType => enums::LocationInfoType::NAMES,
            Self::ConsultType => enums::ConsultType::NAMES,
            Self::MonitorNextCallType => enums::MonitorNextCallType::NAMES,
            Self::Cause => enums::Cause::NAMES,
            Self::Reliability => enums::Reliability::NAMES,
            Self::NetworkCallState => enums::NetworkCallState::NAMES,
            Self::NetworkDestState => enums::NetworkDestState::NAMES,
            Self::NetworkPartyRole => enums::NetworkPartyRole::NAMES,
            Self::AgentType => enums::AgentType::NAMES,
            Self::SubscriptionOperation => enums::SubscriptionOperation::NAMES,
            _ => return None,
        })
    }
}
