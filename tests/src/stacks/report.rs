//! What became of each resource of each template, as a table for people and as data for a test.

use std::collections::BTreeSet;
use std::fmt;

/// What became of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is there.
    Made {
        /// The name or id it was given.
        id: String,
    },
    /// Made, and updated since.
    Updated {
        /// The name or id it has.
        id: String,
        /// Whether that is another than before: the first one, and what was in it, is gone.
        replaced: bool,
    },
    /// The emulator has no such type.
    Skipped,
    /// A condition of the template left it out.
    NotWanted,
    /// It should be there and is not; with the status it has.
    Failed(String),
}

/// One resource.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its stack.
    pub stack: String,
    /// Its name in the template.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// What became of it.
    pub fate: Fate,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// In the order of the stacks.
    pub rows: Vec<Row>,
}

impl Report {
    pub(super) fn add(&mut self, stack: &str, name: &str, kind: &str, fate: Fate) {
        let [stack, name, kind] = [stack, name, kind].map(str::to_owned);
        self.rows.push(Row { stack, name, kind, fate });
    }

    pub(super) fn updated(&mut self, stack: &str, name: &str, status: &str, id: &str) {
        let same = |row: &&mut Row| row.stack == stack && row.name == name;
        let Some(row) = self.rows.iter_mut().find(same) else { return };
        row.fate = match (&row.fate, status) {
            (Fate::Made { id: before }, "UPDATE_COMPLETE" | "CREATE_COMPLETE") => {
                Fate::Updated { id: id.to_owned(), replaced: before != id }
            }
            (Fate::NotWanted, "CREATE_COMPLETE") => Fate::Made { id: id.to_owned() },
            (_, status) => Fate::Failed(status.to_owned()),
        };
    }

    /// The resources that should be there and are not.
    #[must_use]
    pub fn failed(&self) -> Vec<&Row> {
        self.rows.iter().filter(|row| matches!(row.fate, Fate::Failed(_))).collect()
    }

    /// The types that the emulator does not have.
    #[must_use]
    pub fn skipped_types(&self) -> BTreeSet<&str> {
        let skipped = self.rows.iter().filter(|row| row.fate == Fate::Skipped);
        skipped.map(|row| row.kind.as_str()).collect()
    }

    /// The resources of these types that an update put others in the place of.
    #[must_use]
    pub fn replaced(&self, kinds: &[&str]) -> Vec<&Row> {
        let replaced = |row: &&Row| matches!(row.fate, Fate::Updated { replaced: true, .. });
        let of_kinds = self.rows.iter().filter(|row| kinds.contains(&row.kind.as_str()));
        of_kinds.filter(replaced).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counts = [0_usize; 5];
        for Row { stack, name, kind, fate } in &self.rows {
            let (at, what) = match fate {
                Fate::Made { .. } => (0, "created".to_owned()),
                Fate::Updated { replaced: false, .. } => (1, "created, updated".to_owned()),
                Fate::Updated { replaced: true, .. } => (1, "created, replaced".to_owned()),
                Fate::Skipped => (2, "SKIPPED: the emulator has no such type".to_owned()),
                Fate::NotWanted => (3, "left out by its condition".to_owned()),
                Fate::Failed(status) => (4, format!("FAILED {status}")),
            };
            counts[at] += 1;
            writeln!(f, "{stack:<10} {name:<26} {kind:<46} {what}")?;
        }
        let [made, updated, skipped, unwanted, failed] = counts;
        write!(
            f,
            "{made} created, {updated} created and updated, {skipped} skipped, {unwanted} left out, \
             {failed} failed"
        )
    }
}
