//! `gavel-host up`: check everything, then bind, then serve until told to stop.
//!
//! The order is the point: no socket is opened before the manifest, the variables and the components
//! are known to be good.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Barrier, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::manifest::{self, ManifestError};
use crate::app::variables::{self, VariableError};
use crate::app::{self, LoadError};
use crate::cli::UpArgs;
use crate::guest::core;
use crate::guest::engine::{self, EpochClock};
use crate::inbound::serve::Serving;
use crate::inbound::thread;
use crate::outbound::OutboundClient;

/// The exit code where what the user gave is at fault: `EX_USAGE` of sysexits.h.
pub const EXIT_USAGE: u8 = 64;

/// Why `up` did not serve.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// The manifest cannot be run.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Variables are missing or unknown.
    #[error("{}", list(.0))]
    Variables(Vec<VariableError>),
    /// The application could not be loaded.
    #[error(transparent)]
    Load(LoadError),
    /// The address could not be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system refused a thread, a signal handler or the standard output.
    #[error("cannot start")]
    System(#[from] std::io::Error),
}

impl From<LoadError> for UpError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Manifest(error) => Self::Manifest(error),
            other => Self::Load(other),
        }
    }
}

impl UpError {
    /// The exit code: [`EXIT_USAGE`] where what the user gave is at fault, 1 otherwise.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Manifest(_) | Self::Variables(_) => EXIT_USAGE,
            Self::Load(_) | Self::Listen { .. } | Self::System(_) => 1,
        }
    }
}

fn list(errors: &[VariableError]) -> String {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// Runs until SIGTERM or SIGINT and the end of the drain.
///
/// # Errors
/// [`UpError`], always before the first request was accepted.
pub async fn up(args: UpArgs) -> Result<(), UpError> {
    let manifest = manifest::load(&args.manifest)?;
    let environment = variables::environment(Path::new(".env"))
        .map_err(|error| UpError::Variables(vec![error]))?;
    let values =
        variables::resolve(&manifest, &args.variables, environment).map_err(UpError::Variables)?;
    let policy = args.reuse();
    let default_state_dir = args.manifest.parent().unwrap_or(Path::new("")).join(".spin");
    let state_dir = args.state_dir.unwrap_or(default_state_dir);
    let cache_dir = args.cache_dir.unwrap_or_else(|| state_dir.join("compiled"));
    let engine = engine::engine(&cache_dir, args.perf_map).map_err(LoadError::Runtime)?;
    let app = app::load(
        &args.manifest,
        &manifest,
        &values,
        &state_dir,
        args.store_latency,
        policy,
        &engine,
    )?;
    let clock = EpochClock::start(engine)?;

    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    stop_on_signals(&tasks, stop.clone())?;
    let listen = |source| UpError::Listen { address: args.listen, source };
    let listener = TcpListener::bind(args.listen).await.map_err(listen)?;
    let listener = listener.into_std().map_err(listen)?;
    let cores = args.threads.or_else(|| std::thread::available_parallelism().ok().map(usize::from));
    let cores = cores.unwrap_or(1);
    let serving = Serving {
        connections: Arc::new(Semaphore::new(args.max_connections)),
        request_timeout: args.request_timeout,
        stop,
        drain_timeout: args.drain_timeout,
        drained: Arc::new(Barrier::new(cores)),
    };
    let mut threads = Vec::new();
    for seat in core::seats(app, args.instances, cores) {
        let client = OutboundClient::new().map_err(LoadError::Tls)?;
        let listener = listener.try_clone().map_err(listen)?;
        threads.push(thread::start(seat, client, listener, serving.clone())?);
    }
    announce(listener.local_addr()?)?;
    drop(listener);
    for thread in threads {
        // One that panicked has said so.
        drop(thread.await);
    }
    drop(clock);
    Ok(())
}

/// Tells whoever started the host where it listens. The only line it ever prints on standard output.
fn announce(address: SocketAddr) -> std::io::Result<()> {
    tracing::info!(%address, "serving");
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "Serving http://{address}")?;
    stdout.flush()
}

/// The first SIGTERM or SIGINT begins the drain; the second ends the process at once.
fn stop_on_signals(tasks: &TaskTracker, stop: CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tasks.spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if stop.is_cancelled() {
                tracing::warn!("second signal: leaving without draining");
                std::process::exit(1);
            }
            stop.cancel();
        }
    });
    Ok(())
}
