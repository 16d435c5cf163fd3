//! Sending one request over a kept connection, or a new one.
//!
//! One HTTP/1.1 exchange at a time on a connection, which belongs to one core: no lock is waited for, and
//! nothing is handed to another thread. A general client, which also speaks HTTP/2 and shares its pool
//! among threads, takes several microseconds longer for each bid.

use std::sync::Arc;

use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::BodyExt as _;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::time::{interval, timeout};
use tower_service::Service as _;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::codes;
use super::kept::{Kept, Place};
use super::timed_body::TimedBody;
use crate::gathered::{gathered, is_small};
use crate::limits::{
    OUTBOUND_BETWEEN_BYTES_TIMEOUT, OUTBOUND_CONNECT_TIMEOUT, OUTBOUND_FIRST_BYTE_TIMEOUT,
    OUTBOUND_IDLE_TIMEOUT,
};

/// What all components on a core send through. Cloning shares it.
#[derive(Debug, Clone)]
pub struct OutboundClient {
    connector: HttpsConnector<HttpConnector>,
    kept: Arc<Kept>,
}

/// The TLS stack could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up TLS for outbound requests")]
pub struct TlsSetupError(#[from] rustls::Error);

impl OutboundClient {
    /// One without connections. Certificates are checked against Mozilla's roots, as in Spin.
    ///
    /// # Errors
    /// [`TlsSetupError`] if the crypto library offers no usable protocol version.
    pub fn new() -> Result<Self, TlsSetupError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        // Requests are small: waiting to fill a packet only adds latency.
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Self { connector, kept: Arc::default() })
    }

    /// Sends one request. The connect time-out is for opening a connection, where none is kept; the
    /// first-byte time-out from then until the response's head.
    pub(super) async fn send(
        self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        let (mut request, place) = addressed(request)?;
        let (head, body) = request.into_parts();
        request = Request::from_parts(head, gathered(body).await?);
        let first_byte = options.first_byte_timeout.unwrap_or(OUTBOUND_FIRST_BYTE_TIMEOUT);
        let (sender, response) = loop {
            let kept = self.kept.take(&place);
            let reused = kept.is_some();
            let mut sender = match kept {
                Some(sender) => sender,
                None => {
                    let within = options.connect_timeout.unwrap_or(OUTBOUND_CONNECT_TIMEOUT);
                    let connecting = self.connect(&place);
                    timeout(within, connecting).await.map_err(|_| Error::ConnectionTimeout)??
                }
            };
            match timeout(first_byte, sender.try_send_request(request)).await {
                Err(_) => return Err(Error::ConnectionReadTimeout),
                Ok(Ok(response)) => break (sender, response),
                Ok(Err(mut failed)) => match failed.take_message() {
                    // Closed by the other side while nobody used it: nothing was sent.
                    Some(unsent) if reused => request = unsent,
                    _ => return Err(codes::exchange(failed.error())),
                },
            }
        };
        let between_bytes = options.between_bytes_timeout.unwrap_or(OUTBOUND_BETWEEN_BYTES_TIMEOUT);
        let (head, body) = response.into_parts();
        let body = TimedBody::new(body, between_bytes);
        let body = if is_small(&body) {
            let body = gathered(body).await?;
            self.kept.put(place, sender);
            body
        } else {
            self.keep_when_idle(place, sender);
            body.boxed_unsync()
        };
        Ok(Response::from_parts(head, body))
    }

    async fn connect(&self, place: &Place) -> Result<SendRequest<WasiBody>, Error> {
        let uri = Uri::builder()
            .scheme(place.scheme.clone())
            .authority(place.authority.clone())
            .path_and_query("/")
            .build()
            .map_err(|_| Error::HttpRequestUriInvalid)?;
        // Always ready: it opens connections without limit.
        let stream = self.connector.clone().call(uri).await;
        let stream = stream.map_err(|error| codes::connect(&*error))?;
        let (sender, connection) =
            http1::handshake(stream).await.map_err(|error| codes::connect(&error))?;
        let kept = Arc::downgrade(&self.kept);
        let drive = async move {
            let mut sweep = interval(OUTBOUND_IDLE_TIMEOUT / 2);
            tokio::pin!(connection);
            let ended = loop {
                tokio::select! {
                    biased;
                    ended = connection.as_mut() => break ended,
                    _ = sweep.tick() => if let Some(kept) = kept.upgrade() {
                        kept.drop_idle();
                    },
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "outbound connection ended early");
            }
            if let Some(kept) = kept.upgrade() {
                kept.drop_idle();
            }
        };
        #[expect(clippy::disallowed_methods, reason = "ends with its connection")]
        drop(tokio::spawn(drive));
        Ok(sender)
    }

    /// Keeps a connection once the response on it has ended.
    fn keep_when_idle(&self, place: Place, mut sender: SendRequest<WasiBody>) {
        let kept = Arc::clone(&self.kept);
        #[expect(clippy::disallowed_methods, reason = "ends with the response, or its connection")]
        drop(tokio::spawn(async move {
            if sender.ready().await.is_ok() {
                kept.put(place, sender);
            }
        }));
    }
}

/// The request as it goes over a connection to where it is for (RFC 9112, 3.2.1).
fn addressed(mut request: Request<WasiBody>) -> Result<(Request<WasiBody>, Place), Error> {
    let uri = std::mem::take(request.uri_mut()).into_parts();
    let authority: Authority = uri.authority.ok_or(Error::HttpRequestUriInvalid)?;
    let scheme = uri.scheme.unwrap_or(Scheme::HTTP);
    let path = uri.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(path);
    if !request.headers().contains_key(HOST) {
        // Without a user's name and password, which an authority may have.
        let host = authority.as_str().rsplit('@').next().unwrap_or_default();
        let host = HeaderValue::from_str(host).map_err(|_| Error::HttpRequestUriInvalid)?;
        request.headers_mut().insert(HOST, host);
    }
    Ok((request, Place { scheme, authority }))
}
