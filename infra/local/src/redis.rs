//! Redis with its append-only file on, in a data folder of its own.
//!
//! `appendfsync everysec` as on ElastiCache: killing the process loses nothing, since the file was
//! written before the answer; only a power cut could lose up to a second. No password: it listens on
//! 127.0.0.1 only.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::paths;
use crate::ports::Port;
use crate::process::Spec;
use crate::service::{Probe, Service};

/// Redis on `port` with its data in `<dir>/redis`; not started yet.
///
/// # Errors
/// When `redis-server` is not installed or the folder cannot be made.
pub fn service(dir: &Path, logs: &Path, port: Port) -> Result<Service> {
    let data = dir.join("redis");
    fs::create_dir_all(&data).with_context(|| format!("making {}", data.display()))?;
    let spec = Spec::new("redis", paths::installed("redis-server")?, data.clone(), logs);
    let (number, data) = (port.number().to_string(), data.display().to_string());
    let spec = spec.args(["--port", &number, "--bind", "127.0.0.1", "--dir", &data]);
    let spec = spec.args(["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]);
    let probe = Probe::Redis(port.address());
    Ok(Service::new(spec, probe, port))
}

/// `redis://127.0.0.1:<port>/`.
#[must_use]
pub fn url(service: &Service) -> String {
    format!("redis://{}/", service.address())
}
