//! What is read from requests, and what is shown in replies.

mod requests;
mod shown;
