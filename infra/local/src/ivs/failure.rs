//! A call that a test has the fake fail.

/// Calls that are to fail.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Of which operation, such as `DeleteChannel`.
    pub operation: String,
    /// How many of the next ones.
    pub times: u32,
    /// The status, unless the answer is lost.
    pub status: u16,
    /// The code, unless the answer is lost.
    pub code: String,
    /// Whether the operation is carried out and only its answer lost.
    pub lose_answer: bool,
}

impl Failure {
    /// The next `times` calls of `operation` are refused.
    #[must_use]
    pub fn refused(operation: &str, times: u32, status: u16, code: &str) -> Self {
        let (operation, code) = (operation.to_owned(), code.to_owned());
        Self { operation, times, status, code, lose_answer: false }
    }

    /// The next call of `operation` is carried out, and its answer lost.
    #[must_use]
    pub fn lost(operation: &str) -> Self {
        let operation = operation.to_owned();
        Self { operation, times: 1, status: 0, code: String::new(), lose_answer: true }
    }
}
