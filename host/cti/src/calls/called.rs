//! What a request calls.

use std::sync::Arc;

use tlib::{Attribute as A, ErrorCode, Message, MessageType, RouteType};

/// Where TRouteCall sends a call (section 2.5).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum RouteTo {
    /// Nowhere: it is refused.
    Nowhere,
    /// To the agent with this id, on whichever DN.
    Agent(Arc<str>),
    /// To this number or URI, which is never empty.
    Number(Arc<str>),
}

impl RouteTo {
    /// That of a request, with its RouteType.
    ///
    /// # Errors
    ///
    /// 53 for a RouteType that there is not, 1707 where no agent is named, 402 where no number is.
    pub(super) fn of(request: &Message) -> Result<(i64, Self), ErrorCode> {
        let number = request.int(A::RouteType).unwrap_or(RouteType::Default as i64);
        let route_type = RouteType::of(number).ok_or(ErrorCode::InvalidAttribute)?;
        let other = request.text(A::OtherDN).filter(|to| !to.is_empty());
        let to = match (route_type, other) {
            (RouteType::CallDisconnect | RouteType::Reject, _) | (RouteType::Default, None) => {
                Self::Nowhere
            }
            (RouteType::AgentID, _) => {
                let id = request.text(A::AgentID).or(other).ok_or(ErrorCode::NotLoggedIn)?;
                Self::Agent(Arc::clone(id))
            }
            (_, Some(to)) => Self::Number(Arc::clone(to)),
            (_, None) => return Err(ErrorCode::InvalidRouteAddress),
        };
        Ok((number, to))
    }
}

/// The number or URI that a request calls, as its client wrote it; `None` of a request that calls none, whatever it names.
pub fn called(request: &Message) -> Option<Arc<str>> {
    match request.kind() {
        MessageType::RequestMakeCall
        | MessageType::RequestInitiateTransfer
        | MessageType::RequestMuteTransfer
        | MessageType::RequestSingleStepTransfer
        | MessageType::RequestRedirectCall => request.text(A::OtherDN).cloned(),
        MessageType::RequestRouteCall => match RouteTo::of(request) {
            Ok((_, RouteTo::Number(to))) => Some(to),
            Ok((_, RouteTo::Nowhere | RouteTo::Agent(_))) | Err(_) => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(route_type: Option<RouteType>, to: &str) -> Message {
        let route_type = route_type.map(|route_type| route_type as i64);
        Message::new(MessageType::RequestRouteCall)
            .with_some(A::RouteType, route_type)
            .with(A::OtherDN, to)
    }

    #[test]
    fn a_route_goes_where_its_type_says() {
        for (route_type, to, goes) in [
            (None, "2001", Ok(RouteTo::Number("2001".into()))),
            (Some(RouteType::DDD), "2001", Ok(RouteTo::Number("2001".into()))),
            (None, "", Ok(RouteTo::Nowhere)),
            (Some(RouteType::DDD), "", Err(ErrorCode::InvalidRouteAddress)),
            (Some(RouteType::Reject), "2001", Ok(RouteTo::Nowhere)),
            (Some(RouteType::CallDisconnect), "2001", Ok(RouteTo::Nowhere)),
            (Some(RouteType::AgentID), "17", Ok(RouteTo::Agent("17".into()))),
            (Some(RouteType::AgentID), "", Err(ErrorCode::NotLoggedIn)),
        ] {
            let gone = RouteTo::of(&route(route_type, to)).map(|(_, to)| to);
            assert_eq!(gone, goes, "{route_type:?} {to}");
        }
        let unknown = Message::new(MessageType::RequestRouteCall).with(A::RouteType, 99_i64);
        assert_eq!(RouteTo::of(&unknown), Err(ErrorCode::InvalidAttribute));
    }

    #[test]
    fn what_a_request_names_and_does_not_call_is_not_called() {
        let number: Arc<str> = "112".into();
        assert_eq!(called(&route(None, "112")), Some(Arc::clone(&number)));
        let agent = route(Some(RouteType::AgentID), "112");
        for names in [
            route(Some(RouteType::CallDisconnect), "112"),
            route(Some(RouteType::Reject), "112"),
            agent.clone(),
            agent.with(A::AgentID, "17"),
            Message::new(MessageType::RequestReleaseCall).with(A::OtherDN, "112"),
        ] {
            assert_eq!(called(&names), None, "{names:?}");
        }
        for kind in [
            MessageType::RequestMakeCall,
            MessageType::RequestInitiateTransfer,
            MessageType::RequestMuteTransfer,
            MessageType::RequestSingleStepTransfer,
            MessageType::RequestRedirectCall,
        ] {
            let calls = Message::new(kind).with(A::OtherDN, "112");
            assert_eq!(called(&calls), Some(Arc::clone(&number)), "{kind:?}");
        }
    }
}
