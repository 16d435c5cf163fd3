//! What a bid costs at the edge, beside HAProxy, Envoy and nginx before the same upstream, in one run.
//!
//! It measures and never judges: no figure here fails anything.

pub mod answers;
pub mod client;
pub mod closed;
pub mod cores;
pub mod counts;
pub mod cpu;
pub mod limits;
pub mod measure;
pub mod open;
pub mod options;
pub mod peers;
pub mod process;
pub mod profile;
pub mod report;
pub mod scenario;
pub mod schedule;
pub mod tokens;
pub mod upstream;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ValueEnum as _;
use serde_json::{Value, json};
use tokio::task::LocalSet;

use crate::cores::Cores;
use crate::counts::Counted;
use crate::limits::COUNTED_USERS;
use crate::measure::Rested;
use crate::options::Options;
use crate::peers::{Peer, Running, Setup};
use crate::profile::Sampling;
use crate::scenario::{Limits, Scenario};
use crate::tokens::{Issuer, Tokens};
use crate::upstream::Upstream;

/// Measures what `options` ask for, and prints it.
///
/// # Errors
/// When something that is installed does not start, or a file cannot be written.
pub fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(LocalSet::new().run_until(measure_all(options)))
}

async fn measure_all(options: &Options) -> Result<()> {
    let cores = Cores::choose()?;
    println!("{}", cores::machine());
    if !cores.are_apart() {
        println!("only one core: the load and the proxy share it, and rates say nothing");
    }
    if let Ok(value) = env::var("RUST_BACKTRACE") {
        println!("RUST_BACKTRACE={value}");
    }
    let issuer = Issuer::new()?;
    let tokens = issuer.mint(limits::USERS, options.new_tokens)?;
    cores::pin(cores.load)?;
    let key_set = issuer.key_set();
    let upstream = Upstream::start(cores.load, &key_set)?;
    let pem = issuer.pem()?;
    let manifest = fs::canonicalize(&options.manifest)
        .with_context(|| format!("finding {}", options.manifest.display()))?;
    let gavel_host = gavel_host(options)?;
    let setup = Setup {
        cores,
        upstream: upstream.address(),
        pem: &pem,
        key_set: &key_set,
        manifest: &manifest,
        gavel_host: &gavel_host,
        reuse: options.reuse,
        profile: options.profile,
    };

    let peers = available(options, &setup);
    let bench = Bench { options, setup, tokens: &tokens, upstream: &upstream };
    let figures = if options.counts {
        json!({"counts": bench.counts(&peers).await?})
    } else {
        bench.costs(&peers).await?
    };
    if let Some(path) = &options.json {
        let all = json!({"machine": cores::machine(), "figures": figures});
        let text = serde_json::to_string_pretty(&all)?;
        fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

struct Bench<'a> {
    options: &'a Options,
    setup: Setup<'a>,
    tokens: &'a Tokens,
    upstream: &'a Upstream,
}

impl Bench<'_> {
    /// Every scenario at every peer, one peer after another, so that what the machine does meanwhile
    /// meets all of them.
    async fn costs(&self, peers: &[Peer]) -> Result<Value> {
        let (tokens, upstream, length) = (self.tokens, self.upstream, self.options.seconds);
        let mut running: HashMap<(Peer, Limits), Running> = HashMap::new();
        let mut results: Vec<Value> = Vec::new();
        for scenario in chosen(&self.options.scenarios, &Scenario::ALL) {
            let (mut measured, mut delayed, mut profiles) = (Vec::new(), Vec::new(), Vec::new());
            for peer in peers.iter().copied().filter(|peer| peer.can(scenario)) {
                let key = (peer, scenario.limits());
                let one: &Running = match running.entry(key) {
                    Entry::Occupied(entry) => entry.into_mut(),
                    Entry::Vacant(place) => place.insert(self.start(peer, key.1).await?),
                };
                let cost = measure::closed_loop(one, scenario, tokens, upstream, length).await?;
                if scenario.has_latency() {
                    let rate = cost.bids_per_s;
                    let delay = measure::open_loop(one, scenario, tokens, upstream, length, rate);
                    delayed.push(delay.await);
                }
                if self.options.profile && peer.is_ours() && scenario.has_latency() {
                    let sampling = Sampling::start(&one.process.family())?;
                    measure::closed_loop(one, scenario, tokens, upstream, length).await?;
                    let profile = sampling.stop()?;
                    println!("\n{}: {}\n", peer.title(), scenario.title());
                    println!("{}", profile.tables(cost.cpu_ns_per_bid));
                    profiles.push(json!({"peer": cost.peer, "profile": profile}));
                }
                measured.push(cost);
            }
            if measured.is_empty() {
                continue;
            }
            println!("\n{}\n\n{}", scenario.title(), report::closed_loop(&measured));
            if !delayed.is_empty() {
                println!("{}, at half its rate\n", scenario.title());
                println!("{}", report::open_loop(&delayed));
            }
            results.push(json!({
                "scenario": scenario.name(), "closed_loop": measured, "open_loop": delayed,
                "profiles": profiles,
            }));
        }
        let high = peers.iter().filter_map(|peer| running.get(&(*peer, Limits::High)));
        let rested: Vec<Rested> = high.map(Rested::read).collect::<Result<_>>()?;
        println!("\nmemory\n\n{}", report::memory(&rested));
        Ok(json!({"scenarios": results, "memory": rested}))
    }

    /// How exactly limits count, where they are buckets.
    async fn counts(&self, peers: &[Peer]) -> Result<Vec<Counted>> {
        let mut counted = Vec::new();
        for peer in peers.iter().copied().filter(|peer| peer.has_bucket()) {
            let (title, tokens) = (peer.title(), self.tokens);
            let tight = self.start(peer, Limits::Tight).await?;
            let length = self.options.seconds;
            counted.push(counts::one_key(title, tight.address, tokens, length).await);
            drop(tight);
            let slow = self.start(peer, Limits::Slow).await?;
            let users = &tokens.new[..tokens.new.len().min(COUNTED_USERS)];
            counted.push(counts::many_keys(title, slow.address, tokens, users).await);
        }
        println!("\nbids of users over their limit\n\n{}", report::counts(&counted));
        Ok(counted)
    }

    async fn start(&self, peer: Peer, limits: Limits) -> Result<Running> {
        Running::start(peer, &self.setup, limits, self.tokens).await
    }
}

/// The peers that are installed; says which are not.
fn available(options: &Options, setup: &Setup<'_>) -> Vec<Peer> {
    let mut available = Vec::new();
    for peer in chosen(&options.peers, Peer::value_variants()) {
        match peer.version(setup) {
            Ok(version) => {
                println!("{}: {version}", peer.title());
                available.push(peer);
            }
            Err(error) => println!("{}: left out, {error:#}", peer.title()),
        }
    }
    available
}

fn chosen<T: Copy>(asked: &[T], all: &[T]) -> Vec<T> {
    if asked.is_empty() { all.to_vec() } else { asked.to_vec() }
}

/// The one asked for, or that of the build that made this program.
fn gavel_host(options: &Options) -> Result<PathBuf> {
    if let Some(program) = &options.gavel_host {
        return fs::canonicalize(program).with_context(|| format!("finding {}", program.display()));
    }
    Ok(env::current_exe().context("finding the running program")?.with_file_name("gavel-host"))
}
