//! What is measured, one row each: how each is set up to do the same to a bid, and what it cannot do.
//!
//! All verify the token's signature (RS256), its issuer and its end, limit an address and a user, and
//! forward the bid over kept connections. The edge does more: it checks the other claims, headers and
//! body, and signs what it forwards. Two do nothing but forward, to show what the runtime and
//! Spin's SDK take.

mod envoy;
mod gavel;
mod haproxy;
mod nginx;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde_json::Value;

use crate::client::Connection;
use crate::cores::Cores;
use crate::cpu::Memory;
use crate::limits::{READY_POLL, READY_WITHIN};
use crate::process::{Launch, Process};
use crate::scenario::{Limits, Requests, Scenario};
use crate::tokens::Tokens;

/// A row of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
pub enum Peer {
    /// HAProxy.
    Haproxy,
    /// Envoy with its token cache.
    Envoy,
    /// nginx with a JWT module.
    Nginx,
    /// `gavel-host` with one long-lived instance, which counts in its memory, on one thread.
    GavelHost,
    /// `gavel-host` whose instances live as long as Spin's, and count in the key-value store.
    GavelHostSpinReuse,
    /// The same with a store across a network.
    GavelHostSlowStore,
    /// The least that a component can do and forward, under `gavel-host` with instances as Spin's.
    Forwarder,
    /// A component that only forwards, written as Spin's SDK has it, in the same way.
    ForwarderSdk,
    /// `spin up`, where Spin is installed.
    Spin,
}

/// What every peer is told.
#[derive(Debug)]
pub struct Setup<'a> {
    /// Who runs where.
    pub cores: Cores,
    /// What to forward to.
    pub upstream: SocketAddr,
    /// The key as PEM.
    pub pem: &'a str,
    /// The key as a set.
    pub key_set: &'a Value,
    /// The manifest of the edge.
    pub manifest: &'a Path,
    /// The program that serves it natively.
    pub gavel_host: &'a Path,
    /// Requests that an instance serves where it lives as long as Spin's; Spin's own number by default.
    pub reuse: Option<u32>,
    /// Whether its functions are to have names for `perf`.
    pub profile: bool,
}

impl Peer {
    /// As its rows are headed.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Haproxy => "HAProxy",
            Self::Envoy => "Envoy, token cache",
            Self::Nginx => "nginx, JWT module",
            Self::GavelHost => "gavel-host, per core",
            Self::GavelHostSpinReuse => "gavel-host, Spin's reuse",
            Self::GavelHostSlowStore => "gavel-host, slow store",
            Self::Forwarder => "bare forwarder, Spin's reuse",
            Self::ForwarderSdk => "SDK forwarder, Spin's reuse",
            Self::Spin => "Spin",
        }
    }

    /// Whether it runs a component.
    #[must_use]
    pub fn is_ours(self) -> bool {
        !matches!(self, Self::Haproxy | Self::Envoy | Self::Nginx)
    }

    /// Whether it does with `scenario` what the edge does.
    #[must_use]
    pub fn can(self, scenario: Scenario) -> bool {
        match self {
            Self::Forwarder | Self::ForwarderSdk => scenario.is_forwarded(),
            _ => self.is_ours() || scenario != Scenario::Malformed,
        }
    }

    /// Whether its limit is a bucket that is full at first and fills steadily, as the edge's.
    #[must_use]
    pub fn has_bucket(self) -> bool {
        !matches!(self, Self::Haproxy | Self::Nginx | Self::Forwarder | Self::ForwarderSdk)
    }

    /// Its version.
    ///
    /// # Errors
    /// When it is not installed.
    pub fn version(self, setup: &Setup<'_>) -> Result<String> {
        match self {
            Self::Haproxy => first_line(&haproxy::program()?, "-v"),
            Self::Envoy => first_line(&envoy::program(), "--version"),
            Self::Nginx => first_line(&nginx::program(), "-v"),
            Self::GavelHost | Self::GavelHostSpinReuse | Self::GavelHostSlowStore => {
                first_line(setup.gavel_host, "--version")
            }
            Self::Forwarder | Self::ForwarderSdk => {
                gavel::forwarder_component(self == Self::ForwarderSdk)?;
                first_line(setup.gavel_host, "--version")
            }
            Self::Spin => first_line(Path::new("spin"), "--version"),
        }
    }

    fn launch(
        self,
        setup: &Setup<'_>,
        limits: Limits,
        listen: SocketAddr,
        dir: &Path,
    ) -> Result<Launch> {
        match self {
            Self::Haproxy => haproxy::launch(setup, limits, listen, dir),
            Self::Envoy => envoy::launch(setup, limits, listen, dir),
            Self::Nginx => nginx::launch(setup, limits, listen, dir),
            Self::GavelHost => gavel::host(setup, limits, listen, dir, &gavel::PER_CORE),
            Self::GavelHostSpinReuse => gavel::host(setup, limits, listen, dir, &gavel::SPIN),
            Self::GavelHostSlowStore => gavel::host(setup, limits, listen, dir, &gavel::SLOW_STORE),
            Self::Forwarder => gavel::forwarder(setup, listen, dir, false),
            Self::ForwarderSdk => gavel::forwarder(setup, listen, dir, true),
            Self::Spin => gavel::spin(setup, limits, listen, dir),
        }
    }
}

/// A peer that answers.
#[derive(Debug)]
pub struct Running {
    /// Which it is.
    pub peer: Peer,
    /// Where it listens.
    pub address: SocketAddr,
    /// The program. Before the folder, so that it is stopped before that is removed.
    pub process: Process,
    /// From its start until it forwarded a bid.
    pub ready_after: Duration,
    /// Its memory then.
    pub at_start: Memory,
    _dir: tempfile::TempDir,
}

impl Running {
    /// Starts it and waits until it forwards a bid.
    ///
    /// # Errors
    /// When it does not.
    pub async fn start(
        peer: Peer,
        setup: &Setup<'_>,
        limits: Limits,
        tokens: &Tokens,
    ) -> Result<Self> {
        let title = peer.title();
        let dir = tempfile::Builder::new().prefix("gavel-load-").tempdir().context("a folder")?;
        let address = free_address()?;
        let launch = peer.launch(setup, limits, address, dir.path())?;
        let began = Instant::now();
        let mut process = Process::start(&launch, setup.cores, dir.path())?;
        let mut last = "it does not listen".to_owned();
        loop {
            if process.listens(address).with_context(|| format!("starting {title}"))? {
                match first_bid(address, tokens).await {
                    Ok(201) => break,
                    Ok(status) => last = format!("it answers {status}"),
                    Err(error) => last = format!("{error:#}"),
                }
            }
            if began.elapsed() > READY_WITHIN {
                bail!("{title} forwards no bid: {last}; its log:\n{}", process.log_end());
            }
            tokio::time::sleep(READY_POLL).await;
        }
        let (ready_after, at_start) = (began.elapsed(), process.memory()?);
        Ok(Self { peer, address, process, ready_after, at_start, _dir: dir })
    }
}

async fn first_bid(address: SocketAddr, tokens: &Tokens) -> Result<u16> {
    let requests = Requests::new(Scenario::OneToken, tokens, &address.to_string());
    // Not the first user, whose limit may be measured.
    let user = tokens.users.last().context("no user")?;
    Connection::new(address).send(requests.of(user)).await
}

/// An address of the loopback device that nobody listens at.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0").context("a free port")?.local_addr()?)
}

fn first_line(program: &Path, argument: &str) -> Result<String> {
    let output = Command::new(program).arg(argument).output();
    let output = output.with_context(|| format!("{} is not installed", program.display()))?;
    // nginx speaks on standard error.
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.next().unwrap_or("unknown version").to_owned())
}

/// The checkout that this was built from.
fn checkout() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Where `infra/local/install bench` puts its programs.
fn installed(name: &str) -> PathBuf {
    checkout().join(".local/venv/envoy/bin").join(name)
}

fn write(dir: &Path, name: &str, text: &str) -> Result<String> {
    let path = dir.join(name);
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    Ok(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_forwards_is_sent_nothing_that_the_edge_refuses() {
        for scenario in Scenario::ALL {
            assert!(Peer::GavelHostSpinReuse.can(scenario), "{scenario:?}");
            for forwarder in [Peer::Forwarder, Peer::ForwarderSdk] {
                assert_eq!(forwarder.can(scenario), scenario.is_forwarded(), "{scenario:?}");
                assert!(!forwarder.has_bucket());
            }
        }
    }
}
