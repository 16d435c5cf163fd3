//! Outbound HTTP for guests: allow-list, kept connections, time-outs, error codes.
//!
//! All components on a core share its connections. What the allow-list does not name is refused as
//! `HTTP-request-denied` and logged. A failure to connect always surfaces as one of the codes in
//! [`codes::connect`], none of which is a time-out, so that a guest can tell "nothing was sent" from "no
//! answer came" and retry only the former.

pub mod allowed_hosts;
mod client;
mod codes;
mod kept;
mod timed_body;

use std::future::Future;
use std::sync::Arc;

use http::{Request, Response};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

pub use self::client::{OutboundClient, TlsSetupError};
use crate::outbound::allowed_hosts::AllowedHosts;

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
