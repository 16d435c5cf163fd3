//! The command line. Names and defaults are Spin's wherever Spin has the flag.
//!
//! Parsing only; nothing here opens or reads anything.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::guest::core::Instances;
use crate::guest::worker::ReusePolicy;
use crate::limits::{
    CONNECTIONS_MAX, CORE_CONCURRENT_MAX, CORE_INSTANCE_REUSE_MAX, INSTANCE_CONCURRENT_REUSE_MAX,
    INSTANCE_REUSE_MAX,
};

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

    /// How many instances there are. With `per-core`, what an instance remembers of a user is
    /// complete: the component may be told so by a variable of its own.
    #[arg(long, value_enum, default_value_t = Instances::Spin)]
    pub instances: Instances,

    /// Threads that serve, each with a core's share of connections. Default: the cores there are.
    #[arg(long, value_name = "COUNT", value_parser = parse_count)]
    pub threads: Option<usize>,

    /// Requests an instance serves before it is dropped. One number; ranges as in Spin are refused.
    /// Default: 128 as in Spin, ten million with `--instances per-core`.
    #[arg(long, value_name = "COUNT", value_parser = parse_count)]
    pub max_instance_reuse_count: Option<usize>,

    /// Requests an instance serves at the same time. One number; ranges as in Spin are refused.
    /// Default: 16 as in Spin, 4096 with `--instances per-core`.
    #[arg(long, value_name = "COUNT", value_parser = parse_count)]
    pub max_instance_concurrent_reuse_count: Option<usize>,

    /// How long an idle instance is kept, such as 1s or 500ms. Without meaning for `per-core`.
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

    /// Folder for compiled components, which are run as they are found there: nobody else may write to it.
    /// Default: compiled, in the state folder.
    #[arg(long, value_name = "FOLDER")]
    pub cache_dir: Option<PathBuf>,

    /// Lets each operation of the key-value store take this much longer, as one across a network does.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_time)]
    pub store_latency: Duration,

    /// Names what was compiled in /tmp/perf-PID.map, where `perf` looks.
    #[arg(long)]
    pub perf_map: bool,

    /// Form of the log. What it holds is set by RUST_LOG (default: info).
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

impl UpArgs {
    /// How long and how often an instance is used.
    #[must_use]
    pub fn reuse(&self) -> ReusePolicy {
        let (requests, concurrent) = match self.instances {
            Instances::Spin => (INSTANCE_REUSE_MAX, INSTANCE_CONCURRENT_REUSE_MAX),
            Instances::PerCore => (CORE_INSTANCE_REUSE_MAX, CORE_CONCURRENT_MAX),
        };
        ReusePolicy {
            requests_max: self.max_instance_reuse_count.unwrap_or(requests),
            concurrent_max: self.max_instance_concurrent_reuse_count.unwrap_or(concurrent),
            idle_timeout: self.idle_instance_timeout,
            request_timeout: self.request_timeout,
        }
    }
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
        assert_eq!(args.instances, Instances::Spin);
        assert_eq!(args.reuse().requests_max, 128);
        assert_eq!(args.reuse().concurrent_max, 16);
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
