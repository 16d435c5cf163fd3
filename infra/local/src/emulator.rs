//! The AWS emulator: PyPI `ministack`, in a virtual environment of its own, on one port.
//!
//! What was learnt by trying version 1.5.33:
//! - It is ready in about 0.3 s. `GATEWAY_PORT` and `BIND_HOST` set its address; `MINISTACK_HOST` is
//!   the host in the queue URLs it hands out. `GET /_ministack/ready` says when it is up.
//! - Its MQTT listener on port 8883 is off with `IOT_MTLS_ENABLED=0`, so several can run at once. The
//!   file with its process id goes to `TMPDIR`.
//! - `PERSIST_STATE=1` writes everything (pool, users, keys, tables, items, queues, messages) to
//!   `STATE_DIR`, but only when it is stopped in good order; killed, it comes back as it was at its
//!   last start. So provisioning runs at every start and adds what is missing. In a test, `restart`
//!   keeps everything, `kill` loses everything, and `pause` is the way to have an outage.
//! - Cognito needs the Python package `cryptography`, else its tokens carry no real signature. Access
//!   and id tokens are RS256 with one key each per pool, kept in `STATE_DIR`; the keys are at
//!   `/<pool id>/.well-known/jwks.json`, while `iss` is the address the real Cognito would have. It
//!   signs in with a user name and password (`USER_PASSWORD_AUTH`); groups are in `cognito:groups`.
//! - FIFO queues: a repeated deduplication id answers the first sequence number again; creating a
//!   queue that exists with other attributes fails with `QueueAlreadyExists`.
//! - Credentials are not checked.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use crate::paths;
use crate::ports::Port;
use crate::process::Spec;
use crate::service::{Probe, Service};

/// The emulated services we use: leaving the others out saves their start.
pub const OUR_SERVICES: &str = "cognito-idp,dynamodb,ses,sns,sqs";

/// All that it has.
pub const ALL_SERVICES: &str = "";

/// The emulator on `port` with its state in `<dir>/aws`, offering `services`; not started yet.
///
/// # Errors
/// When it is not installed or its folder cannot be made.
pub fn service(dir: &Path, logs: &Path, port: Port, services: &str) -> Result<Service> {
    let program = paths::local_dir().join("venv/ministack/bin/ministack");
    if !program.is_file() {
        bail!("the AWS emulator is not installed: run `infra/local/install`");
    }
    let state = dir.join("aws");
    fs::create_dir_all(&state)?;
    let folder = state.display().to_string();
    let number = port.number().to_string();
    let spec = Spec::new("aws", program, state, logs).env([
        ("GATEWAY_PORT", number.as_str()),
        ("BIND_HOST", "127.0.0.1"),
        ("MINISTACK_HOST", "127.0.0.1"),
        ("PERSIST_STATE", "1"),
        ("STATE_DIR", &folder),
        ("TMPDIR", &folder),
        ("IOT_MTLS_ENABLED", "0"),
        ("SFTP_ENABLED", "0"),
        ("SERVICES", services),
        ("LOG_LEVEL", "WARNING"),
    ]);
    let probe = Probe::HttpSuccess(format!("{}/_ministack/ready", port.url()));
    Ok(Service::new(spec, probe, port))
}
