//! Amounts for people: in whole units of their currency, with the digits that it has.

use gavel_core::money::Amount;

/// Currencies without a minor unit (ISO 4217).
const WHOLE: [&str; 16] = [
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND",
    "VUV", "XAF", "XOF",
];
/// Currencies whose minor unit is a thousandth.
const THOUSANDTHS: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];

/// `USD 1,234.56`. `currency` is an ISO 4217 code; one that is not known has hundredths.
pub(super) fn shown(amount: Amount, currency: &str) -> String {
    let digits = match currency {
        code if WHOLE.contains(&code) || code == "XPF" => 0,
        code if THOUSANDTHS.contains(&code) => 3,
        _ => 2,
    };
    let unit = 10_u64.pow(digits);
    let (whole, rest) = (amount.minor() / unit, amount.minor() % unit);
    let whole = grouped(whole);
    match usize::try_from(digits).unwrap_or(0) {
        0 => format!("{currency} {whole}"),
        width => format!("{currency} {whole}.{rest:0width$}"),
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_the_digits_of_its_currency() {
        for (minor, currency, expected) in [
            (0, "USD", "USD 0.00"),
            (5, "USD", "USD 0.05"),
            (123_456, "EUR", "EUR 1,234.56"),
            (123_456_789, "USD", "USD 1,234,567.89"),
            (15_000, "JPY", "JPY 15,000"),
            (1_500, "KWD", "KWD 1.500"),
        ] {
            assert_eq!(shown(Amount::new(minor).unwrap(), currency), expected);
        }
    }
}
