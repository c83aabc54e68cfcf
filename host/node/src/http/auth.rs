//! Who may ask.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

/// Lets a request pass, or not.
#[derive(Clone)]
pub(super) struct Guard {
    /// The digest of the token, so that comparing takes the same time however much of it is right.
    token: Option<[u8; 32]>,
}

impl Guard {
    pub(super) fn new(token: Option<&str>) -> Self {
        Self { token: token.map(digest) }
    }

    /// Why the request may not pass.
    fn refusal(&self, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(token) = self.token else {
            // Without a token the API is for programs on this machine. A page in a browser is none, wherever it came from.
            if headers.contains_key(header::ORIGIN) {
                return Some((StatusCode::FORBIDDEN, "requests of web pages need a token"));
            }
            let host = text(header::HOST).unwrap_or_default();
            return (!is_literal(host)).then_some((
                StatusCode::FORBIDDEN,
                "without a token the host must be an IP address or localhost",
            ));
        };
        let given = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        (given.map(digest) != Some(token))
            .then_some((StatusCode::UNAUTHORIZED, "a bearer token is needed"))
    }
}

/// Refuses what the guard does not let pass.
pub(super) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    match guard.refusal(request.headers()) {
        None => next.run(request).await,
        Some((status, what)) => {
            let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
            (status, challenge, super::api::error_body(what)).into_response()
        }
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Whether the Host header names this machine without the help of a name server, which could be lying.
fn is_literal(host: &str) -> bool {
    if host.parse::<SocketAddr>().is_ok() {
        return true;
    }
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        Some(_) | None => host,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn refused(guard: &Guard, pairs: &[(header::HeaderName, &'static str)]) -> Option<u16> {
        let headers = pairs.iter().map(|(n, v)| (n.clone(), HeaderValue::from_static(v))).collect();
        guard.refusal(&headers).map(|(status, _)| status.as_u16())
    }

    #[test]
    fn a_token_must_be_the_right_one() {
        let guard = Guard::new(Some("0123456789abcdef"));
        let host = (header::HOST, "switch.example");
        assert_eq!(refused(&guard, std::slice::from_ref(&host)), Some(401));
        let wrong = (header::AUTHORIZATION, "Bearer 0123456789abcdeF");
        assert_eq!(refused(&guard, &[host.clone(), wrong]), Some(401));
        let right = (header::AUTHORIZATION, "Bearer 0123456789abcdef");
        assert_eq!(refused(&guard, &[host, right]), None);
    }

    #[test]
    fn without_a_token_web_pages_and_foreign_names_are_refused() {
        let guard = Guard::new(None);
        for host in ["127.0.0.1:8080", "localhost", "[::1]:8080", "[::1]"] {
            assert_eq!(refused(&guard, &[(header::HOST, host)]), None, "{host}");
        }
        assert_eq!(refused(&guard, &[(header::HOST, "evil.example:8080")]), Some(403));
        let page = [(header::HOST, "127.0.0.1"), (header::ORIGIN, "http://evil.example")];
        assert_eq!(refused(&guard, &page), Some(403));
    }
}
