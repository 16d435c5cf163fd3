//! Redis with its append-only file on, in a data folder of its own: one node, or a cluster of three.
//!
//! Killing the process loses nothing, since the file is written before the answer. That takes
//! `appendfsync no`: with `everysec` Redis puts a write off while it waits for the disk, and answers
//! nevertheless. Only a power cut could lose what the kernel had not written yet. No password: it listens on
//! 127.0.0.1 only. The cluster has no replicas: a node that is gone takes its slots with it.

use std::fs;
use std::path::Path;
use std::time::Instant;

use ::redis::{Client, FromRedisValue};
use anyhow::{Context, Result, bail};

use crate::ports::Port;
use crate::process::Spec;
use crate::service::{Probe, Service};
use crate::{limits, paths};

/// Slots of a cluster.
const SLOTS: u16 = 16_384;

/// Redis on `port` with its data in `<dir>/redis`; not started yet.
///
/// # Errors
/// When `redis-server` is not installed or the folder cannot be made.
pub fn service(dir: &Path, logs: &Path, port: Port) -> Result<Service> {
    let spec = spec("redis", dir, logs, &port)?;
    Ok(Service::new(spec, Probe::Redis(port.address()), port))
}

/// A running cluster of as many nodes as there are `ports`, each with the same number of slots in
/// order. A node that starts again knows its slots and the others.
///
/// # Errors
/// When `redis-server` is not installed, a node does not start, or they do not find each other.
pub async fn cluster(
    dir: &Path,
    logs: &Path,
    ports: impl IntoIterator<Item = Port>,
) -> Result<Vec<Service>> {
    let mut nodes = Vec::new();
    for (number, port) in (1..).zip(ports) {
        nodes.push(node(&format!("redis-{number}"), dir, logs, port).await?);
    }
    let Some(first) = nodes.first() else { bail!("a cluster has at least one node") };
    let count = u16::try_from(nodes.len()).context("too many nodes")?;
    for (index, node) in (0..count).zip(&nodes) {
        let slot = |index: u16| u32::from(SLOTS) * u32::from(index) / u32::from(count);
        let (from, to) = (slot(index).to_string(), (slot(index + 1) - 1).to_string());
        ask::<()>(node, &["CLUSTER", "ADDSLOTSRANGE", &from, &to]).await?;
        meet(first, node).await?;
    }
    let wanted = ["cluster_state:ok", "cluster_slots_assigned:16384"];
    for node in &nodes {
        until(node, &["CLUSTER", "INFO"], |info| {
            wanted.iter().all(|line| info.lines().any(|found| found == *line))
                && info.lines().any(|found| found == format!("cluster_size:{count}"))
        })
        .await?;
    }
    Ok(nodes)
}

/// One more node of a cluster: a replica of `primary` that has all its data and takes over when it is
/// lost.
///
/// # Errors
/// As for [`cluster`].
pub async fn replica(dir: &Path, logs: &Path, port: Port, primary: &Service) -> Result<Service> {
    let name = format!("{}-replica", primary.name());
    let replica = node(&name, dir, logs, port).await?;
    meet(primary, &replica).await?;
    let id: String = ask(primary, &["CLUSTER", "MYID"]).await?;
    until(&replica, &["CLUSTER", "NODES"], |nodes| nodes.contains(&id)).await?;
    ask::<()>(&replica, &["CLUSTER", "REPLICATE", &id]).await?;
    until(&replica, &["INFO", "replication"], |info| info.contains("master_link_status:up"))
        .await?;
    // The others must know it, too, before they can vote for it.
    let known: String = ask(&replica, &["CLUSTER", "MYID"]).await?;
    until(primary, &["CLUSTER", "NODES"], |nodes| {
        nodes.lines().any(|line| line.contains(&known) && line.contains("slave"))
    })
    .await?;
    Ok(replica)
}

/// `redis://127.0.0.1:<port>/`.
#[must_use]
pub fn url(service: &Service) -> String {
    format!("redis://{}/", service.address())
}

/// The URLs of several nodes, with commas between them.
#[must_use]
pub fn urls<'a>(nodes: impl IntoIterator<Item = &'a Service>) -> String {
    nodes.into_iter().map(url).collect::<Vec<_>>().join(",")
}

/// Gives a node's answer to `command`, a command and its arguments.
///
/// # Errors
/// When it does not answer in time, refuses, or answers something else.
pub async fn ask<T: FromRedisValue>(node: &Service, command: &[&str]) -> Result<T> {
    let asking = async {
        let mut connection = Client::open(url(node))?.get_multiplexed_async_connection().await?;
        let mut request = ::redis::cmd(command.first().context("no command")?);
        Ok(request.arg(&command[1..]).query_async(&mut connection).await?)
    };
    let answer = tokio::time::timeout(limits::PROBE_TIMEOUT, asking).await;
    answer
        .context("no answer")
        .flatten()
        .with_context(|| format!("{} at {}", command.join(" "), node.name()))
}

/// How many commands the node at `url` has been asked for since it started, those inside scripts included.
///
/// # Errors
/// When it does not answer in time.
pub async fn commands_processed(url: &str) -> Result<u64> {
    let asking = async {
        let mut connection = Client::open(url)?.get_multiplexed_async_connection().await?;
        let stats: String = ::redis::cmd("INFO").arg("stats").query_async(&mut connection).await?;
        let value = stats.lines().find_map(|line| line.strip_prefix("total_commands_processed:"));
        Ok(value.context("no such figure")?.trim().parse()?)
    };
    let answer = tokio::time::timeout(limits::PROBE_TIMEOUT, asking).await;
    answer.context("no answer").flatten().with_context(|| format!("asking {url}"))
}

fn spec(name: &str, dir: &Path, logs: &Path, port: &Port) -> Result<Spec> {
    let data = dir.join(name);
    fs::create_dir_all(&data).with_context(|| format!("making {}", data.display()))?;
    let spec = Spec::new(name, paths::installed("redis-server")?, data.clone(), logs);
    let (number, data) = (port.number().to_string(), data.display().to_string());
    let spec = spec.args(["--port", &number, "--bind", "127.0.0.1", "--dir", &data]);
    Ok(spec.args(["--appendonly", "yes", "--appendfsync", "no", "--save", ""]))
}

/// A started node of a cluster that knows no other one yet.
async fn node(name: &str, dir: &Path, logs: &Path, port: Port) -> Result<Service> {
    // Between themselves nodes speak on another port: as a rule this one plus 10,000, which may be
    // anybody's. It stays claimed as long as the service is there.
    let bus = Port::free()?;
    let spec = spec(name, dir, logs, &port)?;
    let spec = spec.args(["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"]);
    let spec = spec.args(["--cluster-port", &bus.number().to_string()]);
    let timeout_ms = limits::CLUSTER_NODE_TIMEOUT_MS.to_string();
    let spec = spec.args(["--cluster-node-timeout", &timeout_ms]);
    // The slots of a lost node are lost, the others are served.
    let spec = spec.args(["--cluster-require-full-coverage", "no"]);
    let mut node = Service::new(spec, Probe::Redis(port.address()), port).holding(bus);
    node.start().await?;
    Ok(node)
}

/// Makes two nodes, and all they know, known to each other.
async fn meet(known: &Service, new: &Service) -> Result<()> {
    let address = new.address();
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let [_, bus]: [String; 2] = ask(new, &["CONFIG", "GET", "cluster-port"]).await?;
    ask(known, &["CLUSTER", "MEET", &host, &port, &bus]).await
}

/// Asks a node until its answer is as wished.
async fn until(node: &Service, command: &[&str], good: impl Fn(&str) -> bool) -> Result<()> {
    let since = Instant::now();
    loop {
        let answer: String = ask(node, command).await?;
        if good(&answer) {
            return Ok(());
        }
        if since.elapsed() > limits::READY_WITHIN {
            bail!("{} is not as it should be: {}\n{answer}", node.name(), command.join(" "));
        }
        tokio::time::sleep(limits::PROBE_EVERY).await;
    }
}
