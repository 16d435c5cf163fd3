//! The ports, by the runtime.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use spin_sdk::key_value::Store;
use spin_sdk::wasip3::http::types::{ErrorCode, RequestOptions};
use spin_sdk::wasip3::http_compat::RequestOptionsExtension;
use spin_sdk::wasip3::random::random::get_random_bytes;

use crate::ports::{Clock, Fetch, FetchError, KeyValue, Outgoing, Random, StoreError};

/// The runtime as one request sees it.
#[derive(Debug, Default)]
pub(super) struct Runtime;

async fn open() -> Result<Store, StoreError> {
    Store::open_default().await.map_err(|error| failed(&error))
}

fn failed(error: &spin_sdk::key_value::Error) -> StoreError {
    StoreError(error.to_string())
}

impl KeyValue for Runtime {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        open().await?.get(key).await.map_err(|error| failed(&error))
    }

    async fn set(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        open().await?.set(key, value).await.map_err(|error| failed(&error))
    }
}

impl Clock for Runtime {
    fn now_ns(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    async fn sleep(&self, duration: Duration) {
        spin_sdk::time::sleep(duration).await;
    }
}

impl Random for Runtime {
    fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let mut filled = 0;
        // The runtime may give fewer than asked for, but always at least one.
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let wanted = u64::try_from(rest.len()).unwrap_or(1);
            let some = get_random_bytes(wanted);
            for (to, from) in rest.iter_mut().zip(&some) {
                *to = *from;
                filled += 1;
            }
        }
        bytes
    }
}

impl Fetch for Runtime {
    async fn fetch(&self, request: &Outgoing) -> Result<http::Response<Bytes>, FetchError> {
        let mut outgoing = http::Request::new(Full::new(request.body.clone()));
        *outgoing.method_mut() = request.method.clone();
        *outgoing.uri_mut() = request.url.parse().map_err(|_| FetchError::Broken)?;
        *outgoing.headers_mut() = request.headers.clone();
        outgoing.extensions_mut().insert(RequestOptionsExtension(options(request)));
        let reply = spin_sdk::http::send(outgoing).await.map_err(|code| fault(&code))?;
        let (head, body) = reply.into_parts();
        let body =
            Limited::new(body, request.reply_bytes_max).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    FetchError::TooLong
                } else {
                    FetchError::Broken
                }
            })?;
        Ok(http::Response::from_parts(head, body.to_bytes()))
    }
}

/// The runtime's own defaults are ten minutes each. One that it cannot set is left to the caller's
/// bound on the whole.
fn options(request: &Outgoing) -> RequestOptions {
    let ns = |ms: u64| Some(ms.saturating_mul(1_000_000));
    let options = RequestOptions::new();
    let _supported = options.set_connect_timeout(ns(request.connect_timeout_ms));
    let _supported = options.set_first_byte_timeout(ns(request.timeout_ms));
    let _supported = options.set_between_bytes_timeout(ns(request.timeout_ms));
    options
}

/// Whether anything can have been sent.
fn fault(code: &ErrorCode) -> FetchError {
    match code {
        ErrorCode::DnsTimeout
        | ErrorCode::DnsError(_)
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionLimitReached => FetchError::Connect,
        _ => FetchError::Broken,
    }
}
