//! The worker binary `gavel`: its migrations, and as many workers as wanted.
//!
//! Knows the binary only by its command line and environment; its settings come from [`Settings`].

use std::path::Path;

use anyhow::Result;

use crate::options::WorkerOptions;
use crate::ports::Port;
use crate::process::{Process, Spec};
use crate::service::{Probe, Service};
use crate::{Settings, limits, paths};

/// Applies the migrations.
///
/// # Errors
/// When the binary is not built, or fails.
pub async fn migrate(settings: &Settings, dir: &Path, logs: &Path) -> Result<()> {
    let spec = Spec::new("migrate", paths::built("gavel")?, dir.to_path_buf(), logs);
    let spec = spec.args(["migrate"]).env(environment(settings));
    Process::new(spec).run(limits::READY_WITHIN).await
}

/// A worker on `port`; not started yet.
///
/// # Errors
/// When the binary is not built.
pub fn service(
    settings: &Settings,
    options: &WorkerOptions,
    port: Port,
    dir: &Path,
    logs: &Path,
) -> Result<Service> {
    let spec = Spec::new(&options.name, paths::built("gavel")?, dir.to_path_buf(), logs);
    let spec = spec.args(["run", "--roles", &options.roles]).env(environment(settings));
    let spec = spec.env([("GAVEL_LISTEN", port.address().to_string())]);
    let spec = spec.env(options.env.iter().map(|(k, v)| (k.as_str(), v.as_str())));
    let probe = Probe::HttpSuccess(format!("{}/readyz", port.url()));
    Ok(Service::new(spec, probe, port))
}

/// What `gavel` and the AWS SDK in it read; nothing else is passed on.
fn environment(settings: &Settings) -> Vec<(&'static str, String)> {
    let log = std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned());
    let names = [
        "GAVEL_REGION",
        "GAVEL_EDGE_KEY",
        "REDIS_URL",
        "GAVEL_REDIS_CLUSTER",
        "DATABASE_URL",
        "SQS_BID_QUEUE_URL",
        "SQS_NOTIFICATION_QUEUE_URL",
        "SQS_CHAT_QUEUE_URL",
        "SQS_EMAIL_FEEDBACK_QUEUE_URL",
        "DYNAMODB_BIDS_TABLE",
        "DYNAMODB_CHAT_TABLE",
        "GAVEL_EMAIL_FROM",
        "GAVEL_EMAIL_CONFIGURATION_SET",
        "GAVEL_PUBLIC_URL",
        "GAVEL_LINK_KEY",
        "COGNITO_USER_POOL_ID",
        "AWS_REGION",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_IVS",
        "GAVEL_PLAYBACK_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ];
    let pairs = settings.pairs().into_iter().filter(|(name, _)| names.contains(name));
    pairs
        .map(|(name, value)| (name, value.to_owned()))
        .chain([
            ("GAVEL_ACKNOWLEDGE", "queue".to_owned()),
            ("GAVEL_DEPLOYMENT", "local".to_owned()),
            ("RUST_LOG", log),
        ])
        .collect()
}
