//! What a DN can do: not being disturbed, forwarding, message waiting (section 1.7).

use std::sync::Arc;

use tlib::{Attribute, ErrorCode, ForwardMode, Message, MessageType};

use super::TController;
use crate::{DnType, Now, Refusal, Token};

impl TController {
    pub(super) fn on_feature_request(
        &mut self,
        now: Now,
        token: Token,
        message: &Message,
    ) -> Result<(), Refusal> {
        if message.kind() == MessageType::RequestSetDNInfo {
            return Err(ErrorCode::Unsupported.into());
        }
        let dn = self.held_dn(token.client, message)?;
        let Some(line) = self.lines.get_mut(&dn) else { return Err(ErrorCode::InvalidDN.into()) };
        if line.dn.kind != DnType::Extension {
            return Err(Refusal::new(ErrorCode::BadDNType, "only an Extension can do this"));
        }
        let mut to = None;
        let kind = match message.kind() {
            MessageType::RequestSetDNDOn => {
                turn(&mut line.dnd, true)?;
                MessageType::EventDNDOn
            }
            MessageType::RequestSetDNDOff => {
                turn(&mut line.dnd, false)?;
                MessageType::EventDNDOff
            }
            MessageType::RequestSetMessageWaitingOn => {
                turn(&mut line.mwl, true)?;
                MessageType::EventMessageWaitingOn
            }
            MessageType::RequestSetMessageWaitingOff => {
                turn(&mut line.mwl, false)?;
                MessageType::EventMessageWaitingOff
            }
            MessageType::RequestCallForwardSet => {
                let destination = destination(&dn, message)?;
                let mode = forward_mode(message)?.unwrap_or(ForwardMode::Unconditional);
                line.forwards.insert(mode, Arc::clone(&destination));
                to = Some((mode, destination));
                MessageType::EventForwardSet
            }
            _ => {
                let mode = forward_mode(message)?;
                let first = line.forward().map(|(mode, to)| (mode, Arc::clone(to)));
                to = match mode {
                    Some(mode) => line.forwards.remove(&mode).map(|to| (mode, to)),
                    None => first,
                };
                if to.is_none() {
                    let text = "calls are not forwarded in that mode";
                    return Err(Refusal::new(ErrorCode::SameState, text));
                }
                if mode.is_none() {
                    line.forwards.clear();
                }
                MessageType::EventForwardCancel
            }
        };
        let event = Message::new(kind)
            .with_some(Attribute::Extensions, message.list(Attribute::Extensions).cloned())
            .with_some(Attribute::Reason, message.list(Attribute::Reason).cloned())
            .with_some(Attribute::ForwardMode, to.as_ref().map(|(mode, _)| *mode))
            .with_some(Attribute::OtherDN, to.as_ref().map(|(_, to)| to))
            .with(Attribute::ThisDN, &dn);
        // Who is told of it may count on it: calls know it before.
        self.publish(&dn);
        self.emit(now, &dn, Arc::new(event), Some(token));
        Ok(())
    }
}

fn turn(state: &mut bool, on: bool) -> Result<(), Refusal> {
    if *state == on {
        return Err(ErrorCode::SameState.into());
    }
    *state = on;
    Ok(())
}

fn destination(dn: &str, message: &Message) -> Result<Arc<str>, Refusal> {
    let to = message.text(Attribute::OtherDN).filter(|to| !to.is_empty() && ***to != *dn);
    to.cloned().ok_or_else(|| {
        Refusal::new(ErrorCode::InvalidForwardDN, "give another DN or number in OtherDN")
    })
}

/// ForwardMode of a request; `None` where it says none.
fn forward_mode(message: &Message) -> Result<Option<ForwardMode>, Refusal> {
    let Some(number) = message.int(Attribute::ForwardMode) else { return Ok(None) };
    match ForwardMode::of(number) {
        Some(ForwardMode::None) => Ok(None),
        Some(mode) => Ok(Some(mode)),
        None => Err(Refusal::new(
            ErrorCode::InvalidAttribute,
            format!("ForwardMode {number} is none; give 0 to 5"),
        )),
    }
}
