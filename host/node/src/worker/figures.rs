/// What a worker has counted since it began.
#[derive(Clone, Default, Debug)]
pub struct Figures {
    /// Datagrams received on its sockets.
    pub datagrams_in: u64,
    /// Datagrams sent, or waiting to be.
    pub datagrams_out: u64,
    /// Datagrams dropped because a socket's buffer and its queue were full.
    pub sends_dropped: u64,
    /// Datagrams the kernel refused because the peer cannot be reached.
    pub unreachable: u64,
    /// Datagrams given to other workers.
    pub handed_over: u64,
    /// Datagrams for other workers whose mailbox was full.
    pub handovers_dropped: u64,
    /// Questions put to the plugins.
    pub questions: u64,
    /// Facts the journal had no room for.
    pub facts_dropped: u64,
    /// Wake-ups.
    pub wakes: u64,
    /// The switch's own counters.
    pub switch: switch::Stats,
    /// The SIP endpoint's.
    pub sip: sip::Stats,
}
