//! Accepts connections, speaks HTTP/1.1 on them, and drains them on request.
//!
//! It neither looks at paths nor at bodies. The invariant: once told to stop it accepts nothing new,
//! lets requests in flight finish up to a limit, and then returns.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Barrier, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::inbound::respond::Responder;
use crate::limits::{ACCEPT_RETRY_PAUSE, HEADER_BYTES_MAX, HEADER_READ_TIMEOUT, HEADERS_MAX};

/// How to serve; the same for all cores.
#[derive(Debug, Clone)]
pub struct Serving {
    /// A slot for each connection, of all cores.
    pub connections: Arc<Semaphore>,
    /// How long a component may take to begin its response.
    pub request_timeout: Duration,
    /// Cancelled when it is time to stop.
    pub stop: CancellationToken,
    /// How long requests in flight may take then.
    pub drain_timeout: Duration,
    /// Where the cores wait for each other when they have drained: until then, one may be asked what
    /// has been dispatched to it.
    pub drained: Arc<Barrier>,
}

/// Serves until it is told to stop, then drains.
pub async fn serve(listener: TcpListener, responder: Responder, serving: Serving) {
    let Serving { connections: slots, stop, drain_timeout, drained, .. } = serving;
    let responder = Arc::new(responder);
    let connections = TaskTracker::new();
    while let Some((stream, client, slot)) = next(&listener, &slots, &stop).await {
        connections.spawn(converse(stream, client, Arc::clone(&responder), stop.clone(), slot));
    }
    drop(listener);
    connections.close();
    tracing::info!(connections = connections.len(), "draining");
    match timeout(drain_timeout, connections.wait()).await {
        Ok(()) => tracing::info!("drained"),
        Err(_) => tracing::warn!(
            connections = connections.len(),
            "drain time is over: closing connections"
        ),
    }
    drained.wait().await;
}

/// The next connection, once there is a slot for it; `None` when it is time to stop.
async fn next(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    loop {
        let accepted = async {
            let slot =
                Arc::clone(slots).acquire_owned().await.expect("the semaphore is never closed");
            listener.accept().await.map(|(stream, client)| (stream, client, slot))
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            accepted = accepted => match accepted {
                Ok(accepted) => return Some(accepted),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_RETRY_PAUSE).await;
                }
            }
        }
    }
}

/// Serves one connection until the client leaves or the host stops.
async fn converse(
    stream: TcpStream,
    client: SocketAddr,
    responder: Arc<Responder>,
    stop: CancellationToken,
    slot: OwnedSemaphorePermit,
) {
    let server = match stream.local_addr() {
        Ok(server) => server,
        Err(error) => return tracing::debug!(%client, %error, "connection without an address"),
    };
    // Responses are small: waiting to fill a packet only adds latency.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%client, %error, "cannot set TCP_NODELAY");
    }
    let service = service_fn(move |request: Request<Incoming>| {
        let responder = Arc::clone(&responder);
        async move { Ok::<_, Infallible>(responder.respond(request, client, server).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let mut draining = false;
    let result = loop {
        tokio::select! {
            result = connection.as_mut() => break result,
            () = stop.cancelled(), if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%client, error = ?error, "connection ended early");
    }
    drop(slot);
}
