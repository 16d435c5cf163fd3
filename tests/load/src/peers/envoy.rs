//! Envoy, one worker: `jwt_authn` with the key set in its configuration and its token cache on,
//! `local_ratelimit` for the limits, the user's with a bucket made for each at its first bid.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};

use super::{Setup, installed, write};
use crate::limits::{BODY_BYTES_MAX, RATE_HIGH, TOKENS_CACHED};
use crate::process::Launch;
use crate::scenario::Limits;
use crate::tokens::ISSUER;

pub(super) fn program() -> PathBuf {
    installed("envoy")
}

pub(super) fn launch(
    setup: &Setup<'_>,
    limits: Limits,
    listen: SocketAddr,
    dir: &Path,
) -> Result<Launch> {
    let config = config(setup, limits, listen).to_string();
    let file = write(dir, "envoy.json", &config)?;
    let args = ["-c", &file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"];
    Ok(Launch { program: program(), args: args.map(str::to_owned).to_vec(), env: Vec::new() })
}

fn config(setup: &Setup<'_>, limits: Limits, listen: SocketAddr) -> Value {
    let address = |of: SocketAddr| json!({"socket_address": {"address": of.ip().to_string(), "port_value": of.port()}});
    let filters = [
        // A refusal before the body is there would close the connection.
        filter("buffer", "buffer.v3.Buffer", json!({"max_request_bytes": BODY_BYTES_MAX})),
        filter("local_ratelimit", "local_ratelimit.v3.LocalRateLimit", address_limit()),
        filter("jwt_authn", "jwt_authn.v3.JwtAuthentication", tokens(setup.key_set)),
        filter("local_ratelimit", "local_ratelimit.v3.LocalRateLimit", user_limit(limits)),
        filter("router", "router.v3.Router", json!({"suppress_envoy_headers": true})),
    ];
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "edge",
        "generate_request_id": false,
        "http_filters": filters,
        "route_config": {"virtual_hosts": [{
            "name": "all", "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "workers", "timeout": "8s"}}],
        }]},
    });
    let manager =
        json!({"name": "envoy.filters.network.http_connection_manager", "typed_config": manager});
    json!({"static_resources": {
        "listeners": [{
            "name": "edge", "address": address(listen), "filter_chains": [{"filters": [manager]}],
        }],
        "clusters": [{
            "name": "workers", "type": "STATIC", "connect_timeout": "2s",
            "load_assignment": {"cluster_name": "workers", "endpoints": [{
                "lb_endpoints": [{"endpoint": {"address": address(setup.upstream)}}],
            }]},
        }],
    }})
}

fn filter(name: &str, message: &str, mut settings: Value) -> Value {
    settings["@type"] =
        format!("type.googleapis.com/envoy.extensions.filters.http.{message}").into();
    json!({"name": format!("envoy.filters.http.{name}"), "typed_config": settings})
}

fn tokens(key_set: &Value) -> Value {
    json!({
        "providers": {"cognito": {
            "issuer": ISSUER,
            "local_jwks": {"inline_string": key_set.to_string()},
            "jwt_cache_config": {"jwt_cache_size": TOKENS_CACHED},
            "claim_to_headers": [{"header_name": "x-user", "claim_name": "sub"}],
        }},
        "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "cognito"}}],
    })
}

fn address_limit() -> Value {
    limit("addresses", RATE_HIGH, RATE_HIGH)
}

fn user_limit(limits: Limits) -> Value {
    let mut filter = limit("users", RATE_HIGH, RATE_HIGH);
    let user = json!({"header_name": "x-user", "descriptor_key": "user"});
    filter["rate_limits"] = json!([{"actions": [{"request_headers": user}]}]);
    // Without a value, each user gets a bucket.
    filter["descriptors"] = json!([{
        "entries": [{"key": "user"}],
        "token_bucket": bucket(limits.user_rate(), limits.user_burst()),
    }]);
    filter["max_dynamic_descriptors"] = TOKENS_CACHED.into();
    filter
}

fn limit(name: &str, rate: u64, burst: u64) -> Value {
    let always = json!({"default_value": {"numerator": 100, "denominator": "HUNDRED"}});
    json!({
        "stat_prefix": name,
        "token_bucket": bucket(rate, burst),
        "filter_enabled": always, "filter_enforced": always,
    })
}

fn bucket(rate: u64, burst: u64) -> Value {
    json!({"max_tokens": burst.max(rate), "tokens_per_fill": rate, "fill_interval": "1s"})
}
