//! `gavel-local status`: whether a stack runs, and which of its parts answer.
//!
//! A part that accepts a connection counts as answering; `/readyz` of the edge tells more.

use anyhow::{Context, Result, bail};
use gavel_local::{Settings, limits, paths};
use tokio::net::TcpStream;

use crate::lock::{self, Lock};

pub(crate) async fn run() -> Result<()> {
    let Lock::Theirs(pid) = lock::take()? else { bail!("no stack is running") };
    let settings = Settings::read(&paths::local_dir().join("stack.env"))
        .context("the stack is starting or stopping")?;
    println!("A stack is running (process {pid}).");
    let parts = [
        ("edge", &settings.edge_url),
        ("workers", &settings.workers_url),
        ("Redis", &settings.redis_url),
        ("PostgreSQL", &settings.database_url),
        ("AWS emulator", &settings.aws_endpoint_url),
        ("fake IVS", &settings.aws_ivs_endpoint_url),
    ];
    let mut silent = Vec::new();
    for (name, url) in parts {
        let address = address(url);
        let connect = TcpStream::connect(address);
        let answers = tokio::time::timeout(limits::PROBE_TIMEOUT, connect).await;
        let answers = matches!(answers, Ok(Ok(_)));
        println!("  {name:<14} {address:<18} {}", if answers { "answers" } else { "SILENT" });
        if !answers {
            silent.push(name);
        }
    }
    match silent.is_empty() {
        true => Ok(()),
        false => bail!("no answer from: {}", silent.join(", ")),
    }
}

/// Host and port of a URL such as `postgres://user:password@host:port/database`.
fn address(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split('/').next().unwrap_or(rest);
    rest.rsplit_once('@').map_or(rest, |(_, address)| address)
}
