//! What came back in one run.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use anyhow::{Error, Result};

use crate::limits::PROBLEMS_MAX;

/// Counts of answers by status, and what went wrong.
#[derive(Debug, Default)]
pub struct Answers {
    by_status: RefCell<BTreeMap<u16, u64>>,
    lost: Cell<u64>,
    problems: RefCell<Vec<String>>,
}

impl Answers {
    /// Counts one.
    pub fn note(&self, answer: &Result<u16>) {
        match answer {
            Ok(status) => *self.by_status.borrow_mut().entry(*status).or_default() += 1,
            Err(error) => self.note_lost(error),
        }
    }

    fn note_lost(&self, error: &Error) {
        self.lost.set(self.lost.get() + 1);
        let mut problems = self.problems.borrow_mut();
        let problem = format!("{error:#}");
        if problems.len() < PROBLEMS_MAX && !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// How many had this status.
    #[must_use]
    pub fn with(&self, status: u16) -> u64 {
        self.by_status.borrow().get(&status).copied().unwrap_or_default()
    }

    /// All of them.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.by_status.borrow().values().sum()
    }

    /// Requests without an answer.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.get()
    }

    /// How many had each status.
    #[must_use]
    pub fn by_status(&self) -> BTreeMap<u16, u64> {
        self.by_status.borrow().clone()
    }

    /// What makes figures doubtful: answers beside the `expected` ones, and requests without any.
    #[must_use]
    pub fn doubts(&self, expected: u64) -> Vec<String> {
        let mut doubts = Vec::new();
        if expected != self.count() {
            doubts.push(format!("answers by status: {:?}", self.by_status()));
        }
        if self.lost() > 0 {
            let problems = self.problems().join("; ");
            doubts.push(format!("{} without an answer ({problems})", self.lost()));
        }
        doubts
    }

    /// The first problems, each once.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.problems.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn answers_are_counted_by_status_and_problems_are_told_once() {
        let answers = Answers::default();
        for answer in [Ok(201), Ok(429), Ok(201), Err(anyhow!("closed")), Err(anyhow!("closed"))] {
            answers.note(&answer);
        }
        assert_eq!((answers.count(), answers.with(201), answers.with(400)), (3, 2, 0));
        assert_eq!(answers.lost(), 2);
        assert_eq!(answers.problems(), ["closed"]);
        for number in 0..2 * PROBLEMS_MAX {
            answers.note(&Err(anyhow!("{number}")));
        }
        assert_eq!(answers.problems().len(), PROBLEMS_MAX);
    }
}
