//! The codes by which a guest learns what became of a request.

use std::error::Error as StdError;
use std::io::ErrorKind;

use wasmtime_wasi_http::Error;

/// That of an exchange that broke off.
pub(super) fn exchange(error: &hyper::Error) -> Error {
    tracing::debug!(error = ?error, "outbound request failed");
    if error.is_incomplete_message() {
        Error::HttpResponseIncomplete
    } else if error.is_parse() {
        Error::HttpProtocolError
    } else {
        Error::ConnectionTerminated
    }
}

/// That of a connection that could not be opened. Nothing of the request has been sent then.
pub(super) fn connect(error: Cause<'_>) -> Error {
    tracing::debug!(error = ?error, "outbound connection failed");
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

pub(super) type Cause<'e> = &'e (dyn StdError + 'static);

/// What an error came from, outermost first.
fn causes(error: Cause<'_>) -> impl Iterator<Item = Cause<'_>> {
    std::iter::successors(Some(error), |cause| next_cause(*cause))
}

/// An I/O error names what it wraps differently from other errors, and TLS errors come wrapped in
/// two of them.
fn next_cause(cause: Cause<'_>) -> Option<Cause<'_>> {
    match cause.downcast_ref::<std::io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as Cause<'_>),
        None => cause.source(),
    }
}
