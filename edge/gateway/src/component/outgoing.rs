//! What leaves: requests to regions and for keys, and replies to clients.
//!
//! A region's body is not read here where it need not be: the runtime passes it on from one
//! connection to the other.

use std::cell::RefCell;
use std::pin::pin;

use bytes::Bytes;
use futures::future::{Either, select};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use spin_sdk::wasip3::http::client;
use spin_sdk::wasip3::http::types::{
    ErrorCode, Fields, Method, Request, RequestOptions, Response, Scheme,
};
use spin_sdk::wasip3::wit_bindgen::StreamResult;
use spin_sdk::wasip3::{spawn, wit_future, wit_stream};

use super::ports::Runtime;
use crate::ports::{Fetch, FetchError, Outgoing};
use crate::reply::{Body, Reply};

thread_local! {
    /// The time-outs last used, in milliseconds: setting them takes four calls, copying one.
    static OPTIONS: RefCell<Option<([u64; 2], RequestOptions)>> = const { RefCell::new(None) };
}

impl Fetch for Runtime {
    type Body = Response;

    async fn send(&self, request: &Outgoing) -> Result<http::Response<Response>, FetchError> {
        let fields = fields(&request.headers).map_err(|_| FetchError::Broken)?;
        let (mut body, contents) = wit_stream::new();
        let (trailers, no_trailers) = wit_future::new(|| Ok(None));
        let contents = (!request.body.is_empty()).then_some(contents);
        let (outgoing, _sent) = Request::new(fields, contents, no_trailers, Some(options(request)));
        address(&outgoing, request).ok_or(FetchError::Broken)?;
        let sending = pin!(client::send(outgoing));
        let writing = pin!(async {
            let _unread = body.write_all(request.body.to_vec()).await;
            drop((body, trailers));
        });
        let sent = match select(sending, writing).await {
            Either::Left((sent, _)) => sent,
            Either::Right(((), sending)) => sending.await,
        };
        let response = sent.map_err(|code| fault(&code))?;
        let mut reply = http::Response::new(());
        *reply.status_mut() =
            StatusCode::from_u16(response.get_status_code()).map_err(|_| FetchError::Broken)?;
        for (name, value) in response.get_headers().copy_all() {
            let name: HeaderName = name.try_into().map_err(|_| FetchError::Broken)?;
            let value = HeaderValue::from_maybe_shared(Bytes::from(value));
            reply.headers_mut().append(name, value.map_err(|_| FetchError::Broken)?);
        }
        Ok(reply.map(|()| response))
    }

    async fn read(&self, body: Response, bytes_max: usize) -> Result<Bytes, FetchError> {
        let (_done, done) = wit_future::new(|| Ok(()));
        let (mut stream, trailers) = Response::consume_body(body, done);
        let mut bytes = Vec::with_capacity(READ_BYTES);
        loop {
            let (status, so_far) = stream.read(bytes).await;
            bytes = so_far;
            if bytes.len() > bytes_max {
                return Err(FetchError::TooLong);
            }
            match status {
                StreamResult::Complete(_) => bytes.reserve(READ_BYTES),
                StreamResult::Dropped => break,
                StreamResult::Cancelled => return Err(FetchError::Broken),
            }
        }
        trailers.await.map_err(|_| FetchError::Broken)?;
        Ok(bytes.into())
    }
}

/// How much of a body is read at a time, in bytes: a key set at once.
const READ_BYTES: usize = 4096;

/// Says where the request goes.
fn address(outgoing: &Request, request: &Outgoing) -> Option<()> {
    let (scheme, rest) = match request.url.strip_prefix("https://") {
        Some(rest) => (Scheme::Https, rest),
        None => (Scheme::Http, request.url.strip_prefix("http://")?),
    };
    let (authority, path) = rest.split_at(rest.find('/')?);
    outgoing.set_method(&Method::from(&request.method)).ok()?;
    outgoing.set_scheme(Some(&scheme)).ok()?;
    outgoing.set_authority(Some(authority)).ok()?;
    outgoing.set_path_with_query(Some(path)).ok()
}

fn fields(headers: &HeaderMap) -> Result<Fields, ErrorCode> {
    let list: Vec<(String, Vec<u8>)> = headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    Fields::from_list(&list).map_err(|_| ErrorCode::HttpProtocolError)
}

/// The runtime's own defaults are ten minutes each. One that it cannot set is left at that.
fn options(request: &Outgoing) -> RequestOptions {
    let wanted = [request.connect_timeout_ms, request.timeout_ms];
    OPTIONS.with_borrow_mut(|kept| {
        if let Some((times, options)) = kept
            && *times == wanted
        {
            return options.clone();
        }
        let [connect_ns, wait_ns] = wanted.map(|ms| Some(ms.saturating_mul(1_000_000)));
        let options = RequestOptions::new();
        let _supported = options.set_connect_timeout(connect_ns);
        let _supported = options.set_first_byte_timeout(wait_ns);
        let _supported = options.set_between_bytes_timeout(wait_ns);
        kept.insert((wanted, options)).1.clone()
    })
}

/// Whether anything can have been sent.
fn fault(code: &ErrorCode) -> FetchError {
    match code {
        ErrorCode::DnsTimeout | ErrorCode::ConnectionTimeout => FetchError::ConnectLate,
        ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => FetchError::Late,
        ErrorCode::DnsError(_)
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionLimitReached => FetchError::Connect,
        _ => FetchError::Broken,
    }
}

/// Hands a reply to the runtime.
pub(super) fn reply(reply: Reply<Response>) -> Result<Response, ErrorCode> {
    let (head, body) = reply.into_parts();
    let fields = fields(&head.headers)?;
    let response = match body {
        Body::Whole(bytes) if bytes.is_empty() => {
            let (_trailers, no_trailers) = wit_future::new(|| Ok(None));
            Response::new(fields, None, no_trailers).0
        }
        Body::Whole(bytes) => {
            let (mut body, contents) = wit_stream::new();
            let (trailers, no_trailers) = wit_future::new(|| Ok(None));
            spawn(async move {
                let _unread = body.write_all(bytes.into()).await;
                drop((body, trailers));
            });
            Response::new(fields, Some(contents), no_trailers).0
        }
        Body::Relayed(region) => {
            let (_done, done) = wit_future::new(|| Ok(()));
            let (contents, trailers) = Response::consume_body(region, done);
            Response::new(fields, Some(contents), trailers).0
        }
    };
    response.set_status_code(head.status.as_u16()).map_err(|()| ErrorCode::HttpProtocolError)?;
    Ok(response)
}
