//! `gavel-local`: the stack of `make up` from the command line.
//!
//! Only parses arguments and says how it ended; the work is in the modules and the library.
//! Invariant: exit code 0 means done, 1 means it could not be done and why was said.

mod down;
mod furnish;
mod idle;
mod lock;
mod smoke;
mod status;
mod token;
mod up;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use gavel_local::ivs::FakeIvs;

/// Gavel's local stack: Redis, PostgreSQL, an AWS emulator, the workers and the edge.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything and stay in the foreground; Ctrl-C stops it.
    Up(up::Arguments),
    /// Stop a running stack.
    Down,
    /// Say whether a stack runs and which of its parts answer.
    Status,
    /// Measure what the running stack costs: CPU of each part, commands of Redis.
    Idle(idle::Arguments),
    /// Run one auction against the running stack and check every trace it leaves.
    Smoke,
    /// Serve a fake of Amazon IVS.
    FakeIvs {
        /// The address to listen on. It asks nobody who they are: 0.0.0.0 is for a container.
        #[arg(long, default_value_t = Ipv4Addr::LOCALHOST.into())]
        listen: IpAddr,
        /// The port.
        #[arg(long, default_value_t = 4567)]
        port: u16,
        /// Where channels are kept; without it, they end with the process.
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Make queues, tables, pool and accounts in an emulator that runs elsewhere, such as in Docker.
    Provision(furnish::Arguments),
    /// Print an access token of a sample account: seller, bidder-1, bidder-2 or admin.
    Token(token::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Up(arguments) => up::run(arguments).await,
        Command::Down => down::run().await,
        Command::Status => status::run().await,
        Command::Idle(arguments) => idle::run(arguments).await,
        Command::Smoke => smoke::run().await,
        Command::FakeIvs { listen, port, file } => fake_ivs(listen, port, file).await,
        Command::Provision(arguments) => furnish::run(arguments).await,
        Command::Token(arguments) => token::run(arguments).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gavel-local: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn fake_ivs(listen: IpAddr, port: u16, file: Option<PathBuf>) -> anyhow::Result<()> {
    let fake = file.map_or_else(|| Ok(FakeIvs::new()), FakeIvs::kept_in)?;
    let listener = tokio::net::TcpListener::bind((listen, port)).await?;
    let mut stop = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        served = fake.serve(listener) => served,
        _ = stop.recv() => Ok(()),
    }
}
