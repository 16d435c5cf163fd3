//! The edge: `spin.toml` under `gavel-host`, or under Spin itself; and beside it, in the same way, a
//! component that only forwards.
//!
//! The limits by address and for failed sign-ins are out of the way: all bids come from one address.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Setup, checkout, write};
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
    let mut env = env(setup, limits);
    env.push(("SPIN_VARIABLE_COUNTS_IN".to_owned(), way.counts_in.to_owned()));
    Ok(launch(setup, setup.manifest, listen, dir, way, env))
}

/// The component that only forwards, by the SDK or without, in every other way as the edge under [`SPIN`]. It has no store, so a
/// slow one would change nothing.
pub(super) fn forwarder(
    setup: &Setup<'_>,
    listen: SocketAddr,
    dir: &Path,
    by_sdk: bool,
) -> Result<Launch> {
    let manifest = format!(
        "spin_manifest_version = 2\n\
         [application]\n\
         name = \"forwarder\"\n\
         [[trigger.http]]\n\
         route = \"/...\"\n\
         component = \"forwarder\"\n\
         [component.forwarder]\n\
         source = {source:?}\n\
         allowed_outbound_hosts = [\"http://{upstream}\"]\n\
         variables = {{ upstream = \"{upstream}\" }}\n",
        source = forwarder_component(by_sdk)?,
        upstream = setup.upstream,
    );
    let manifest = write(dir, "spin.toml", &manifest)?;
    Ok(launch(setup, Path::new(&manifest), listen, dir, &SPIN, Vec::new()))
}

/// Where it was built.
pub(super) fn forwarder_component(by_sdk: bool) -> Result<PathBuf> {
    let package = if by_sdk { "gavel-forwarder-sdk" } else { "gavel-forwarder" };
    let file = format!("target/wasm32-wasip2/release/{}.wasm", package.replace('-', "_"));
    let component = checkout().join(file).canonicalize();
    component.with_context(|| format!("`infra/local/build-wasm {package}` makes it"))
}

fn launch(
    setup: &Setup<'_>,
    manifest: &Path,
    listen: SocketAddr,
    dir: &Path,
    way: &Way,
    env: Vec<(String, String)>,
) -> Launch {
    let mut args = up(manifest, listen, dir);
    let Way { instances, store_latency, .. } = way;
    args.extend(["--threads", "1", "--instances", instances].map(str::to_owned));
    args.extend(["--store-latency", store_latency].map(str::to_owned));
    if let (Some(reuse), "spin") = (setup.reuse, *instances) {
        args.extend(["--max-instance-reuse-count".to_owned(), reuse.to_string()]);
    }
    if setup.profile {
        args.push("--perf-map".to_owned());
    }
    Launch { program: setup.gavel_host.to_path_buf(), args, env }
}

pub(super) fn spin(
    setup: &Setup<'_>,
    limits: Limits,
    listen: SocketAddr,
    dir: &Path,
) -> Result<Launch> {
    let mut args = up(setup.manifest, listen, dir);
    args.push("--quiet".to_owned());
    Ok(Launch { program: "spin".into(), args, env: env(setup, limits) })
}

fn up(manifest: &Path, listen: SocketAddr, dir: &Path) -> Vec<String> {
    let manifest = manifest.display().to_string();
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
