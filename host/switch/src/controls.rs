//! What a third party wants done is carried out, or it is said why not.

use model::{ConnId, Directory, Instant, LegId};

use crate::{
    Action, Control, Fact, Switch, Unfit, Word,
    call::{Call, State},
    errand::Errand,
    tables::Tables,
};

/// What has come of a control so far.
pub(crate) enum Progress {
    /// It is done.
    Done,
    /// It is told once it is known; the call has taken the ticket.
    Open,
}

impl Switch {
    /// Carries out what a third party wants, or says why not.
    pub(crate) fn on_control(&mut self, now: Instant, dir: &dyn Directory, control: Control) {
        let Control { ticket, action } = control;
        if let Action::Make { from, display, to, ring } = action {
            return self.on_make((now, dir), ticket, (from, display), &to, ring);
        }
        let control = Control { ticket, action };
        let Some(conn) = control.action.conn() else { return };
        if self.send_after(conn, || Word::Control(control.clone())) {
            return;
        }
        let Control { ticket, action } = control;
        if let Action::Transfer { leg, to } = &action {
            return self.on_transfer(now, dir, (ticket, *leg), to);
        }
        if let Action::Complete { held, consult, leg } = action {
            return self.on_complete((now, dir), ticket, (held, consult), leg);
        }
        let Self { calls, tables, .. } = self;
        let call = calls.get_mut(&conn).filter(|call| call.state != State::Ending);
        let progress = match call {
            None => Err(Unfit::NoCall),
            // Its parties talk past us.
            Some(call) if call.proxied.is_some() => Err(Unfit::NotSupported),
            Some(call) => match action {
                Action::Consult { leg, to } => self.on_consult(now, (ticket, leg), &to),
                Action::Retrieve { leg, .. } if call.is_taken_back_by(leg) => {
                    self.on_take_back(now, ticket, (conn, leg))
                }
                action => call.carry_out(tables, (now, dir), ticket, action),
            },
        };
        match progress {
            Ok(Progress::Open) => {}
            // What it has caused is told before.
            Ok(Progress::Done) => {
                self.tables.errands.push_back(Errand::Controlled { ticket, conn });
            }
            Err(why) => self.tables.controlled(ticket, Err(why)),
        }
        self.forget_if_over(conn);
    }
}

impl Switch {
    /// A party sends the other one on.
    fn on_transfer(
        &mut self,
        now: Instant,
        dir: &dyn Directory,
        (ticket, leg): (u64, LegId),
        to: &str,
    ) {
        let fits = match self.calls.get(&leg.conn) {
            None => Err(Unfit::NoCall),
            Some(call) => call.may_act().and_then(|()| {
                call.side_of_number(leg.number).map(media::Side::other).ok_or(Unfit::NoLeg)
            }),
        };
        let sent = fits.and_then(|party| {
            self.send_on(now, dir, (leg.conn, party), to).map_err(|(why, _)| why)
        });
        self.tables.controlled(ticket, sent);
    }
}

impl Call {
    fn carry_out(
        &mut self,
        tables: &mut Tables,
        (now, dir): (Instant, &dyn Directory),
        ticket: u64,
        action: Action,
    ) -> Result<Progress, Unfit> {
        match action {
            Action::Route { to, ring, .. } => {
                self.route_to(tables, now, dir, (ticket, &to, ring))?;
                Ok(Progress::Open)
            }
            Action::Refuse { status, .. } => {
                self.refuse_waiting(tables, now, status)?;
                Ok(Progress::Done)
            }
            Action::Release { leg } => {
                self.release_leg(tables, now, leg.number)?;
                Ok(Progress::Done)
            }
            Action::Clear { .. } => {
                self.clear(tables, now);
                Ok(Progress::Done)
            }
            Action::Hold { leg } => {
                let side = self.side_of_number(leg.number).ok_or(Unfit::NoLeg)?;
                self.hold_by(tables, now, (ticket, side))
            }
            Action::Retrieve { conn, leg } => {
                let own = Some(leg.number).filter(|_| leg.conn == conn);
                let side = own.and_then(|number| self.side_of_number(number));
                self.retrieve_by(tables, now, (ticket, side.ok_or(Unfit::NoLeg)?))
            }
            Action::Answer { leg } => self.answer_for(tables, (now, dir), ticket, leg),
            Action::Redirect { leg, to } => {
                self.redirect_leg(tables, (now, dir), leg.number, &to)?;
                tables.controlled(ticket, Ok(self.conn));
                self.begin(tables, now, dir);
                Ok(Progress::Open)
            }
            Action::Dtmf { leg, digits } => {
                let side = self.side_of_number(leg.number).ok_or(Unfit::NoLeg)?;
                self.send_digits(tables, now, (ticket, side), digits)
            }
            Action::Make { .. }
            | Action::Transfer { .. }
            | Action::Consult { .. }
            | Action::Complete { .. } => Err(Unfit::NotSupported),
        }
    }
}

impl Tables {
    /// Tells what came of a control.
    pub(crate) fn controlled(&mut self, ticket: u64, outcome: Result<ConnId, Unfit>) {
        self.emit(Fact::Controlled { ticket, outcome });
    }
}
