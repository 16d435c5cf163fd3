//! `gavel`: the regional workers. Reads the command line and the configuration, then hands over.
//!
//! Exit codes: 0 done, 64 the command line or the configuration is wrong, 70 it could not run.

use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use gavel_workers::api::contract;
use gavel_workers::config::{Config, DEFAULTS, InvalidConfig};
use gavel_workers::roles::{self, Role};
use gavel_workers::telemetry;

/// Exit code for a wrong command line or configuration (EX_USAGE).
const WRONG_USAGE: u8 = 64;
/// Exit code for a failure while starting or running (EX_SOFTWARE).
const FAILED: u8 = 70;

/// Gavel's regional workers: they own the live auctions, the queues, the history and the catalogue.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// A TOML file of settings; the environment overrides it. See `gavel defaults`.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the chosen roles until SIGTERM or Ctrl-C.
    Run {
        /// Which roles this process plays.
        #[arg(long, value_delimiter = ',', default_value = "all")]
        roles: Vec<Role>,
    },
    /// Bring the database's tables up to date, then exit.
    Migrate,
    /// Check the configuration, print it without its secrets, then exit.
    CheckConfig,
    /// Print every setting with its default and what it means.
    Defaults,
    /// Print the API's contract (OpenAPI 3.1, JSON), then exit.
    Openapi,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are errors to clap, but not to us.
            let code = if error.use_stderr() { WRONG_USAGE } else { 0 };
            let _unprintable = error.print();
            return ExitCode::from(code);
        }
    };
    match act(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gavel: {error:#}");
            let usage = error.is::<InvalidConfig>();
            ExitCode::from(if usage { WRONG_USAGE } else { FAILED })
        }
    }
}

fn act(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Defaults => return print(DEFAULTS),
        Command::Openapi => return print(&contract()),
        Command::Run { .. } | Command::Migrate | Command::CheckConfig => {}
    }
    let file = arguments.config.map(|path| {
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    });
    let config = Config::read(file.transpose()?.as_deref(), |name| std::env::var(name).ok())?;
    if matches!(arguments.command, Command::CheckConfig) {
        println!("the configuration is valid\n{config:#?}");
        return Ok(());
    }
    telemetry::start_logs(config.log_format, &config.log_filter);
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        match arguments.command {
            Command::Run { roles } => roles::run(config, &roles).await,
            Command::Migrate => roles::migrate(&config).await,
            Command::CheckConfig | Command::Defaults | Command::Openapi => Ok(()),
        }
    })
}

/// Prints `text`. A reader that has seen enough, such as `head`, is no failure.
fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot print"),
        _ => Ok(()),
    }
}
