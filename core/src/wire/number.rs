//! Whole numbers, however they are written: `1000`, `1000.0`, `1e3` and `10000e-1` are one number to
//! JSON Schema, and some languages' clients write the longer forms.
//!
//! Read from their digits, so that nothing is rounded and no exponent, however large, costs more than
//! its own text: a float never decides whether a number is whole, nor which.

use serde_json::{Number, Value};

/// The whole number that `text` writes, in the grammar of JSON but with leading zeros allowed.
/// `None` when it has a fraction, is negative, or does not fit.
#[must_use]
pub(super) fn whole_number(text: &str) -> Option<u64> {
    match Whole::read(text)? {
        Whole { negative: false, magnitude }
        | Whole { negative: true, magnitude: magnitude @ 0 } => Some(magnitude),
        Whole { negative: true, .. } => None,
    }
}

/// The value of the JSON number `token`: an integer where it is whole and fits 64 bits. Of any other
/// only a likeness is kept, a float, which no field takes for a whole number.
pub(super) fn number(token: &str) -> Value {
    let integer = Whole::read(token).and_then(Whole::value);
    integer.or_else(|| likeness(token)).unwrap_or_else(|| {
        // Beyond every float.
        f64::MAX.into()
    })
}

fn likeness(token: &str) -> Option<Value> {
    Number::from_f64(token.parse().ok()?).map(Value::Number)
}

#[derive(Clone, Copy)]
struct Whole {
    negative: bool,
    magnitude: u64,
}

impl Whole {
    fn read(text: &str) -> Option<Self> {
        let (negative, unsigned) =
            text.strip_prefix('-').map_or((false, text), |unsigned| (true, unsigned));
        let (decimal, exponent) =
            unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(d, e)| (d, Some(e)));
        let (units, fraction) =
            decimal.split_once('.').map_or((decimal, None), |(u, f)| (u, Some(f)));
        let right = |part: Option<&str>| part.is_none_or(are_digits);
        let unsigned_exponent = exponent.map(|text| text.strip_prefix(['+', '-']).unwrap_or(text));
        if !(are_digits(units) && right(fraction) && right(unsigned_exponent)) {
            return None;
        }
        let fraction = fraction.unwrap_or_default();
        let digits = format!("{units}{fraction}");
        let digits = digits.trim_start_matches('0');
        let significant = digits.trim_end_matches('0');
        if significant.is_empty() {
            return Some(Self { negative, magnitude: 0 });
        }
        // The number is `significant` times ten to the power of this. An exponent that fits no `i64`
        // makes of anything but 0 either too much or a fraction.
        let exponent: i64 = exponent.map_or(Ok(0), str::parse).ok()?;
        let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
        let power =
            exponent.checked_add(zeros)?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        let factor = 10_u64.checked_pow(u32::try_from(power).ok()?)?;
        let magnitude = significant.parse::<u64>().ok()?.checked_mul(factor)?;
        Some(Self { negative, magnitude })
    }

    fn value(self) -> Option<Value> {
        if self.negative && self.magnitude > 0 {
            return 0_i64.checked_sub_unsigned(self.magnitude).map(Value::from);
        }
        Some(self.magnitude.into())
    }
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_the_same_however_it_is_written() {
        for (text, expected) in [
            ("0", 0),
            ("1000", 1_000),
            ("1000.0", 1_000),
            ("1e3", 1_000),
            ("1E+3", 1_000),
            ("1.0e3", 1_000),
            ("0.001e6", 1_000),
            ("1000000e-3", 1_000),
            ("100e-1", 10),
            ("1.5e1", 15),
            ("1.50e00000000000000000000000000001", 15),
            ("9007199254740991.000000000000000000", 9_007_199_254_740_991),
            ("9.007199254740991e15", 9_007_199_254_740_991),
            ("18446744073709551615", u64::MAX),
            ("1844674407370955161.5e1", u64::MAX),
            // Nothing is nothing, whatever its sign and its exponent.
            ("-0", 0),
            ("-0.0", 0),
            ("0e999999999999999999999999", 0),
            ("0.000e-7", 0),
        ] {
            assert_eq!(whole_number(text), Some(expected), "{text}");
            assert_eq!(number(text), Value::from(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_whole_by_ever_so_little_is_not_taken_for_it() {
        for text in [
            "1.5",
            "1e-2",
            "15e-1",
            "9007199254740991.0000000000000000001",
            "1e-999999999",
            "1e-99999999999999999999999",
            "18446744073709551616",
            "1e20",
            "1e999999999",
            "1e99999999999999999999999",
        ] {
            assert_eq!(whole_number(text), None, "{text}");
            assert!(number(text).is_f64(), "{text}");
        }
        assert!(number(&format!("-{}", "9".repeat(100_000))).is_f64());
        assert!(number(&format!("1e{}", "9".repeat(100_000))).is_f64());
    }

    #[test]
    fn a_whole_number_below_0_stays_what_it_is() {
        for (text, expected) in [("-5", -5), ("-5.0", -5), ("-9223372036854775808", i64::MIN)] {
            assert_eq!(whole_number(text), None, "{text}");
            assert_eq!(number(text), Value::from(expected), "{text}");
        }
        assert!(number("-9223372036854775809").is_f64());
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "-", "+5", " 5", "5 ", "1.", ".5", "1e", "e3", "1e+", "1e1.0", "--5", "５"]
        {
            assert_eq!(whole_number(text), None, "{text:?}");
        }
    }
}
