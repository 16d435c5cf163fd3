//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::limits::{NEW_TOKENS, NEW_TOKENS_MAX};
use crate::peers::Peer;
use crate::scenario::Scenario;

/// Measures what a bid costs at the edge, beside other proxies before the same upstream.
///
/// Everything runs on this machine and on the loopback device: the measured proxy alone on one core, the
/// load and the upstream on another. What is not installed is left out with a word why.
#[derive(Debug, Parser)]
#[command(name = "gavel-load", version)]
pub struct Options {
    /// Seconds of each closed loop and each open one.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = parse_seconds)]
    pub seconds: Duration,

    /// What is measured; all by default.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "PEER,…")]
    pub peers: Vec<Peer>,

    /// What is sent; all by default.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "SCENARIO,…")]
    pub scenarios: Vec<Scenario>,

    /// Tokens that are used once: the scenario with new tokens ends with them.
    #[arg(long, value_name = "COUNT", default_value_t = NEW_TOKENS, value_parser = parse_tokens)]
    pub new_tokens: usize,

    /// Requests that an instance serves in the rows where it lives as long as Spin's, instead of 128.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub reuse: Option<u32>,

    /// Instead of all that: how exactly the user's limit counts, with volleys of one user for the given
    /// time, and of 10,000 users.
    #[arg(long)]
    pub counts: bool,

    /// Also where the edge's time goes, by kind of work and by function; takes `perf`.
    #[arg(long, conflicts_with = "counts")]
    pub profile: bool,

    /// The manifest of the edge.
    #[arg(long = "from", value_name = "FILE", default_value = "spin.toml")]
    pub manifest: PathBuf,

    /// The program that serves it; by default the one that was built with this.
    #[arg(long, value_name = "PROGRAM")]
    pub gavel_host: Option<PathBuf>,

    /// A file for all figures, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..=600) => Ok(Duration::from_secs(seconds)),
        _ => Err("must be whole seconds from 1 to 600".into()),
    }
}

fn parse_tokens(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=NEW_TOKENS_MAX).contains(&count) => Ok(count),
        _ => Err(format!("must be a whole number from 1 to {NEW_TOKENS_MAX}")),
    }
}
