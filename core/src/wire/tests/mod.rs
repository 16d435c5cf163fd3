//! What is read from requests, and what is shown in replies.

mod bodies;
mod numbers;
mod requests;
mod shown;
mod texts;
