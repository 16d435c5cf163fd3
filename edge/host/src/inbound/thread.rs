//! A core's thread: its runtime, on which it serves connections and runs instances.

use std::net::TcpListener as StdListener;

use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::guest::core::Seat;
use crate::inbound::respond::Responder;
use crate::inbound::serve::{Serving, serve};
use crate::outbound::OutboundClient;

/// Starts a thread that accepts from `listener`, which other threads do as well, until it is told to
/// stop and has drained. What it gives resolves then.
///
/// # Errors
/// If the system gives no thread, or no means to wait for sockets.
pub fn start(
    seat: Seat,
    client: OutboundClient,
    listener: StdListener,
    serving: Serving,
) -> std::io::Result<oneshot::Receiver<()>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (ended, ends) = oneshot::channel();
    std::thread::Builder::new().name("core".into()).spawn(move || {
        runtime.block_on(async {
            match TcpListener::from_std(listener) {
                Ok(listener) => {
                    let responder = Responder::new(seat.take(&client), serving.request_timeout);
                    serve(listener, responder, serving).await;
                }
                Err(error) => tracing::error!(%error, "cannot listen on this core"),
            }
        });
        // Whatever is still running after the drain has had its time.
        runtime.shutdown_background();
        let _waited_for = ended.send(());
    })?;
    Ok(ends)
}
