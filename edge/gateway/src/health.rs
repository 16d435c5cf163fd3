//! Liveness and readiness of the edge. Liveness asks nobody; readiness asks the home region and for
//! a key set, so that a balancer sends nobody here who could not be served.

use gavel_core::wire::routes::Name;
use http::{HeaderMap, Method};

use crate::auth::AuthState;
use crate::config::Config;
use crate::limits::{CONNECT_TIMEOUT_MS, READINESS_BYTES_MAX, READY_TIMEOUT_MS};
use crate::ports::{Outgoing, Ports, within};
use crate::refusal::Refusal;

/// Whether a worker of the home region is ready and tokens can be checked.
pub async fn ready(ports: &impl Ports, config: &Config, auth: &AuthState) -> Result<(), Refusal> {
    if !auth.keys.ready(ports).await {
        return Err(Refusal::Unavailable("there is no key set to check tokens with"));
    }
    let not_ready = Refusal::Unavailable("the home region is not ready");
    let region = config.region(None).ok_or_else(|| not_ready.clone())?;
    for origin in &region.origins {
        let request = Outgoing {
            method: Method::GET,
            url: format!("{origin}{}", Name::Ready.route().path),
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
            connect_timeout_ms: CONNECT_TIMEOUT_MS,
            timeout_ms: READY_TIMEOUT_MS,
        };
        let asking = ports.fetch(&request, READINESS_BYTES_MAX);
        match within(ports, READY_TIMEOUT_MS, asking).await {
            Some(Ok(reply)) if reply.status().is_success() => return Ok(()),
            // Who probes waits no longer.
            None => break,
            Some(_) => {}
        }
    }
    Err(not_ready)
}
