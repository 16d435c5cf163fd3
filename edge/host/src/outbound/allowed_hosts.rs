//! Where a component may connect to: the manifest's `allowed_outbound_hosts`, filled in.
//!
//! An entry is `scheme://host[:port]` with Spin's wildcards: any scheme, any host, any subdomain, any
//! port, a range of ports. What Spin refuses is refused; what this host cannot enforce (networks, `self`,
//! service chaining, schemes other than HTTP's) is refused by name. The invariant: what no entry allows
//! cannot be reached.

use std::net::IpAddr;
use std::ops::Range;

use http::Uri;
use url::Host;

/// Hosts under it are other components of the application.
const CHAINING_SUFFIX: &str = ".spin.internal";

/// An entry that cannot be enforced. Messages carry no value, because an entry may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AllowedHostError {
    /// Spin refuses it, too.
    #[error("must be scheme://host[:port], {0}")]
    Malformed(&'static str),
    /// A scheme other than HTTP's.
    #[error("gavel-host connects to http and https only; Spin does more")]
    Scheme,
    /// It allows something that this host does not have.
    #[error("gavel-host does not support networks, self or service chaining here; Spin does")]
    Pattern,
}

use AllowedHostError::Malformed;

impl AllowedHostError {
    /// The message for an entry as the manifest writes it: what is filled in may be a secret.
    pub fn for_entry(&self, entry: &str) -> String {
        format!("allowed host {entry:?}: {self}")
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost {
    /// `None`: both of HTTP's.
    scheme: Option<String>,
    host: HostPattern,
    ports: Range<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostPattern {
    Any,
    /// The domain with the dot before it.
    Below(String),
    One(Host),
    /// A block of addresses, or the application itself.
    Unsupported,
}

impl AllowedHost {
    /// Parses an entry of `allowed_outbound_hosts` whose templates are filled in.
    ///
    /// # Errors
    /// [`AllowedHostError`] says why the entry cannot be enforced.
    pub fn parse(entry: &str) -> Result<Self, AllowedHostError> {
        let (scheme, rest) = entry.trim().split_once("://").ok_or(Malformed("with a scheme"))?;
        // As Spin does: an IPv6 address is taken apart where no port follows it.
        let (host, rest) = rest.rsplit_once(':').unwrap_or((rest, ""));
        let port = match rest.split_once('/') {
            Some((port, "")) => port,
            Some(_) => return Err(Malformed("without a path")),
            None => rest,
        };
        let ports = ports(port, scheme)?;
        if scheme != "*" && !scheme.chars().all(char::is_alphabetic) {
            return Err(Malformed("the scheme in letters, or *"));
        }
        let host = HostPattern::parse(host.trim())?;
        if !matches!(scheme, "*" | "http" | "https") {
            return Err(AllowedHostError::Scheme);
        }
        if host.is_unsupported() {
            return Err(AllowedHostError::Pattern);
        }
        let scheme = Some(scheme).filter(|scheme| *scheme != "*").map(str::to_owned);
        Ok(Self { scheme, host, ports })
    }

    fn allows(&self, scheme: &str, host: &Host, port: u16) -> bool {
        self.scheme.as_ref().is_none_or(|allowed| allowed == scheme)
            && self.ports.contains(&u32::from(port))
            && self.host.allows(host)
    }
}

impl HostPattern {
    fn parse(host: &str) -> Result<Self, AllowedHostError> {
        if host == "*" {
            return Ok(Self::Any);
        }
        if matches!(host, "self" | "self.alt") || is_network(host) {
            return Ok(Self::Unsupported);
        }
        if host.starts_with('{') {
            return Err(Malformed("with one host, not a list"));
        }
        let host = host.trim_end_matches('/');
        if host.contains('/') {
            return Err(Malformed("without a path"));
        }
        let (below, domain) = match host.strip_prefix("*.") {
            Some(domain) => (true, domain),
            None => (false, host),
        };
        if domain.contains('*') {
            return Err(Malformed("with * for a whole host or for its first labels"));
        }
        if below {
            return Ok(Self::Below(format!(".{domain}")));
        }
        Host::parse(host).map(Self::One).map_err(|_| Malformed("with a host"))
    }

    fn is_unsupported(&self) -> bool {
        match self {
            Self::Any => false,
            Self::Below(suffix) => suffix == CHAINING_SUFFIX,
            Self::One(Host::Domain(domain)) => domain.ends_with(CHAINING_SUFFIX),
            Self::One(_) => false,
            Self::Unsupported => true,
        }
    }

    fn allows(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Below(suffix), Host::Domain(domain)) => domain.ends_with(suffix.as_str()),
            (Self::One(allowed), _) => allowed == host,
            (Self::Below(_) | Self::Unsupported, _) => false,
        }
    }
}

/// Whether it is a block of addresses, such as `10.0.0.0/8`.
fn is_network(host: &str) -> bool {
    let Some((address, length)) = host.split_once('/') else { return false };
    let bits = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.parse::<u8>().is_ok_and(|length| length <= bits)
}

fn ports(port: &str, scheme: &str) -> Result<Range<u32>, AllowedHostError> {
    let number = |text: &str| {
        text.parse::<u16>().map(u32::from).map_err(|_| Malformed("the port a number below 65536"))
    };
    if port == "*" {
        return Ok(0..1 << 16);
    }
    if let Some((first, end)) = port.split_once("..") {
        return Ok(number(first)?..number(end)?);
    }
    let one = match (port, scheme) {
        ("", "http") => 80,
        ("", "https") => 443,
        // Of other schemes that Spin knows; they get no further.
        ("", "postgres" | "mysql" | "redis" | "mqtt") => 0,
        ("", _) => return Err(Malformed("with a port where the scheme does not imply one")),
        (port, _) => number(port)?,
    };
    Ok(one..one + 1)
}

/// The places one component may connect to.
#[derive(Debug, Clone, Default)]
pub struct AllowedHosts(Vec<AllowedHost>);

impl AllowedHosts {
    /// Whether a request to `uri` is allowed; never where the URI has no scheme or host.
    pub fn allows(&self, uri: &Uri) -> bool {
        destination(uri).is_some_and(|(scheme, host, port)| {
            self.0.iter().any(|allowed| allowed.allows(scheme, &host, port))
        })
    }
}

impl FromIterator<AllowedHost> for AllowedHosts {
    fn from_iter<I: IntoIterator<Item = AllowedHost>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

/// Scheme, host and port that a request to `uri` would connect to.
fn destination(uri: &Uri) -> Option<(&str, Host, u16)> {
    let scheme = uri.scheme_str()?;
    let authority = uri.authority()?;
    let host = authority.host();
    let after_user = authority.as_str().rsplit('@').next().unwrap_or_default();
    let port = match (after_user.strip_prefix(host)?, scheme) {
        ("", "http") => 80,
        ("", "https") => 443,
        (port, _) => port.strip_prefix(':')?.parse().ok()?,
    };
    Some((scheme, Host::parse(host).ok()?, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(entry: &str, url: &str, expected: bool) {
        let hosts: AllowedHosts = [AllowedHost::parse(entry).unwrap()].into_iter().collect();
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
        check("http://WORKERS.test", "http://workers.test/", true);
    }

    #[test]
    fn the_port_defaults_to_that_of_the_scheme() {
        check("https://example.com", "https://example.com/", true);
        check("https://example.com/", "https://example.com:443/", true);
        check("http://example.com:80", "http://example.com/", true);
        check("https://example.com", "http://example.com/", false);
        check("http://[::1]:8080", "http://[::1]:8080/", true);
        check("http://[::1]:8080", "http://[0:0::1]:8080/", true);
    }

    #[test]
    fn a_wildcard_stands_for_the_subdomains_of_a_domain_at_any_depth() {
        let entry = "https://*.workers.test";
        check(entry, "https://use1.workers.test/", true);
        check(entry, "https://api.use1.workers.test/", true);
        check(entry, "https://workers.test/", false);
        check(entry, "https://notworkers.test/", false);
        check(entry, "https://use1.workers.test.evil/", false);
        check(entry, "https://use1.workers.test:8443/", false);
        check(entry, "http://use1.workers.test:443/", false);
        check("http://*.1", "http://127.0.0.1/", false);
        check("http://*.1:80", "http://[::1]/", false);
    }

    #[test]
    fn a_wildcard_stands_for_any_scheme_host_or_port_and_a_range_leaves_its_end_out() {
        check("http://127.0.0.1:*", "http://127.0.0.1:1/", true);
        check("http://127.0.0.1:*", "http://127.0.0.1/", true);
        check("http://127.0.0.1:*", "http://127.0.0.2:1/", false);
        check("http://127.0.0.1:8080..8090", "http://127.0.0.1:8080/", true);
        check("http://127.0.0.1:8080..8090", "http://127.0.0.1:8089/", true);
        check("http://127.0.0.1:8080..8090", "http://127.0.0.1:8090/", false);
        check("http://127.0.0.1:9..1", "http://127.0.0.1:5/", false);
        check("https://*", "https://example.com/", true);
        check("https://*", "https://example.com:8443/", false);
        check("*://h:80", "https://h:80/", true);
        check("*://*:*", "http://anything:1/", true);
    }

    #[test]
    fn what_cannot_be_enforced_is_refused_by_name() {
        let error = |entry: &str| AllowedHost::parse(entry).unwrap_err();
        for entry in [
            "http://self",
            "http://self.alt",
            "http://a.spin.internal",
            "http://*.spin.internal",
            "http://10.0.0.0/8",
            "*://ff00::/8:80",
        ] {
            assert_eq!(error(entry), AllowedHostError::Pattern, "{entry}");
        }
        for entry in ["redis://h:6379", "redis://h", "HTTP://h:80"] {
            assert_eq!(error(entry), AllowedHostError::Scheme, "{entry}");
        }
    }

    #[test]
    fn a_request_without_a_scheme_or_host_is_never_allowed() {
        assert!(!AllowedHosts::default().allows(&"/v1".parse().unwrap()));
        check("*://*:*", "/path", false);
    }
}
