//! Which core answers a request: always the same one for one identity, so that what its instance
//! counts and remembers of somebody is all there is.
//!
//! The identity is the subject that a bearer token claims, or without one the client's address. The
//! claim is not verified here and need not be: who lies about it is refused by the component, on
//! whichever core that happens. The hash is keyed, so that nobody can aim at one core.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::limits::CLAIMS_READ_BYTES_MAX;

/// Chooses a core for each request.
#[derive(Debug, Clone)]
pub struct Dispatch {
    cores: usize,
    key: RandomState,
}

impl Dispatch {
    /// Among `cores` cores.
    #[must_use]
    pub fn new(cores: usize) -> Self {
        Self { cores: cores.max(1), key: RandomState::new() }
    }

    /// The core of a request with these `headers` from `client`.
    #[must_use]
    pub fn core(&self, headers: &HeaderMap, client: IpAddr) -> usize {
        if self.cores == 1 {
            return 0;
        }
        let hash = match subject(headers) {
            Some(subject) => self.key.hash_one(subject),
            None => self.key.hash_one(network(client)),
        };
        usize::try_from(hash % self.cores as u64).unwrap_or(0)
    }
}

/// What a limit on addresses takes for one: an IPv4 address, or the /64 that one customer has.
fn network(client: IpAddr) -> [u8; 8] {
    match client.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            [0, 0, 0, 0, a, b, c, d]
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, e, f, g, h, ..] = v6.octets();
            [a, b, c, d, e, f, g, h]
        }
    }
}

/// The `sub` that the claims of a compact token say, without any check.
fn subject(headers: &HeaderMap) -> Option<String> {
    let token = headers.get(AUTHORIZATION)?.to_str().ok()?.rsplit(' ').next()?;
    let claims = token.split('.').nth(1)?;
    if claims.len() > CLAIMS_READ_BYTES_MAX {
        return None;
    }
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    #[derive(serde::Deserialize)]
    struct Claims {
        sub: String,
    }
    serde_json::from_slice::<Claims>(&claims).ok().map(|claims| claims.sub)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn bearer(claims: &str) -> HeaderMap {
        let token = format!("Bearer h.{}.s", URL_SAFE_NO_PAD.encode(claims));
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&token).unwrap())])
    }

    #[test]
    fn a_user_always_comes_to_the_same_core_and_users_spread_over_all() {
        let dispatch = Dispatch::new(4);
        let mut seen = [0; 4];
        for user in 0..400 {
            let one = bearer(&format!(r#"{{"sub":"u-{user}","jti":"1"}}"#));
            let other = bearer(&format!(r#"{{"exp":7,"sub":"u-{user}"}}"#));
            let core = dispatch.core(&one, "203.0.113.7".parse().unwrap());
            assert_eq!(core, dispatch.core(&other, "2001:db8::1".parse().unwrap()));
            seen[core] += 1;
        }
        assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
    }

    #[test]
    fn without_a_subject_the_address_counts() {
        let dispatch = Dispatch::new(64);
        let none = HeaderMap::new();
        let core =
            |headers: &HeaderMap, client: &str| dispatch.core(headers, client.parse().unwrap());
        let here = core(&none, "2001:db8:1:2::1");
        assert_eq!(here, core(&none, "2001:db8:1:2:ffff::9"), "one network");
        for odd in [bearer("[]"), bearer("{"), bearer(r#"{"sub":7}"#)] {
            assert_eq!(here, core(&odd, "2001:db8:1:2::1"));
        }
        let mapped = core(&none, "::ffff:203.0.113.7");
        assert_eq!(mapped, core(&none, "203.0.113.7"));
        let other: Vec<usize> = (0..64).map(|n| core(&none, &format!("203.0.113.{n}"))).collect();
        assert!(other.iter().any(|core| *core != other[0]), "addresses spread");
    }
}
