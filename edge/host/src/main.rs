//! The `gavel-host` binary: parse, set up the log, run, map the outcome to an exit code.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use gavel_host::cli::{Cli, Command, LogFormat};
use gavel_host::up::{EXIT_USAGE, up};
use mimalloc::MiMalloc;
use tracing_subscriber::EnvFilter;

/// A request takes some two hundred small allocations, here and in the runtime: the system's allocator
/// would take a tenth of its time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let Command::Up(args) = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => return explain(&error),
    };
    init_log(args.log_format);
    // Only for what belongs to no core, such as signals: each core has a runtime of its own.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("gavel-host: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(up(args));
    // Whatever is still running after the drain has had its time.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = error.exit_code();
            let causes = anyhow::Error::from(error);
            eprintln!("gavel-host: {causes:#}");
            ExitCode::from(code)
        }
    }
}

/// Prints help, or what is wrong with the flags; the latter with the exit code of all bad input.
fn explain(error: &clap::Error) -> ExitCode {
    // Without an output to print to there is nobody to tell.
    drop(error.print());
    if error.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS }
}

fn init_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}
