//! Outbound HTTP for guests: allow-list, pooled connections, time-outs, error codes.
//!
//! Every component shares one connection pool, as in Spin. What the allow-list does not name is
//! refused as `HTTP-request-denied` and logged. A failure to connect always surfaces as one of the
//! codes in [`connect_error`], none of which is a time-out, so that a guest can tell "nothing was
//! sent" from "no answer came" and retry only the former.

use std::error::Error as StdError;
use std::future::Future;
use std::io::ErrorKind;
use std::sync::Arc;

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{HttpConnector, capture_connection};
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout, timeout_at};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::allowed_hosts::AllowedHosts;
use crate::limits::{
    OUTBOUND_BETWEEN_BYTES_TIMEOUT, OUTBOUND_CONNECT_TIMEOUT, OUTBOUND_FIRST_BYTE_TIMEOUT,
    OUTBOUND_IDLE_PER_HOST_MAX, OUTBOUND_IDLE_TIMEOUT,
};
use crate::timed_body::TimedBody;

type PooledClient = Client<HttpsConnector<HttpConnector>, WasiBody>;

/// The connection pool all components send through. Cloning shares it.
#[derive(Debug, Clone)]
pub struct OutboundClient(PooledClient);

/// The TLS stack could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up TLS for outbound requests")]
pub struct TlsSetupError(#[from] rustls::Error);

impl OutboundClient {
    /// A pool without connections. Certificates are checked against Mozilla's roots, as in Spin.
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
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(OUTBOUND_IDLE_TIMEOUT)
            .pool_max_idle_per_host(OUTBOUND_IDLE_PER_HOST_MAX)
            .build(connector);
        Ok(Self(client))
    }

    /// Sends one request. The connect time-out runs until a connection, new or pooled, is at hand;
    /// the first-byte time-out from then until the response's head.
    async fn send(
        self,
        mut request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        let mut connected = capture_connection(&mut request);
        let response = self.0.request(request);
        tokio::pin!(response);
        let connect_deadline =
            Instant::now() + options.connect_timeout.unwrap_or(OUTBOUND_CONNECT_TIMEOUT);
        let early = tokio::select! {
            biased;
            done = &mut response => Some(done),
            connected = timeout_at(connect_deadline, connected.wait_for_connection_metadata()) => {
                connected.map_err(|_| Error::ConnectionTimeout)?;
                None
            }
        };
        let first_byte = options.first_byte_timeout.unwrap_or(OUTBOUND_FIRST_BYTE_TIMEOUT);
        let done = match early {
            Some(done) => done,
            None => {
                timeout(first_byte, response).await.map_err(|_| Error::ConnectionReadTimeout)?
            }
        };
        let between_bytes = options.between_bytes_timeout.unwrap_or(OUTBOUND_BETWEEN_BYTES_TIMEOUT);
        let response = done.map_err(|error| request_error(&error))?;
        Ok(response.map(|body| TimedBody::new(body, between_bytes).boxed_unsync()))
    }
}

/// The code for a request the pool could not complete.
fn request_error(error: &ClientError) -> Error {
    tracing::debug!(error = ?error, "outbound request failed");
    if error.is_connect() {
        return connect_error(error);
    }
    for cause in causes(error) {
        if let Some(hyper) = cause.downcast_ref::<hyper::Error>() {
            if hyper.is_incomplete_message() {
                return Error::HttpResponseIncomplete;
            }
            if hyper.is_parse() {
                return Error::HttpProtocolError;
            }
        }
    }
    Error::ConnectionTerminated
}

/// The code for a connection that could not be opened. Nothing of the request has been sent then.
fn connect_error(error: &ClientError) -> Error {
    for cause in causes(error) {
        match cause.downcast_ref::<rustls::Error>() {
            Some(rustls::Error::InvalidCertificate(_)) => return Error::TlsCertificateError,
            Some(_) => return Error::TlsProtocolError,
            None => {}
        }
        match cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
            Some(ErrorKind::ConnectionRefused) => return Error::ConnectionRefused,
            Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => {
                return Error::DestinationIpUnroutable;
            }
            _ => {}
        }
        // The resolver's error type is private; its text is stable and the only sign of it.
        if cause.to_string().starts_with("dns error") {
            return Error::DnsError { rcode: None, info_code: None };
        }
    }
    Error::DestinationUnavailable
}

type Cause<'e> = &'e (dyn StdError + 'static);

/// What an error came from, outermost first.
fn causes(error: &ClientError) -> impl Iterator<Item = Cause<'_>> {
    std::iter::successors(error.source(), |cause| next_cause(*cause))
}

/// An I/O error names what it wraps differently from other errors, and TLS errors come wrapped in
/// two of them.
fn next_cause(cause: Cause<'_>) -> Option<Cause<'_>> {
    match cause.downcast_ref::<std::io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as Cause<'_>),
        None => cause.source(),
    }
}

/// What a component may send, and how: the hooks `wasmtime_wasi_http` asks.
#[derive(Debug, Clone)]
pub struct OutboundHooks {
    /// The shared pool.
    pub client: OutboundClient,
    /// Where this component may connect to.
    pub allowed: Arc<AllowedHosts>,
    /// The component, for the log.
    pub component: Arc<str>,
}

type Boxed<T> = Box<dyn Future<Output = T> + Send>;
type Io = Boxed<Result<(), Error>>;

impl WasiHttpHooks for OutboundHooks {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _response_processed: Io,
    ) -> Boxed<Result<(Response<WasiBody>, Io), Error>> {
        if !self.allowed.allows(request.uri()) {
            tracing::warn!(
                component = %self.component,
                scheme = request.uri().scheme_str().unwrap_or_default(),
                authority = request.uri().authority().map(http::uri::Authority::as_str).unwrap_or_default(),
                "outbound request refused: not in allowed_outbound_hosts"
            );
            return Box::new(async { Err(Error::HttpRequestDenied) });
        }
        let client = self.client.clone();
        Box::new(async move {
            let response = client.send(request, options.unwrap_or_default()).await?;
            // The pool drives its connections itself, so there is nothing left to drive here.
            let io: Io = Box::new(async { Ok(()) });
            Ok((response, io))
        })
    }
}
