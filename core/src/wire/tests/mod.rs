//! What is read from requests, and what is shown in replies.

mod numbers;
mod requests;
mod shown;
mod texts;
