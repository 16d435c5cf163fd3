//! What the proxies forward to: answers every bid at once with a receipt as a worker would send it, and
//! counts, so that a lost or a doubled bid is noticed. It checks nothing. It also publishes the key
//! set, as Cognito does.
//!
//! One thread, on the load generator's core.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::{JoinSet, LocalSet};

use crate::cores;

/// The running upstream. It ends with the process.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    bids: Arc<AtomicU64>,
}

impl Upstream {
    /// Starts it on a free port of the loopback device.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start(core: usize, key_set: &serde_json::Value) -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").context("the upstream's port")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let bids = Arc::new(AtomicU64::new(0));
        let answers = Answers {
            bids: Arc::clone(&bids),
            receipt: Bytes::from(receipt()),
            key_set: Bytes::from(key_set.to_string()),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        thread::Builder::new().name("upstream".to_owned()).spawn(move || {
            if let Err(error) = cores::pin(core) {
                eprintln!("gavel-load: the upstream stays where it is: {error:#}");
            }
            runtime.block_on(LocalSet::new().run_until(serve(listener, answers)))
        })?;
        Ok(Self { address, bids })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bids it has answered.
    #[must_use]
    pub fn bids(&self) -> u64 {
        self.bids.load(Ordering::Relaxed)
    }
}

#[derive(Clone)]
struct Answers {
    bids: Arc<AtomicU64>,
    receipt: Bytes,
    key_set: Bytes,
}

impl Answers {
    async fn to(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let is_bid = request.method() == Method::POST;
        // A body that breaks off makes no bid.
        let whole = request.into_body().collect().await.is_ok();
        let (status, body) = match is_bid {
            true if whole => {
                self.bids.fetch_add(1, Ordering::Relaxed);
                (StatusCode::CREATED, self.receipt)
            }
            true => (StatusCode::BAD_REQUEST, Bytes::new()),
            false => (StatusCode::OK, self.key_set),
        };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        Ok(response)
    }
}

async fn serve(listener: std::net::TcpListener, answers: Answers) -> Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answers = answers.clone();
        let service = service_fn(move |request| answers.clone().to(request));
        connections
            .spawn_local(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        while connections.try_join_next().is_some() {}
    }
}

/// A receipt such as a worker sends.
fn receipt() -> String {
    json!({
        "bid_id": "019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b",
        "auction_id": "use1_019a2b3c-0000-7abc-8def-0123456789ab",
        "seq": 1_842, "status": "leading", "amount": 125_000, "price": 122_500,
        "minimum_next": 127_500, "buy_now_open": false, "ends_at": "2026-11-29T18:00:00.000Z",
        "extended": false, "acknowledged": "replica",
    })
    .to_string()
}
