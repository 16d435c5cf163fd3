//! From a client's connection to a component and back: a thread for each core ([`thread`]), which
//! accepts ([`serve`]) and has each request ([`request`]) answered ([`respond`]).

pub mod request;
pub mod respond;
pub mod serve;
pub mod thread;
