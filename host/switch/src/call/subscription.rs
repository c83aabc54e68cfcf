//! The implicit subscription of a REFER (RFC 3515 section 2.4.4): its sender is told how the transfer goes.

use bytes::Bytes;
use media::Side;
use model::{ConnId, Instant};
use sip::{ClientTx, Method, Name, reason_phrase};

use super::{Call, State};
use crate::tables::{ClientUse, Tables};

/// Who is told of a transfer, and what it was told.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// The party that sent the REFER.
    to: Side,
    /// The CSeq number of the REFER, for all but the first in its dialog.
    id: Option<u32>,
    /// The NOTIFY that is not answered yet.
    open: Option<ClientTx>,
    /// What came meanwhile; later news replace it.
    waiting: Option<(u16, String)>,
}

/// The last that the sender of a REFER is told.
#[derive(Debug)]
pub(crate) struct LastReport {
    pub(crate) conn: ConnId,
    to: Side,
    id: Option<u32>,
    status: u16,
    reason: String,
}

/// How long a subscription is said to last, in seconds; it is ended by a NOTIFY long before.
const EXPIRES_S: u32 = 3600;

/// The content type of RFC 3420.
const SIPFRAG: &str = "message/sipfrag;version=2.0";

impl Subscription {
    pub(super) const fn new(to: Side, id: Option<u32>) -> Self {
        Self { to, id, open: None, waiting: None }
    }
}

impl Call {
    /// Tells the sender of a REFER the status of the transfer: at once when it is final, else when the NOTIFY before was answered.
    pub(super) fn notify_transfer(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        status: u16,
        reason: &str,
    ) {
        let Some(subscription) = self.subscription_mut() else { return };
        if status < 200 && subscription.open.is_some() {
            subscription.waiting = Some((status, reason.to_owned()));
            return;
        }
        subscription.waiting = None;
        let (to, id) = (subscription.to, subscription.id);
        let sent = self.send_notify(tables, now, to, id, (status, reason));
        match (sent, self.subscription_mut()) {
            (Some(tx), Some(subscription)) if status < 200 => {
                subscription.open = Some(tx);
                tables.uses_by_client_tx.insert(tx, ClientUse::Report { conn: self.conn });
            }
            (Some(tx), _) => {
                let reason = reason.to_owned();
                let report = LastReport { conn: self.conn, to, id, status, reason };
                tables.uses_by_client_tx.insert(tx, ClientUse::LastReport(Box::new(report)));
                self.end_subscription();
            }
            (None, _) => self.end_subscription(),
        }
    }

    /// Says the last once more.
    pub(crate) fn report_again(&mut self, tables: &mut Tables, now: Instant, report: &LastReport) {
        if self.state != State::Ending {
            let said = (report.status, report.reason.as_str());
            self.send_notify(tables, now, report.to, report.id, said);
        }
    }

    fn send_notify(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        to: Side,
        id: Option<u32>,
        (status, reason): (u16, &str),
    ) -> Option<ClientTx> {
        let contact = self.contact(to).to_owned();
        let dialog = self.dialog_mut(to)?;
        let flow = dialog.flow;
        let mut draft = dialog.request(Method::Notify, &contact);
        match id {
            Some(id) => draft.header(Name::Event, format_args!("refer;id={id}")),
            None => draft.header(Name::Event, "refer"),
        };
        match status {
            ..200 => {
                draft.header(Name::SubscriptionState, format_args!("active;expires={EXPIRES_S}"))
            }
            // RFC 3515 section 2.4.7: the one with the final status ends the subscription, for this reason.
            _ => draft.header(Name::SubscriptionState, "terminated;reason=noresource"),
        };
        if !tables.config.server_header.is_empty() {
            draft.header(Name::UserAgent, &tables.config.server_header);
        }
        let reason = if reason.is_empty() { reason_phrase(status) } else { reason };
        let body = Bytes::from(format!("SIP/2.0 {status} {reason}\r\n"));
        let draft = draft.with_body(Some((SIPFRAG.to_owned(), body)));
        tables.endpoint.send_request(now, flow, draft).ok()
    }

    /// A NOTIFY was answered with `status`, or with nothing (408).
    pub(crate) fn on_notify_answered(
        &mut self,
        tables: &mut Tables,
        now: Instant,
        tx: ClientTx,
        status: u16,
    ) {
        let Some(subscription) = self.subscription_mut().filter(|s| s.open == Some(tx)) else {
            return;
        };
        subscription.open = None;
        // RFC 6665 section 4.2.2: who does not know the subscription, or does not answer, has none.
        if matches!(status, 408 | 481) {
            return self.end_subscription();
        }
        if let Some((status, reason)) = subscription.waiting.take() {
            self.notify_transfer(tables, now, status, &reason);
        }
    }

    fn subscription_mut(&mut self) -> Option<&mut Subscription> {
        self.transfer.as_mut()?.subscription.as_mut()
    }

    fn end_subscription(&mut self) {
        if let Some(transfer) = &mut self.transfer {
            transfer.subscription = None;
        }
    }
}
