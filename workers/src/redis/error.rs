//! Errors of the driver's own.

use std::io;

use redis::RedisError;

pub(super) fn timed_out() -> RedisError {
    io::Error::new(io::ErrorKind::TimedOut, "redis did not answer in time").into()
}

pub(super) fn refused(why: &'static str) -> RedisError {
    (redis::ErrorKind::InvalidClientConfig, why).into()
}
