//! Prepares a client's request for a component as Spin 4.1 does, but that a request which names no host
//! and need not, as load balancers' probes in HTTP/1.0, is for the address that it came to.
//!
//! Spin's own headers are *appended*: a client that sends `spin-client-addr` itself has its value
//! stand first, and components must look at the last one (or refuse more than one). This host keeps
//! that trap on purpose, so that a component safe here is safe there.

use std::net::SocketAddr;

use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, Version};

use crate::app::routes::RouteMatch;

/// A request no component can be given.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RequestError {
    /// HTTP/1.1 without a `Host` header.
    #[error("the header `Host` is missing")]
    NoHost,
    /// Two `Host` headers, or one that is no authority.
    #[error("the header `Host` must name one host")]
    BadHost,
    /// A `Host` header that names a component; only components can reach each other so.
    #[error("the header `Host` may not name a host of the runtime")]
    InternalHost,
    /// A header's value that is not UTF-8.
    #[error("the value of a header is not UTF-8")]
    NotText,
    /// A captured part of the path cannot stand in a header.
    #[error("the path cannot stand in a header")]
    BadPath,
}

/// Gives the request its full URI and Spin's headers. It came from `client` to `server`.
///
/// # Errors
/// [`RequestError`]; each is the client's fault.
pub fn prepare<B>(
    request: &mut Request<B>,
    found: &RouteMatch<'_, '_>,
    client: SocketAddr,
    server: SocketAddr,
) -> Result<(), RequestError> {
    if request.headers().values().any(|value| std::str::from_utf8(value.as_bytes()).is_err()) {
        return Err(RequestError::NotText);
    }
    let authority = authority(request, server)?;
    let mut uri = std::mem::take(request.uri_mut()).into_parts();
    let path_and_query =
        uri.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/")).as_str();
    let full_url = format!("http://{authority}{path_and_query}");
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(authority);
    *request.uri_mut() = Uri::from_parts(uri).map_err(|_| RequestError::BadHost)?;

    let headers = request.headers_mut();
    for (name, value) in [
        ("spin-path-info", found.path_info),
        ("spin-full-url", &full_url),
        ("spin-matched-route", found.route.strip_suffix('/').unwrap_or(found.route)),
        ("spin-base-path", "/"),
        ("spin-raw-component-route", found.route),
        ("spin-component-route", found.route.strip_suffix("/...").unwrap_or(found.route)),
        ("spin-client-addr", &client.to_string()),
    ] {
        append(headers, HeaderName::from_static(name), value)?;
    }
    for (name, value) in &found.params {
        let name = format!("spin-path-match-{}", name.replace('_', "-").to_ascii_lowercase());
        append(headers, name.try_into().map_err(|_| RequestError::BadPath)?, value)?;
    }
    Ok(())
}

fn append(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), RequestError> {
    let value = HeaderValue::from_str(value).map_err(|_| RequestError::BadPath)?;
    headers.append(name, value);
    Ok(())
}

/// For whom the request is (RFC 9112, 3.2 and 3.3). Where the request line says so, the `Host` header
/// does not count; but from HTTP/1.1 on there must be one. Where neither names a host, it is for the
/// server that it came to.
fn authority<B>(request: &Request<B>, server: SocketAddr) -> Result<Authority, RequestError> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let header = match (hosts.next(), hosts.next()) {
        (None, _) if request.version() >= Version::HTTP_11 => return Err(RequestError::NoHost),
        (None, _) => None,
        (Some(host), None) if host.is_empty() => None,
        (Some(host), None) => {
            let host: Authority = host.as_bytes().try_into().map_err(|_| RequestError::BadHost)?;
            if host.host().split_once('.').is_some_and(|(_, domain)| domain == "spin.internal") {
                return Err(RequestError::InternalHost);
            }
            Some(host)
        }
        (Some(_), Some(_)) => return Err(RequestError::BadHost),
    };
    let server = || server.to_string().try_into().map_err(|_| RequestError::BadHost);
    request.uri().authority().cloned().or(header).map_or_else(server, Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::routes::Router;

    fn prepared(uri: &str, headers: &[(&str, &str)]) -> Result<Request<()>, RequestError> {
        prepared_as(Version::HTTP_11, uri, headers)
    }

    fn prepared_as(
        version: Version,
        uri: &str,
        headers: &[(&str, &str)],
    ) -> Result<Request<()>, RequestError> {
        let router = Router::new([("/auctions/:Auction/...", "edge")]).unwrap();
        let mut request = Request::builder().version(version).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        let path = request.uri().path().to_owned();
        let (client, server) = ("203.0.113.9:4711".parse(), "[2001:db8::7]:3000".parse());
        let found = router.find(&path).unwrap();
        prepare(&mut request, &found, client.unwrap(), server.unwrap())?;
        Ok(request)
    }

    #[test]
    fn a_component_sees_the_headers_spin_adds() {
        let request = prepared("/auctions/a7/bids?limit=2", &[("host", "edge.test:3000")]).unwrap();
        assert_eq!(request.uri(), "http://edge.test:3000/auctions/a7/bids?limit=2");
        let header = |name: &str| request.headers().get(name).unwrap().to_str().unwrap();
        assert_eq!(header("spin-path-info"), "/bids");
        assert_eq!(header("spin-full-url"), "http://edge.test:3000/auctions/a7/bids?limit=2");
        assert_eq!(header("spin-matched-route"), "/auctions/:Auction/...");
        assert_eq!(header("spin-base-path"), "/");
        assert_eq!(header("spin-raw-component-route"), "/auctions/:Auction/...");
        assert_eq!(header("spin-component-route"), "/auctions/:Auction");
        assert_eq!(header("spin-client-addr"), "203.0.113.9:4711");
        assert_eq!(header("spin-path-match-auction"), "a7");
    }

    #[test]
    fn a_forged_client_address_stands_before_the_real_one() {
        let forged = [("host", "h"), ("spin-client-addr", "1.2.3.4:1")];
        let request = prepared("/auctions/a7", &forged).unwrap();
        let values: Vec<_> = request.headers().get_all("spin-client-addr").iter().collect();
        assert_eq!(values, ["1.2.3.4:1", "203.0.113.9:4711"]);
    }

    #[test]
    fn the_host_must_be_known_and_unambiguous() {
        assert_eq!(prepared("/auctions/a", &[]).unwrap_err(), RequestError::NoHost);
        assert_eq!(prepared("/auctions/a", &[("host", "a b")]).unwrap_err(), RequestError::BadHost);
        let two = [("host", "a"), ("host", "b")];
        assert_eq!(prepared("/auctions/a", &two).unwrap_err(), RequestError::BadHost);
        assert!(prepared("http://a/auctions/a", &[("host", "a")]).is_ok());
        assert_eq!(prepared("http://a/auctions/a", &two).unwrap_err(), RequestError::BadHost);
        assert_eq!(prepared("http://a/auctions/a", &[]).unwrap_err(), RequestError::NoHost);
    }

    #[test]
    fn what_spin_never_hands_to_a_component_is_refused() {
        for host in ["a.spin.internal", "a.spin.internal:80"] {
            let refused = prepared("/auctions/a", &[("host", host)]).unwrap_err();
            assert_eq!(refused, RequestError::InternalHost, "{host}");
        }
        let mut request = prepared("/auctions/a", &[("host", "h")]).unwrap();
        let route = Router::new([("/...", "edge")]).unwrap();
        let client = "203.0.113.9:4711".parse().unwrap();
        let value = http::HeaderValue::from_bytes(b"caf\xe9").unwrap();
        request.headers_mut().insert("x-name", value);
        let refused = prepare(&mut request, &route.find("/a").unwrap(), client, client);
        assert_eq!(refused, Err(RequestError::NotText));
    }

    #[test]
    fn the_request_line_counts_before_the_host_header() {
        let request = prepared("http://a/auctions/a", &[("host", "b")]).unwrap();
        assert_eq!(request.uri(), "http://a/auctions/a");
        assert_eq!(request.headers().get("spin-full-url").unwrap(), "http://a/auctions/a");
    }

    #[test]
    fn a_request_that_names_no_host_and_need_not_is_for_the_server_it_came_to() {
        let here = "http://[2001:db8::7]:3000/auctions/a";
        let old = prepared_as(Version::HTTP_10, "/auctions/a", &[]).unwrap();
        assert_eq!(old.uri(), here);
        assert_eq!(prepared("/auctions/a", &[("host", "")]).unwrap().uri(), here);
        let named = prepared_as(Version::HTTP_10, "/auctions/a", &[("host", "h")]).unwrap();
        assert_eq!(named.uri(), "http://h/auctions/a");
    }
}
