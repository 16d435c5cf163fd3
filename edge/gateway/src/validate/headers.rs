//! The headers the gateway acts on: at most one of each, and the two it reads itself.
//!
//! Two of a kind is how requests are smuggled past a check: one reader takes the first, another the
//! last. The runtime appends its own `spin-client-addr` after one that a client sent, so that a
//! second one means forgery.

use std::net::{IpAddr, SocketAddr};

use gavel_core::ids::IdempotencyKey;
use http::HeaderMap;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING,
};

use crate::refusal::Refusal;

/// The header that names a repeatable request.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The runtime's word for where a request came from.
pub const CLIENT_ADDRESS: &str = "spin-client-addr";

/// Refuses a request with more than one of any header that something depends on.
pub fn refuse_duplicates(headers: &HeaderMap) -> Result<(), Refusal> {
    let single = [
        (AUTHORIZATION.as_str(), "the header `Authorization` must appear once"),
        (CONTENT_TYPE.as_str(), "the header `Content-Type` must appear once"),
        (CONTENT_LENGTH.as_str(), "the header `Content-Length` must appear once"),
        (CONTENT_ENCODING.as_str(), "the header `Content-Encoding` must appear once"),
        (HOST.as_str(), "the header `Host` must appear once"),
        (IDEMPOTENCY_KEY, "the header `Idempotency-Key` must appear once"),
        (CLIENT_ADDRESS, "the header `spin-client-addr` is not for clients"),
        ("traceparent", "the header `traceparent` must appear once"),
    ];
    for (name, complaint) in single {
        if headers.get_all(name).iter().nth(1).is_some() {
            return Err(Refusal::Malformed(complaint));
        }
    }
    // RFC 9112, 6.3: two lengths for one body, the classic of request smuggling.
    if headers.contains_key(CONTENT_LENGTH) && headers.contains_key(TRANSFER_ENCODING) {
        return Err(Refusal::Malformed("the body has two lengths"));
    }
    Ok(())
}

/// Where a request came from, as the runtime says. There must be exactly one such header by now.
pub fn client_address(headers: &HeaderMap) -> Result<IpAddr, Refusal> {
    let value = headers.get(CLIENT_ADDRESS).and_then(|value| value.to_str().ok());
    let parse = |text: &str| {
        text.parse::<SocketAddr>().map(|address| address.ip()).or_else(|_| text.parse::<IpAddr>())
    };
    value
        .and_then(|text| parse(text).ok())
        .map(|address| address.to_canonical())
        .ok_or(Refusal::Unavailable("the client's address is unknown"))
}

/// The party that a rate limit counts: the address, or for IPv6 its /64, which one customer has.
#[must_use]
pub fn limited_party(address: &IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// The idempotency key that the client sent, if any.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Refusal> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = value.to_str().ok().and_then(|text| IdempotencyKey::from_header(text).ok());
    key.map(Some).ok_or_else(|| {
        let reason = "must be 1 to 128 visible ASCII characters, in quotes or without";
        Refusal::field("Idempotency-Key", reason)
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn two_of_a_header_that_matters_are_refused() {
        for name in [
            "authorization",
            "content-type",
            "content-length",
            "content-encoding",
            "host",
            "idempotency-key",
            "spin-client-addr",
            "traceparent",
        ] {
            assert_eq!(refuse_duplicates(&headers(&[(name, "a")])), Ok(()), "{name}");
            for second in ["a", "b"] {
                let both = headers(&[(name, "a"), (name, second)]);
                let refused = matches!(refuse_duplicates(&both), Err(Refusal::Malformed(_)));
                assert!(refused, "{name}");
            }
        }
        let two_lengths = headers(&[("content-length", "5"), ("transfer-encoding", "chunked")]);
        assert!(refuse_duplicates(&two_lengths).is_err());
        assert_eq!(refuse_duplicates(&headers(&[("accept", "a"), ("accept", "b")])), Ok(()));
    }

    #[test]
    fn the_address_is_read_without_its_port() {
        for (value, expected) in [
            ("203.0.113.7:51234", "203.0.113.7"),
            ("203.0.113.7", "203.0.113.7"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[::ffff:203.0.113.7]:443", "203.0.113.7"),
        ] {
            let address = client_address(&headers(&[(CLIENT_ADDRESS, value)])).unwrap();
            assert_eq!(address.to_string(), expected);
        }
        assert!(client_address(&headers(&[])).is_err());
        assert!(client_address(&headers(&[(CLIENT_ADDRESS, "somewhere")])).is_err());
    }

    #[test]
    fn an_ipv6_customer_is_limited_as_one() {
        let party = |text: &str| limited_party(&text.parse().unwrap());
        assert_eq!(party("2001:db8:1:2::1"), party("2001:db8:1:2:ffff::9"));
        assert_ne!(party("2001:db8:1:2::1"), party("2001:db8:1:3::1"));
        assert_eq!(party("203.0.113.7"), "203.0.113.7");
    }

    #[test]
    fn an_idempotency_key_is_read_or_named_as_wrong() {
        let read = |value: &str| idempotency_key(&headers(&[("idempotency-key", value)]));
        assert_eq!(read("\"k-1\"").unwrap().unwrap().as_str(), "k-1");
        assert_eq!(read("k-1").unwrap().unwrap().as_str(), "k-1");
        assert_eq!(idempotency_key(&HeaderMap::new()), Ok(None));
        for wrong in ["", "\"\"", "a b", &"k".repeat(129)] {
            let Err(Refusal::Fields(errors)) = read(wrong) else { panic!("{wrong:?} passed") };
            assert_eq!(errors[0].field, "Idempotency-Key");
        }
    }
}
