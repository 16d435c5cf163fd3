//! Where a component may connect to: the manifest's `allowed_outbound_hosts`, filled in.
//!
//! Entries are exact: scheme, host and port must all be equal. Spin's wildcards, port ranges,
//! `self` and `*.spin.internal` are refused rather than half understood. The invariant: what is not
//! listed cannot be reached.

use std::fmt;

use http::Uri;

/// A place to connect to. The host is lower case and the port is always set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    scheme: String,
    host: String,
    port: u16,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

/// An entry this host cannot enforce. Messages carry no value, because an entry may hold a secret.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AllowedHostError {
    /// It is not `scheme://host[:port]`.
    #[error("must be http://host[:port] or https://host[:port], without user, path or query")]
    Malformed,
    /// A scheme other than HTTP.
    #[error("gavel-host connects to http and https only; Spin does more")]
    Scheme,
    /// Something in it stands for more than one place.
    #[error(
        "gavel-host does not support wildcards, port ranges, self or service chaining here; Spin does"
    )]
    Pattern,
}

impl Destination {
    /// Parses an entry of `allowed_outbound_hosts` whose templates are filled in.
    ///
    /// # Errors
    /// [`AllowedHostError`] says why the entry cannot be enforced.
    pub fn parse(entry: &str) -> Result<Self, AllowedHostError> {
        let internal = entry.contains(".spin.internal");
        if entry == "self" || entry.contains('*') || entry.contains("..") || internal {
            return Err(AllowedHostError::Pattern);
        }
        let uri: Uri = entry.parse().map_err(|_| AllowedHostError::Malformed)?;
        if !matches!(uri.scheme_str(), Some("http" | "https") | None) {
            return Err(AllowedHostError::Scheme);
        }
        let bare = uri.path().is_empty() || uri.path() == "/";
        let user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
        if !bare || user || uri.query().is_some() {
            return Err(AllowedHostError::Malformed);
        }
        Self::of(&uri).ok_or(AllowedHostError::Malformed)
    }

    /// The place a request to `uri` would connect to; `None` if the URI does not say.
    pub fn of(uri: &Uri) -> Option<Self> {
        let scheme = uri.scheme_str()?;
        let authority = uri.authority()?;
        let host = authority.host();
        let after_user = authority.as_str().rsplit('@').next().unwrap_or_default();
        let port = match (after_user.strip_prefix(host)?, scheme) {
            ("", "http") => 80,
            ("", "https") => 443,
            (port, _) => port.strip_prefix(':')?.parse().ok()?,
        };
        let host = Some(host.to_ascii_lowercase()).filter(|host| !host.is_empty())?;
        Some(Self { scheme: scheme.to_owned(), host, port })
    }
}

/// The places one component may connect to.
#[derive(Debug, Clone, Default)]
pub struct AllowedHosts(Vec<Destination>);

impl AllowedHosts {
    /// Whether a request to `uri` is allowed.
    pub fn allows(&self, uri: &Uri) -> bool {
        Destination::of(uri).is_some_and(|wanted| self.0.contains(&wanted))
    }
}

impl FromIterator<Destination> for AllowedHosts {
    fn from_iter<I: IntoIterator<Item = Destination>>(places: I) -> Self {
        Self(places.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(entry: &str, url: &str, expected: bool) {
        let hosts: AllowedHosts = [Destination::parse(entry).unwrap()].into_iter().collect();
        assert_eq!(hosts.allows(&url.parse().unwrap()), expected, "{entry} for {url}");
    }

    #[test]
    fn scheme_host_and_port_must_all_be_equal() {
        check("http://workers.test:8080", "http://workers.test:8080/v1/x?y=1", true);
        check("http://workers.test:8080", "http://WORKERS.test:8080/", true);
        check("http://workers.test:8080", "https://workers.test:8080/", false);
        check("http://workers.test:8080", "http://workers.test:8081/", false);
        check("http://workers.test:8080", "http://workers.test/", false);
        check("http://workers.test:8080", "http://workers.test.evil:8080/", false);
        check("http://workers.test:8080", "http://evil.test:8080/workers.test:8080", false);
        check("http://workers.test:8080", "http://workers.test:8080@evil.test:8080/", false);
    }

    #[test]
    fn the_port_defaults_to_that_of_the_scheme() {
        check("https://example.com", "https://example.com/", true);
        check("https://example.com/", "https://example.com:443/", true);
        check("http://example.com:80", "http://example.com/", true);
        check("https://example.com", "http://example.com/", false);
        check("http://[::1]:8080", "http://[::1]:8080/", true);
    }

    #[test]
    fn what_cannot_be_enforced_exactly_is_refused() {
        let error = |entry: &str| Destination::parse(entry).unwrap_err();
        for entry in
            ["*://*:*", "http://*.example.com", "http://h:1..9", "self", "http://a.spin.internal"]
        {
            assert_eq!(error(entry), AllowedHostError::Pattern, "{entry}");
        }
        for entry in [
            "",
            "example.com",
            "http://",
            "http://h/path",
            "http://h?q",
            "http://u@h",
            "http://h:99999",
        ] {
            assert_eq!(error(entry), AllowedHostError::Malformed, "{entry}");
        }
        assert_eq!(error("redis://h:6379"), AllowedHostError::Scheme);
    }

    #[test]
    fn a_request_without_a_scheme_or_host_is_never_allowed() {
        assert!(!AllowedHosts::default().allows(&"/v1".parse().unwrap()));
        check("http://h:80", "/path", false);
    }
}
