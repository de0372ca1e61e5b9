//! Reads a body into memory under a size limit and a deadline.
//!
//! The listener bounds how long a header may take; a body is the handler's, because only the handler knows how
//! large and how slow a body of its kind may be.

use std::error::Error as StdError;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::{Stream, TryStreamExt as _};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, LengthLimitError, Limited, StreamBody};

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// More bytes came, or were announced, than the limit. Answer 413.
    #[error("the body is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The body had not ended at the deadline. Answer 408.
    #[error("the body did not arrive within {after:?}")]
    Deadline {
        /// The time allowed for the whole body.
        after: Duration,
    },
    /// The peer broke off or broke the framing.
    #[error("the body broke off")]
    Broken {
        /// What the connection reported.
        source: Box<dyn StdError + Send + Sync>,
    },
}

/// Reads `body` to its end: at most `limit` bytes, within `deadline` from now.
///
/// A body that announces more than `limit` bytes is refused before any of it is read. The limit holds while
/// reading whatever was announced, so a chunked body cannot exceed it. Trailers are dropped.
pub async fn collect<B>(body: B, limit: usize, deadline: Duration) -> Result<Bytes, BodyError>
where
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(BodyError::TooLarge { limit });
    }
    match tokio::time::timeout(deadline, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge { limit }),
        Ok(Err(source)) => Err(BodyError::Broken { source }),
        Err(_elapsed) => Err(BodyError::Deadline { after: deadline }),
    }
}

/// [`collect`] for a stream of chunks, which is what `warp::body::stream()` extracts.
pub async fn collect_stream<S, D, E>(stream: S, limit: usize, deadline: Duration) -> Result<Bytes, BodyError>
where
    S: Stream<Item = Result<D, E>>,
    D: Buf,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    collect(StreamBody::new(stream.map_ok(Frame::data)), limit, deadline).await
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use futures_util::{StreamExt as _, stream};
    use http_body::SizeHint;

    use super::*;

    const LIMIT: usize = 8;
    const DEADLINE: Duration = Duration::from_secs(5);

    fn chunks(parts: &'static [&'static str]) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::iter(parts.iter().map(|part| Ok(Bytes::from_static(part.as_bytes()))))
    }

    #[tokio::test]
    async fn a_body_up_to_the_limit_is_collected() {
        assert_eq!(collect_stream(chunks(&["four", "", "more"]), LIMIT, DEADLINE).await.unwrap(), "fourmore");
    }

    #[tokio::test]
    async fn one_byte_over_the_limit_is_refused_while_streaming() {
        let refused = collect_stream(chunks(&["four", "more", "!"]), LIMIT, DEADLINE).await;
        assert!(matches!(refused, Err(BodyError::TooLarge { limit: LIMIT })));
    }

    /// Announces a length and must not be read.
    struct Announced(u64);

    impl Body for Announced {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("a body that announces too much was read");
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0)
        }
    }

    #[tokio::test]
    async fn an_announced_length_over_the_limit_is_refused_unread() {
        let refused = collect(Announced(9), LIMIT, DEADLINE).await;
        assert!(matches!(refused, Err(BodyError::TooLarge { limit: LIMIT })));
    }

    #[tokio::test]
    async fn a_body_that_stops_coming_hits_the_deadline() {
        const SHORT: Duration = Duration::from_millis(20);
        let stuck = chunks(&["a"]).chain(stream::pending());
        let refused = collect_stream(stuck, LIMIT, SHORT).await;
        assert!(matches!(refused, Err(BodyError::Deadline { after: SHORT })));
    }

    #[tokio::test]
    async fn a_broken_body_keeps_its_cause() {
        let broken = stream::iter([Ok(Bytes::from_static(b"a")), Err(std::io::Error::other("reset"))]);
        let Err(BodyError::Broken { source }) = collect_stream(broken, LIMIT, DEADLINE).await else {
            panic!("a broken body must be refused as broken");
        };
        assert_eq!(source.to_string(), "reset");
    }
}
