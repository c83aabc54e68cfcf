//! Which web pages may connect.

/// The Origins of web pages that may connect (RFC 6455 section 10.2). A browser says which page a connection is of, and a page cannot lie
/// about it; who sends no Origin is no browser.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Origins(Vec<String>);

impl Origins {
    /// These pages, such as `https://desk.example.com`; `*` is every page.
    pub const fn new(origins: Vec<String>) -> Self {
        Self(origins)
    }

    /// Whether a page of this Origin may connect.
    pub fn allow(&self, origin: &str) -> bool {
        self.0.iter().any(|have| have == "*" || have.eq_ignore_ascii_case(origin))
    }

    /// Whether this can be an Origin: `*`, `null`, or a scheme and a host, with a port or without one, and nothing after it (RFC 6454
    /// section 6.2).
    pub fn can_be(text: &str) -> bool {
        let is_place = |place: &str| {
            !place.is_empty()
                && place.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#@,*".contains(&byte))
        };
        let is_scheme = |scheme: &str| {
            !scheme.is_empty()
                && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        };
        matches!(text, "*" | "null")
            || text
                .split_once("://")
                .is_some_and(|(scheme, place)| is_scheme(scheme) && is_place(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_a_place() {
        for right in ["*", "null", "https://a.example", "http://127.0.0.1:80", "http://[::1]:80"] {
            assert!(Origins::can_be(right), "{right}");
        }
        for wrong in [
            "",
            "a.example",
            "https://",
            "https://a/",
            "https://a.example/x",
            "://a",
            "https://*.a",
        ] {
            assert!(!Origins::can_be(wrong), "{wrong}");
        }
    }

    #[test]
    fn who_is_named_may_and_nobody_else() {
        let origins = Origins::new(vec!["https://Desk.example".to_owned(), "null".to_owned()]);
        assert!(origins.allow("https://desk.example") && origins.allow("null"));
        for other in
            ["http://desk.example", "https://desk.example:8443", "https://desk.example.evil", ""]
        {
            assert!(!origins.allow(other), "{other}");
        }
        assert!(!Origins::default().allow("https://desk.example"));
        assert!(Origins::new(vec!["*".to_owned()]).allow("https://any.example"));
    }
}
