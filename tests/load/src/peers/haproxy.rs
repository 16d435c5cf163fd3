//! HAProxy, one thread: `jwt_verify` with the key as PEM, stick tables for the limits.
//!
//! It remembers no token. `http_req_rate` is a sliding window of a second, so that rate and burst are
//! one number.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Setup, write};
use crate::limits::RATE_HIGH;
use crate::process::Launch;
use crate::scenario::Limits;
use crate::tokens::{CLIENT_ID, ISSUER};

/// Debian keeps it out of an ordinary user's PATH.
pub(super) fn program() -> Result<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .chain(["/usr/sbin".into()])
        .map(|folder| folder.join("haproxy"))
        .find(|program| program.is_file())
        .context("haproxy is not installed: run `infra/local/install bench`")
}

pub(super) fn launch(
    setup: &Setup<'_>,
    limits: Limits,
    listen: SocketAddr,
    dir: &Path,
) -> Result<Launch> {
    let key = write(dir, "key.pem", setup.pem)?;
    let text = config(setup.upstream, limits, listen, &key);
    let file = write(dir, "haproxy.cfg", &text)?;
    Ok(Launch { program: program()?, args: vec!["-f".into(), file], env: Vec::new() })
}

fn config(upstream: SocketAddr, limits: Limits, listen: SocketAddr, key: &str) -> String {
    let user_limit = limits.user_rate() + limits.user_burst();
    format!(
        r#"global
    nbthread 1
    maxconn 4096
defaults
    mode http
    option http-keep-alive
    option http-buffer-request
    timeout connect 2s
    timeout client 75s
    timeout server 8s
    timeout http-request 10s
backend addresses
    stick-table type ip size 100k expire 10s store http_req_rate(1s)
backend users
    stick-table type string len 64 size 100k expire 10s store http_req_rate(1s)
frontend edge
    bind {listen}
    http-request track-sc0 src table addresses
    http-request return status 429 if {{ sc_http_req_rate(0) gt {RATE_HIGH} }}
    http-request set-var(txn.token) http_auth_bearer
    http-request return status 401 unless {{ var(txn.token),jwt_header_query('$.alg') -m str RS256 }}
    http-request return status 401 unless {{ var(txn.token),jwt_verify("RS256","{key}") 1 }}
    http-request return status 401 unless {{ var(txn.token),jwt_payload_query('$.iss') -m str {ISSUER} }}
    http-request return status 401 unless {{ var(txn.token),jwt_payload_query('$.client_id') -m str {CLIENT_ID} }}
    http-request return status 401 unless {{ var(txn.token),jwt_payload_query('$.token_use') -m str access }}
    http-request set-var(txn.now) date()
    http-request return status 401 unless {{ var(txn.token),jwt_payload_query('$.exp','int'),sub(txn.now) gt 0 }}
    http-request set-var(txn.user) var(txn.token),jwt_payload_query('$.sub')
    http-request track-sc1 var(txn.user) table users
    http-request return status 429 if {{ sc_http_req_rate(1) gt {user_limit} }}
    http-request del-header authorization
    http-request set-header x-user %[var(txn.user)]
    default_backend workers
backend workers
    http-reuse always
    server worker {upstream} maxconn 4096
"#
    )
}
