//! The command line. Names and defaults are Spin's wherever Spin has the flag.
//!
//! Parsing only; nothing here opens or reads anything.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::limits::{CONNECTIONS_MAX, INSTANCE_CONCURRENT_REUSE_MAX, INSTANCE_REUSE_MAX};

/// Runs a Spin application natively on Wasmtime, where Spin is not installed.
///
/// It serves the same components, byte for byte, as `spin up`, and refuses at start whatever part of
/// the manifest it does not support.
#[derive(Debug, Parser)]
#[command(name = "gavel-host", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What gavel-host can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the application of a spin.toml over HTTP until SIGTERM or Ctrl-C.
    ///
    /// Prints `Serving http://…` on standard output once it accepts requests; logs go to standard
    /// error. Exits with 64 where the manifest, a component or a variable is at fault.
    Up(UpArgs),
}

/// The flags of `gavel-host up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// The manifest.
    #[arg(long = "from", short = 'f', value_name = "FILE", default_value = "spin.toml")]
    pub manifest: PathBuf,

    /// Address and port to listen on; port 0 takes any free one.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "SPIN_HTTP_LISTEN_ADDR",
        default_value = "127.0.0.1:3000"
    )]
    pub listen: SocketAddr,

    /// The value of a variable of the manifest; may be given many times. Without it
    /// SPIN_VARIABLE_<NAME> counts, in the environment or in the file .env, then the default.
    #[arg(long = "variable", value_name = "NAME=VALUE", value_parser = parse_pair)]
    pub variables: Vec<(String, String)>,

    /// Requests an instance serves before it is dropped. One number; ranges as in Spin are refused.
    #[arg(long, value_name = "COUNT", default_value_t = INSTANCE_REUSE_MAX, value_parser = parse_count)]
    pub max_instance_reuse_count: usize,

    /// Requests an instance serves at the same time. One number; ranges as in Spin are refused.
    #[arg(long, value_name = "COUNT", default_value_t = INSTANCE_CONCURRENT_REUSE_MAX, value_parser = parse_count)]
    pub max_instance_concurrent_reuse_count: usize,

    /// How long an idle instance is kept, such as 1s or 500ms.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_time)]
    pub idle_instance_timeout: Duration,

    /// How long a component may take to begin its response before the client gets 504.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_positive_time)]
    pub request_timeout: Duration,

    /// How long requests in flight may take to finish after SIGTERM or Ctrl-C.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    pub drain_timeout: Duration,

    /// Client connections served at once; more wait.
    #[arg(long, value_name = "COUNT", default_value_t = CONNECTIONS_MAX, value_parser = parse_count)]
    pub max_connections: usize,

    /// Folder for the key-value store. Default: .spin next to the manifest.
    #[arg(long, value_name = "FOLDER")]
    pub state_dir: Option<PathBuf>,

    /// Form of the log. What it holds is set by RUST_LOG (default: info).
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=');
    if text.starts_with('@') || pair.is_some_and(|(_, value)| value.starts_with('@')) {
        return Err("values in files are not supported by gavel-host; Spin does".into());
    }
    let (name, value) = pair.ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn parse_count(text: &str) -> Result<usize, String> {
    if text.contains("..") {
        return Err("ranges are not supported by gavel-host; Spin does: give one number".into());
    }
    match text.parse() {
        Ok(0) | Err(_) => Err("must be a whole number from 1".into()),
        Ok(count) => Ok(count),
    }
}

/// Spin's times: a whole number with `s`, `ms`, `us` or `ns`; without a unit it is seconds.
fn parse_time(text: &str) -> Result<Duration, String> {
    if text.contains("..") {
        return Err("ranges are not supported by gavel-host; Spin does: give one time".into());
    }
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 =
        number.parse().map_err(|_| "must be a whole number with s, ms, us or ns, such as 500ms")?;
    match unit {
        "" | "s" => Ok(Duration::from_secs(number)),
        "ms" => Ok(Duration::from_millis(number)),
        "us" | "μs" => Ok(Duration::from_micros(number)),
        "ns" => Ok(Duration::from_nanos(number)),
        _ => Err(format!("{unit:?} is no unit of time: use s, ms, us or ns")),
    }
}

fn parse_positive_time(text: &str) -> Result<Duration, String> {
    match parse_time(text)? {
        Duration::ZERO => Err("must be more than nothing".into()),
        time => Ok(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{DRAIN_TIMEOUT, IDLE_INSTANCE_TIMEOUT, REQUEST_TIMEOUT};

    fn up(args: &[&str]) -> Result<UpArgs, clap::Error> {
        let Command::Up(args) =
            Cli::try_parse_from(["gavel-host", "up"].iter().chain(args))?.command;
        Ok(args)
    }

    #[test]
    fn defaults_are_those_of_spin() {
        let args = up(&[]).unwrap();
        assert_eq!(args.max_instance_reuse_count, 128);
        assert_eq!(args.max_instance_concurrent_reuse_count, 16);
        assert_eq!(args.idle_instance_timeout, IDLE_INSTANCE_TIMEOUT);
        assert_eq!(args.request_timeout, REQUEST_TIMEOUT);
        assert_eq!(args.drain_timeout, DRAIN_TIMEOUT);
        assert_eq!(args.manifest, PathBuf::from("spin.toml"));
    }

    #[test]
    fn times_carry_units_and_variables_may_hold_equal_signs() {
        let args = up(&[
            "--request-timeout",
            "1500ms",
            "--idle-instance-timeout",
            "2",
            "--variable",
            "k=a=b",
        ])
        .unwrap();
        assert_eq!(args.request_timeout, Duration::from_millis(1500));
        assert_eq!(args.idle_instance_timeout, Duration::from_secs(2));
        assert_eq!(args.variables, [("k".to_owned(), "a=b".to_owned())]);
    }

    #[test]
    fn ranges_and_nonsense_are_refused_by_name() {
        let error = |args: &[&str]| up(args).unwrap_err().to_string();
        assert!(
            error(&["--max-instance-reuse-count", "1..8"]).contains("ranges are not supported")
        );
        assert!(error(&["--idle-instance-timeout", "1..8s"]).contains("ranges are not supported"));
        assert!(error(&["--max-instance-reuse-count", "0"]).contains("from 1"));
        assert!(error(&["--request-timeout", "0s"]).contains("more than nothing"));
        assert!(error(&["--request-timeout", "1h"]).contains("no unit of time"));
        assert!(error(&["--variable", "novalue"]).contains("NAME=VALUE"));
        for file in ["k=@file.txt", "@file.json", "@a=b.toml"] {
            assert!(error(&["--variable", file]).contains("values in files"), "{file}");
        }
    }
}
