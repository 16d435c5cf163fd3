//! A small fake of Amazon IVS (low latency): channels, stream keys, streams, timed metadata.
//!
//! It speaks the wire protocol of the real one (REST, JSON), with AWS's documented answers, error
//! codes and quotas, because no emulator of IVS has stream keys, `StopStream` or `PutMetadata`. It
//! carries no video: a test says when an encoder begins to send, and sees what was put into the
//! stream. Run as a process (`gavel-local fake-ivs`), or within a test. Invariant: whatever it
//! answers, AWS documents.

mod control;
mod failure;
mod quota;
mod state;
mod store;
mod wire;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use self::failure::Failure;
use self::state::State;
pub use self::state::{Call, Cue};
use crate::paths;
use crate::ports::Port;
use crate::process::Spec;
use crate::service::{Probe, Service};

/// The fake's state, shared by all that ask it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FakeIvs {
    state: Arc<Mutex<State>>,
    /// Where the channels are kept, if they are to survive.
    file: Option<Arc<PathBuf>>,
}

impl FakeIvs {
    /// An empty one that forgets everything when it ends.
    #[must_use]
    pub fn new() -> Self {
        Self { state: Arc::default(), file: None }
    }

    /// One that keeps its channels in `file`, also when it is killed.
    ///
    /// # Errors
    /// When the file is there and is not one of ours.
    pub fn kept_in(file: PathBuf) -> Result<Self> {
        let state = store::read(&file)?;
        Ok(Self { state: Arc::new(Mutex::new(state)), file: Some(Arc::new(file)) })
    }

    /// Serves on `listener` until it is dropped.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self, listener: TcpListener) -> Result<()> {
        axum::serve(listener, wire::router(self)).await.context("the fake IVS ended")
    }

    /// Serves on a free port until the given set of tasks is dropped; gives the URL.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(&self, tasks: &mut JoinSet<()>) -> Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let fake = self.clone();
        tasks.spawn(async move {
            if let Err(error) = fake.serve(listener).await {
                eprintln!("{error:#}");
            }
        });
        Ok(url)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the file, if there is one.
    fn keep(&self, state: &State) {
        if let Some(file) = &self.file
            && let Err(error) = store::write(file, state)
        {
            eprintln!("the channels are not kept: {error:#}");
        }
    }
}

impl Default for FakeIvs {
    fn default() -> Self {
        Self::new()
    }
}

/// The fake as a service on `port`, with its channels in `<dir>/ivs.json`; not started yet.
///
/// # Errors
/// When this program is not built.
pub fn service(dir: &Path, logs: &Path, port: Port) -> Result<Service> {
    let spec = Spec::new("ivs", paths::built("gavel-local")?, dir.to_path_buf(), logs);
    let file = dir.join("ivs.json").display().to_string();
    let number = port.number().to_string();
    let spec = spec.args(["fake-ivs", "--port", &number, "--file", &file]);
    let probe = Probe::HttpSuccess(format!("{}/_fake/ready", port.url()));
    Ok(Service::new(spec, probe, port))
}
