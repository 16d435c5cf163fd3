//! What texts have in common that read or look the same: case folding and skeletons.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use unicode_normalization::UnicodeNormalization as _;
use unicode_security::confusable_detection::skeleton;

/// Folded so that two names are the same in whatever case, composition or compatible form.
pub(super) fn caseless(name: &str) -> String {
    let once: String = fold(&name.nfd().collect::<String>()).nfkd().collect();
    fold(&once).nfkc().collect()
}

/// What it looks like, small: capitals first, because `Μ` looks like `M` and `μ` like neither.
pub(super) fn outline(name: &str) -> String {
    let capitals: String = skeleton(name).collect();
    skeleton(&fold(&capitals)).collect()
}

/// Full case folding without a locale. What is folded is rid of what nobody sees by `skeleton`.
fn fold(text: &str) -> Cow<'_, str> {
    CaseMapper::new().fold_string(text)
}
