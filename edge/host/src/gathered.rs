//! Small bodies go on as a whole, once all of them is there: they leave in one write with their head, and
//! nobody is woken for their end.

use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::limits::GATHERED_BYTES_MAX;

/// Whether a body says that it is small.
pub fn is_small(body: &impl Body) -> bool {
    body.size_hint().exact().is_some_and(|length| length <= GATHERED_BYTES_MAX)
}

/// The same body, a small one as a whole.
///
/// # Errors
/// That of a small body that breaks off: nothing of it has gone on then.
pub async fn gathered<B>(body: B) -> Result<WasiBody, Error>
where
    B: Body<Data = Bytes, Error = Error> + Send + 'static,
{
    if !is_small(&body) {
        return Ok(body.boxed_unsync());
    }
    let bytes = body.collect().await?.to_bytes();
    Ok(Full::new(bytes).map_err(|never| match never {}).boxed_unsync())
}
