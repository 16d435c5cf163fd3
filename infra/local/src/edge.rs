//! The edge: `gavel-host` running the checkout's `spin.toml`, byte for byte what `spin up` would run.
//!
//! The shared key goes through the environment, where other users of the machine cannot see it;
//! everything else is on the command line.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use crate::ports::Port;
use crate::process::Spec;
use crate::service::{Probe, Service};
use crate::{Options, Settings, paths};

/// The component that `spin.toml` names as its source.
const COMPONENT: &str = "target/wasm32-wasip2/release/gavel_gateway.wasm";

pub(crate) fn refuse_unbuilt() -> Result<()> {
    if !paths::checkout().join(COMPONENT).is_file() {
        bail!("the edge's component is not built: run `infra/local/build-wasm`");
    }
    Ok(())
}

/// The edge on `port`, before the `workers` at these URLs, with its state in `<dir>/edge`; not started yet.
///
/// # Errors
/// When the host is not built, or its folder cannot be made.
pub fn service(
    settings: &Settings,
    options: &Options,
    workers: &[String],
    port: Port,
    dir: &Path,
    logs: &Path,
) -> Result<Service> {
    let checkout = paths::checkout();
    let state = dir.join("edge");
    fs::create_dir_all(&state)?;
    let manifest = checkout.join("spin.toml").display().to_string();
    let (listen, state) = (port.address().to_string(), state.display().to_string());
    let host = paths::built("gavel-host")?;
    // Beside the program, for all stacks: compiling takes seconds of all cores.
    let compiled = host.with_file_name("compiled").display().to_string();
    let mut spec = Spec::new("edge", host, checkout, logs)
        .args(["up", "--from", &manifest, "--listen", &listen, "--state-dir", &state])
        .args(["--cache-dir", &compiled])
        .env([("SPIN_VARIABLE_EDGE_KEY", settings.edge_key.as_str())]);
    for (name, value) in variables(settings, workers, &options.edge_variables) {
        spec = spec.args(["--variable".to_owned(), format!("{name}={value}")]);
    }
    spec = spec.args(options.edge_args.iter().cloned());
    let probe = Probe::HttpAnswer(format!("{}/healthz", port.url()));
    Ok(Service::new(spec, probe, port))
}

/// The variables of `spin.toml` for the one region `code`, whose workers are at `urls` on this machine.
#[must_use]
pub fn region(code: &str, urls: &[String]) -> Vec<(String, String)> {
    let hosts = match urls {
        [only] => only.clone(),
        _ => "http://127.0.0.1:*".to_owned(),
    };
    vec![
        ("regions".to_owned(), format!("{code}={}", urls.join(" "))),
        ("region_hosts".to_owned(), hosts),
    ]
}

/// The variables of `spin.toml`, each once; those asked for replace ours.
fn variables(
    settings: &Settings,
    workers: &[String],
    asked: &[(String, String)],
) -> Vec<(String, String)> {
    // Without a worker of ours there is none: what is asked for names one.
    let workers = if workers.is_empty() { &[settings.workers_url.clone()][..] } else { workers };
    let mut variables = region(&settings.region, workers);
    // As the options' default says: one instance a core, kept.
    variables.push(("counts_in".to_owned(), "memory".to_owned()));
    let others = [
        ("cognito_region", &settings.cognito_region),
        ("cognito_user_pool_id", &settings.user_pool_id),
        ("cognito_app_client_ids", &settings.app_client_id),
        ("cognito_jwks_origin", &settings.aws_endpoint_url),
        ("cognito_issuer", &settings.issuer),
    ];
    variables.extend(others.map(|(name, value)| (name.to_owned(), value.clone())));
    for (name, value) in asked {
        variables.retain(|(known, _)| known != name);
        variables.push((name.clone(), value.clone()));
    }
    variables
}
