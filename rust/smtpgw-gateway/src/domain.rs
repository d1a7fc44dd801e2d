//! Domains in the one form in which they can be compared: lower case, A-labels.
//!
//! RFC 5890 §2.3.2.1, RFC 3492 (Punycode). A domain in letters beyond ASCII and the same one as `xn--…` are one domain,
//! so both the configuration and the recipients of SMTPUTF8 may name either. No mapping is done but that to lower case:
//! what would need another one (a decomposed letter, a full-width form) is no U-label, matches nothing, and its mail
//! is refused rather than taken.

/// `domain` for comparing: `Bücher.EXAMPLE` is `xn--bcher-kva.example`.
pub(crate) fn comparable(domain: &str) -> String {
    if domain.is_ascii() {
        return domain.to_ascii_lowercase();
    }
    let labels = domain.split('.').map(|label| {
        let label = label.to_lowercase();
        if label.is_ascii() { label } else { format!("xn--{}", punycode(&label)) }
    });
    labels.collect::<Vec<_>>().join(".")
}

/// RFC 3492 §6.3. A label is short (RFC 5321 §4.5.3.1.2), so nothing overflows and the square of its length is little.
fn punycode(label: &str) -> String {
    let letters: Vec<u32> = label.chars().map(u32::from).collect();
    let mut output: String = label.chars().filter(char::is_ascii).collect();
    let basic = output.len();
    if basic > 0 {
        output.push('-');
    }
    let (mut from, mut delta, mut bias) = (INITIAL_N, 0_u64, INITIAL_BIAS);
    let mut handled = basic as u64;
    while handled < letters.len() as u64 {
        let Some(next) = letters.iter().copied().filter(|letter| *letter >= from).min() else { return output };
        delta += u64::from(next - from) * (handled + 1);
        from = next;
        for letter in &letters {
            if *letter < from {
                delta += 1;
            } else if *letter == from {
                variable_length(delta, bias, &mut output);
                bias = adapt(delta, handled + 1, handled == basic as u64);
                delta = 0;
                handled += 1;
            }
        }
        delta += 1;
        from += 1;
    }
    output
}

/// A generalised variable-length integer, RFC 3492 §3.3.
fn variable_length(mut number: u64, bias: u64, output: &mut String) {
    let mut position = BASE;
    loop {
        let threshold = position.saturating_sub(bias).clamp(T_MIN, T_MAX);
        if number < threshold {
            return output.push(digit(number));
        }
        output.push(digit(threshold + (number - threshold) % (BASE - threshold)));
        number = (number - threshold) / (BASE - threshold);
        position += BASE;
    }
}

/// RFC 3492 §6.1.
fn adapt(delta: u64, points: u64, first: bool) -> u64 {
    let mut delta = if first { delta / DAMP } else { delta / 2 };
    delta += delta / points;
    let mut rounds = 0;
    while delta > (BASE - T_MIN) * T_MAX / 2 {
        delta /= BASE - T_MIN;
        rounds += BASE;
    }
    rounds + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

/// `a` to `z` for 0 to 25, `0` to `9` for 26 to 35.
fn digit(value: u64) -> char {
    let value = u8::try_from(value).unwrap_or_default();
    char::from(if value < 26 { b'a' + value } else { b'0' + (value - 26) })
}

/// The parameters of RFC 3492 §5.
const BASE: u64 = 36;
const T_MIN: u64 = 1;
const T_MAX: u64 = 26;
const SKEW: u64 = 38;
const DAMP: u64 = 700;
const INITIAL_BIAS: u64 = 72;
const INITIAL_N: u32 = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_domain_has_one_form() {
        for (domain, form) in [
            ("Example.ORG", "example.org"),
            ("xn--BCHER-kva.example", "xn--bcher-kva.example"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("münchen.de", "xn--mnchen-3ya.de"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("почта.рф", "xn--80a1acny.xn--p1ai"),
            ("a.é", "a.xn--9ca"),
            ("他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye"),
            // As letters that combine: no U-label, and not the same domain.
            ("bu\u{308}cher.example", "xn--bucher-xyd.example"),
            ("[192.0.2.1]", "[192.0.2.1]"),
        ] {
            assert_eq!(comparable(domain), form, "{domain}");
        }
    }

    #[test]
    fn the_longest_label_does_no_harm() {
        assert!(comparable(&"\u{10ffff}".repeat(63)).is_ascii());
        assert!(comparable(&"\u{10ffff}\u{80}".repeat(63)).is_ascii());
    }
}
