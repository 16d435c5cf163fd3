//! The edge: `spin.toml` under `gavel-host`, or under Spin itself.
//!
//! The limits by address and for failed sign-ins are out of the way: all bids come from one address.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;

use super::Setup;
use crate::limits::RATE_HIGH;
use crate::process::Launch;
use crate::scenario::Limits;
use crate::tokens::{CLIENT_ID, ISSUER, POOL, REGION};

/// A way of running the component.
pub(super) struct Way {
    instances: &'static str,
    store_latency: &'static str,
    counts_in: &'static str,
}

/// As deployed.
pub(super) const PER_CORE: Way =
    Way { instances: "per-core", store_latency: "0s", counts_in: "memory" };
/// As Spin does by default, with a store in a file.
pub(super) const SPIN: Way = Way { instances: "spin", store_latency: "0s", counts_in: "key-value" };
/// With a Redis in the same zone: its round trip, and what waits on the way.
pub(super) const SLOW_STORE: Way =
    Way { instances: "spin", store_latency: "2ms", counts_in: "key-value" };

pub(super) fn host(
    setup: &Setup<'_>,
    limits: Limits,
    listen: SocketAddr,
    dir: &Path,
    way: &Way,
) -> Result<Launch> {
    let mut args = up(setup, listen, dir);
    let Way { instances, store_latency, counts_in } = way;
    args.extend(["--threads", "1", "--instances", instances].map(str::to_owned));
    args.extend(["--store-latency", store_latency].map(str::to_owned));
    if setup.profile {
        args.push("--perf-map".to_owned());
    }
    let mut env = env(setup, limits);
    env.push(("SPIN_VARIABLE_COUNTS_IN".to_owned(), (*counts_in).to_owned()));
    Ok(Launch { program: setup.gavel_host.to_path_buf(), args, env })
}

pub(super) fn spin(
    setup: &Setup<'_>,
    limits: Limits,
    listen: SocketAddr,
    dir: &Path,
) -> Result<Launch> {
    let mut args = up(setup, listen, dir);
    args.push("--quiet".to_owned());
    Ok(Launch { program: "spin".into(), args, env: env(setup, limits) })
}

fn up(setup: &Setup<'_>, listen: SocketAddr, dir: &Path) -> Vec<String> {
    let manifest = setup.manifest.display().to_string();
    let state = dir.join("state").display().to_string();
    let listen = listen.to_string();
    ["up", "--from", &manifest, "--listen", &listen, "--state-dir", &state]
        .map(str::to_owned)
        .to_vec()
}

fn env(setup: &Setup<'_>, limits: Limits) -> Vec<(String, String)> {
    let upstream = format!("http://{}", setup.upstream);
    let high = RATE_HIGH.to_string();
    [
        ("REGIONS", format!("use1={upstream}")),
        ("REGION_HOSTS", upstream.clone()),
        ("COGNITO_REGION", REGION.to_owned()),
        ("COGNITO_USER_POOL_ID", POOL.to_owned()),
        ("COGNITO_APP_CLIENT_IDS", CLIENT_ID.to_owned()),
        ("COGNITO_JWKS_ORIGIN", upstream),
        ("COGNITO_ISSUER", ISSUER.to_owned()),
        ("EDGE_KEY", "a key of the bench, 32 characters".to_owned()),
        ("USER_RATE_PER_S", limits.user_rate().to_string()),
        ("USER_BURST", limits.user_burst().to_string()),
        ("ADDRESS_RATE_PER_S", high.clone()),
        ("ADDRESS_BURST", high.clone()),
        ("FAILED_AUTH_RATE_PER_S", high.clone()),
        ("FAILED_AUTH_BURST", high),
    ]
    .map(|(name, value)| (format!("SPIN_VARIABLE_{name}"), value))
    .to_vec()
}
