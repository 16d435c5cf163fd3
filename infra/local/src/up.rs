//! `gavel-local up`: starts the stack, says how to use it, watches it, and stops it in order.
//!
//! Invariant: it never leaves a part running, and a part that dies is named with the end of its log.

use std::time::Instant;

use anyhow::{Result, bail};
use gavel_local::options::Ports;
use gavel_local::{Options, Port, Settings, Stack, limits, paths, ports};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::lock::{self, Lock};

/// Where the parts listen, on 127.0.0.1.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The edge: what clients talk to.
    #[arg(long, env = "GAVEL_EDGE_PORT", default_value_t = 3000)]
    edge_port: u16,
    /// The workers.
    #[arg(long, env = "GAVEL_WORKERS_PORT", default_value_t = 8081)]
    workers_port: u16,
    /// Redis.
    #[arg(long, env = "GAVEL_REDIS_PORT", default_value_t = 6390)]
    redis_port: u16,
    /// PostgreSQL.
    #[arg(long, env = "GAVEL_POSTGRES_PORT", default_value_t = 5440)]
    postgres_port: u16,
    /// The AWS emulator.
    #[arg(long, env = "GAVEL_AWS_PORT", default_value_t = 4566)]
    aws_port: u16,
    /// The fake of Amazon IVS.
    #[arg(long, env = "GAVEL_IVS_PORT", default_value_t = 4567)]
    ivs_port: u16,
}

pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let _lock = match lock::take()? {
        Lock::Theirs(pid) => {
            bail!("a stack is already running (process {pid}); `make down` stops it")
        }
        ours @ Lock::Ours(_) => ours,
    };
    arguments.refuse_taken_ports()?;
    let mut stop = StopSignals::new()?;
    let started = Instant::now();
    let options = Options::local(arguments.ports());
    remove_old_logs(&options);
    println!("Starting Redis, PostgreSQL, the AWS emulator, the workers and the edge");
    let mut stack = tokio::select! {
        stack = Stack::start(options) => stack?,
        () = stop.wait() => {
            println!("\nStopped while starting.");
            return Ok(());
        }
    };
    let env_file = paths::local_dir().join("stack.env");
    stack.settings.write(&env_file)?;
    println!("\nReady in {:.1} s.\n", started.elapsed().as_secs_f64());
    print_how_to_use(&stack.settings);

    let died = tokio::select! {
        died = watch(&mut stack) => Some(died),
        () = stop.wait() => None,
    };
    match &died {
        Some(error) => println!("\n{error:#}\n\nStopping the rest"),
        None => println!("\nStopping (once more to stop at once)"),
    }
    std::fs::remove_file(&env_file).ok();
    tokio::select! {
        stopped = stack.stop() => stopped?,
        () = stop.wait() => println!("Stopped at once."),
    }
    match died {
        Some(_) => bail!("a part of the stack ended by itself, see above"),
        None => Ok(()),
    }
}

impl Arguments {
    fn ports(&self) -> Ports {
        Ports {
            redis: Port::fixed(self.redis_port),
            postgres: Port::fixed(self.postgres_port),
            aws: Port::fixed(self.aws_port),
            ivs: Port::fixed(self.ivs_port),
            workers: Port::fixed(self.workers_port),
            edge: Port::fixed(self.edge_port),
        }
    }

    fn refuse_taken_ports(&self) -> Result<()> {
        let wanted = [
            (self.edge_port, "the edge", "GAVEL_EDGE_PORT"),
            (self.workers_port, "the workers", "GAVEL_WORKERS_PORT"),
            (self.redis_port, "Redis", "GAVEL_REDIS_PORT"),
            (self.postgres_port, "PostgreSQL", "GAVEL_POSTGRES_PORT"),
            (self.aws_port, "the AWS emulator", "GAVEL_AWS_PORT"),
            (self.ivs_port, "the fake IVS", "GAVEL_IVS_PORT"),
        ];
        let mut problems = Vec::new();
        for (place, (port, what, variable)) in wanted.into_iter().enumerate() {
            if let Some((_, other, _)) = wanted[..place].iter().find(|(taken, ..)| *taken == port) {
                problems.push(format!(
                    "port {port} is given to both {other} and {what}: set {variable}"
                ));
            } else if !ports::is_free(port) {
                problems.push(format!(
                    "port {port}, meant for {what}, is in use: set {variable} to a free one"
                ));
            }
        }
        match problems.is_empty() {
            true => Ok(()),
            false => bail!("nothing was started:\n  {}", problems.join("\n  ")),
        }
    }
}

/// The signals that end the stack.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    fn new() -> Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
        }
    }
}

/// Returns when a part has ended by itself.
async fn watch(stack: &mut Stack) -> anyhow::Error {
    let mut tick = tokio::time::interval(limits::WATCH_EVERY);
    loop {
        tick.tick().await;
        for service in stack.services() {
            if let Some(status) = service.process.ended() {
                return service.process.failure(&format!("ended by itself ({status})"));
            }
        }
    }
}

/// Each start has logs of its own. What cannot be removed is added to.
fn remove_old_logs(options: &Options) {
    let logs = std::fs::read_dir(options.dir.join("logs"));
    for log in logs.into_iter().flatten().flatten() {
        std::fs::remove_file(log.path()).ok();
    }
}

fn print_how_to_use(settings: &Settings) {
    let edge = &settings.edge_url;
    let program = own_path();
    let Settings { seller, bidder_1, bidder_2, admin, password, .. } = settings;
    println!(
        r#"Edge       {edge}
Accounts   {seller}, {bidder_1}, {bidder_2}, {admin}; password {password}
Settings   .local/stack.env     Logs   .local/logs/

Place a bid, from another shell in this folder:

  SELLER=$({program} token {seller})
  BIDDER=$({program} token {bidder_1})
  ID=$(curl -s {edge}/v1/auctions -H "authorization: Bearer $SELLER" -H 'content-type: application/json' \
    -d '{{"title":"Walnut desk","currency":"USD","starting_price":10000,"duration_s":600}}' \
    | grep -o '"id":"[^"]*"' | cut -d'"' -f4)
  curl -sw '\n' -X POST {edge}/v1/auctions/$ID/open -H "authorization: Bearer $SELLER"
  curl -sw '\n' {edge}/v1/auctions/$ID/bids -H "authorization: Bearer $BIDDER" -H 'content-type: application/json' \
    -H "idempotency-key: $(cat /proc/sys/kernel/random/uuid)" -d '{{"amount":12500}}'
  curl -sw '\n' {edge}/v1/auctions/$ID/state

or have all of it done and checked: make smoke

Ctrl-C (or `make down`) stops everything; auctions and bids are kept in .local/data/."#
    );
}

/// This program as one would type it from here.
fn own_path() -> String {
    let own = std::env::current_exe().unwrap_or_else(|_| "gavel-local".into());
    let here = std::env::current_dir().unwrap_or_default();
    own.strip_prefix(&here).unwrap_or(&own).display().to_string()
}
