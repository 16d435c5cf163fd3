//! Small bodies go on as a whole, once all of them is there: they leave in one write with their head, and
//! nobody is woken for their end.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
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
    Ok(whole(body.collect().await?.to_bytes()))
}

/// The same body, as a whole if it is small and has come with its head: who reads it need not wait then.
/// What has not come yet is left to the reader, to wait for as it sees fit.
pub async fn gathered_if_here<B>(mut body: B) -> WasiBody
where
    B: Body<Data = Bytes, Error = Error> + Send + Unpin + 'static,
{
    let length = body.size_hint().exact();
    if body.is_end_stream() || !is_small(&body) {
        return body.boxed_unsync();
    }
    let mut asked = false;
    let first = poll_fn(|cx| match Pin::new(&mut body).poll_frame(cx) {
        // Being asked has the connection look at what it has read: it is here at the next turn, or later.
        Poll::Pending if !asked => {
            asked = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        Poll::Pending => Poll::Ready(None),
        Poll::Ready(frame) => Poll::Ready(frame),
    })
    .await;
    match first {
        None => body.boxed_unsync(),
        Some(Ok(frame)) if frame.data_ref().map(|data| data.len() as u64) == length => {
            whole(frame.into_data().unwrap_or_default())
        }
        Some(first) => Begun { first: Some(first), rest: body }.boxed_unsync(),
    }
}

fn whole(bytes: Bytes) -> WasiBody {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// A body whose first frame has been taken out of it.
struct Begun<B> {
    first: Option<Result<Frame<Bytes>, Error>>,
    rest: B,
}

impl<B> Body for Begun<B>
where
    B: Body<Data = Bytes, Error = Error> + Unpin,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let first = match &self.first {
            Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
            _ => 0,
        };
        self.rest
            .size_hint()
            .exact()
            .map_or_else(SizeHint::default, |rest| SizeHint::with_exact(first + rest))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// A body of 8 bytes, by what each poll gives; `None` is that nothing is there yet.
    struct Polled {
        polls: VecDeque<Option<Result<&'static str, Error>>>,
        left: u64,
    }

    fn polled(polls: impl IntoIterator<Item = Option<Result<&'static str, Error>>>) -> Polled {
        Polled { polls: polls.into_iter().collect(), left: 8 }
    }

    impl Body for Polled {
        type Data = Bytes;
        type Error = Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
            match self.polls.pop_front() {
                Some(Some(Ok(text))) => {
                    self.left -= text.len() as u64;
                    Poll::Ready(Some(Ok(Frame::data(Bytes::from(text)))))
                }
                Some(Some(Err(error))) => Poll::Ready(Some(Err(error))),
                Some(None) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                None => Poll::Ready(None),
            }
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.left)
        }
    }

    /// The length that a reader is told, and what it gets.
    async fn read(
        polls: impl IntoIterator<Item = Option<Result<&'static str, Error>>>,
    ) -> (Option<u64>, Result<Bytes, Error>) {
        let body = gathered_if_here(polled(polls)).await;
        (body.size_hint().exact(), body.collect().await.map(http_body_util::Collected::to_bytes))
    }

    #[tokio::test]
    async fn what_is_here_is_whole_and_what_is_not_comes_in_order() {
        let whole = Bytes::from("12345678");
        for polls in [
            vec![Some(Ok("12345678"))],
            vec![None, Some(Ok("12345678"))],
            vec![None, None, None, Some(Ok("12345678"))],
            vec![None, Some(Ok("123")), None, Some(Ok("45678"))],
        ] {
            let (length, bytes) = read(polls).await;
            assert_eq!((length, bytes.unwrap()), (Some(8), whole.clone()));
        }
    }

    #[tokio::test]
    async fn nobody_waits_here_for_what_has_not_come() {
        let mut gathering =
            std::pin::pin!(gathered_if_here(polled([None, None, Some(Ok("12345678"))])));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(gathering.as_mut().poll(&mut cx).is_pending(), "the connection is to look first");
        let Poll::Ready(body) = gathering.as_mut().poll(&mut cx) else { panic!("it waited") };
        assert_eq!(body.collect().await.unwrap().to_bytes(), "12345678");
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_does_so_for_its_reader() {
        for polls in [
            vec![Some(Ok("123")), Some(Err(Error::ConnectionTerminated))],
            vec![Some(Err(Error::ConnectionTerminated))],
        ] {
            assert!(read(polls).await.1.is_err());
        }
    }
}
