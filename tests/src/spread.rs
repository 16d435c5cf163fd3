//! A load balancer in front of several workers: each connection goes to the next one that accepts it.
//!
//! It passes bytes and knows nothing of HTTP, so it can neither repeat nor mend anything. A connection
//! to a worker that dies is cut, as a real balancer would cut it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A running balancer. Ends when dropped.
#[derive(Debug)]
pub struct Spread {
    /// Where it listens.
    pub url: String,
    workers: Arc<Mutex<Vec<SocketAddr>>>,
    _serving: JoinSet<()>,
}

impl Spread {
    /// A balancer in front of nobody yet: it hangs up on everybody.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let workers: Arc<Mutex<Vec<SocketAddr>>> = Arc::default();
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, workers.clone()));
        Ok(Self { url, workers, _serving: serving })
    }

    /// Spreads over these from now on.
    pub fn over(&self, workers: Vec<SocketAddr>) {
        *self.workers.lock().unwrap_or_else(PoisonError::into_inner) = workers;
    }
}

async fn serve(listener: TcpListener, workers: Arc<Mutex<Vec<SocketAddr>>>) {
    let turn = AtomicUsize::new(0);
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let mut workers = workers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !workers.is_empty() {
            let first = turn.fetch_add(1, Ordering::Relaxed) % workers.len();
            workers.rotate_left(first);
        }
        connections.spawn(connect(client, workers));
    }
}

/// Connects a client to the first worker that accepts, until either hangs up.
async fn connect(mut client: TcpStream, workers: Vec<SocketAddr>) {
    for worker in workers {
        if let Ok(mut worker) = TcpStream::connect(worker).await {
            // How a connection ends is between the two; there is nothing to add to it.
            copy_bidirectional(&mut client, &mut worker).await.ok();
            return;
        }
    }
}
