//! SIP (RFC 3261 family), sans-IO: messages, transactions, dialogs, SDP.
