//! What to start, and where.

use std::path::PathBuf;

use anyhow::Result;

use crate::ports::Port;
use crate::progress::Progress;
use crate::provision::Maker;
use crate::{paths, secret};

/// One worker.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// Its name, also that of its log. Names of one stack differ.
    pub name: String,
    /// The roles it plays, such as `all` or `api,timer`.
    pub roles: String,
    /// Variables on top of, or instead of, those of the stack.
    pub env: Vec<(String, String)>,
}

impl WorkerOptions {
    /// A worker that plays all roles.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), roles: "all".to_owned(), env: Vec::new() }
    }

    /// Whether it serves the API.
    pub(crate) fn serves(&self) -> bool {
        self.roles.split(',').any(|role| matches!(role.trim(), "all" | "api"))
    }
}

/// The ports of a stack.
#[derive(Debug)]
pub struct Ports {
    /// Redis.
    pub redis: Port,
    /// PostgreSQL.
    pub postgres: Port,
    /// The AWS emulator.
    pub aws: Port,
    /// The fake of Amazon IVS.
    pub ivs: Port,
    /// The first worker; further ones take free ports.
    pub workers: Port,
    /// The edge.
    pub edge: Port,
}

/// A stack to start.
#[derive(Debug)]
pub struct Options {
    /// Its folder: data in `data/`, logs in `logs/`.
    pub dir: PathBuf,
    /// Whether the folder stays when the stack is gone. A failing test's folder always stays.
    pub keep: bool,
    /// Whether PostgreSQL waits for the disk.
    pub durable: bool,
    /// Where it listens.
    pub ports: Ports,
    /// How many nodes Redis has: one, or three or more that are a cluster. Nodes after the first take
    /// free ports.
    pub redis_nodes: usize,
    /// Appended to the names of pool, queues, table and (with `_` for `-`) database.
    pub suffix: String,
    /// Who makes pool, queues, tables and accounts.
    pub maker: Maker,
    /// The password of the sample accounts.
    pub password: String,
    /// The workers, started one after the other; none: no worker.
    pub workers: Vec<WorkerOptions>,
    /// Whether there is an edge.
    pub edge: bool,
    /// Variables of `spin.toml` on top of, or instead of, those of the stack.
    pub edge_variables: Vec<(String, String)>,
    /// More arguments for `gavel-host up`.
    pub edge_args: Vec<String>,
    /// Whether it says what it does.
    pub progress: Progress,
}

impl Options {
    /// A whole stack of a test's own: free ports, a temporary folder, one worker with all roles.
    ///
    /// # Errors
    /// When no port is free.
    pub fn for_tests() -> Result<Self> {
        let ports = Ports {
            redis: Port::free()?,
            postgres: Port::free()?,
            aws: Port::free()?,
            ivs: Port::free()?,
            workers: Port::free()?,
            edge: Port::free()?,
        };
        // Not below the checkout: PostgreSQL may run as an account that cannot reach it.
        let dir = std::env::temp_dir().join(format!("gavel-test-{}", secret::suffix()));
        Ok(Self { keep: false, durable: false, ..Self::new(dir, ports) })
    }

    /// Redis, PostgreSQL and the emulator with its resources for a test; no worker and no edge.
    ///
    /// # Errors
    /// When no port is free.
    pub fn services_for_tests() -> Result<Self> {
        Ok(Self { workers: Vec::new(), edge: false, ..Self::for_tests()? })
    }

    /// The stack of `make up`: its state is kept in `.local/`, steps are printed, and there are two workers,
    /// as there are wherever it matters.
    #[must_use]
    pub fn local(ports: Ports) -> Self {
        let workers = ["workers", "workers-2"].map(WorkerOptions::named).to_vec();
        Self { progress: Progress::Print, workers, ..Self::new(paths::local_dir(), ports) }
    }

    fn new(dir: PathBuf, ports: Ports) -> Self {
        Self {
            dir,
            keep: true,
            durable: true,
            ports,
            redis_nodes: 1,
            suffix: String::new(),
            maker: Maker::Ours,
            password: secret::password(),
            workers: vec![WorkerOptions::named("workers")],
            edge: true,
            edge_variables: Vec::new(),
            edge_args: ["--instances", "per-core"].map(str::to_owned).to_vec(),
            progress: Progress::Silent,
        }
    }
}
