//! Tables for [`super`]: parameter lists as programs write them, and worse.

#![allow(clippy::type_complexity, reason = "tables")]

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use super::*;

/// `name=value`, with `|loose` where there is one, and the names of the defects.
fn list(text: &str) -> (Vec<String>, Vec<&'static str>) {
    let mut odd = Vec::new();
    let mut budget = Budget::new(&Limits::DEFAULT);
    let parameters = parse_list(text.as_bytes(), &mut budget, &mut |kind| odd.push(kind.name()));
    odd.dedup();
    let shown = parameters.iter().map(|parameter| {
        let mut line = String::from_utf8_lossy(parameter.name).to_ascii_lowercase();
        if let Some(piece) = parameter.piece {
            line.push_str(&alloc::format!("*{piece}"));
        }
        if parameter.extended {
            line.push('*');
        }
        line.push('=');
        line.push_str(&String::from_utf8_lossy(&parameter.value));
        if let Some(loose) = &parameter.loose {
            line.push('|');
            line.push_str(&String::from_utf8_lossy(loose));
        }
        line
    });
    (shown.collect(), odd)
}

#[test]
fn reads_lists() {
    const OK: &[&str] = &[];
    const BAD: &[&str] = &["invalid_parameter"];
    let table: &[(&str, &[&str], &[&str])] = &[
        ("", &[], OK),
        (" ; ;; ", &[], OK),
        ("; a=b", &["a=b"], OK),
        (";A=B;c=D", &["a=B", "c=D"], OK),
        ("; a = b ; c=d;", &["a=b", "c=d"], OK),
        ("; a=\"b; c\"; d=e", &["a=b; c", "d=e"], OK),
        ("; a=\"q\\\"uo\\\\te\"", &["a=q\"uo\\te"], OK),
        ("; a=\"\"", &["a="], OK),
        ("; a=", &["a="], OK),
        ("; a=us-ascii (Plain text)", &["a=us-ascii|us-ascii (Plain text)"], OK),
        ("; (c) a (c(c)\\)) = (c) b", &["a=b"], OK),
        ("; a=report(1).pdf", &["a=report|report(1).pdf"], BAD),
        ("; a=my file.pdf; b=c", &["a=my|my file.pdf", "b=c"], BAD),
        ("; a=my (c=d) ; b=c", &["a=my", "b=c"], OK),
        (" a=b", &["a=b"], BAD),
        ("; a=b c=d", &["a=b", "c=d"], BAD),
        ("; a=\"b\" c=d", &["a=b", "c=d"], BAD),
        ("; a=\"b\".exe; c=d", &["a=b|b.exe", "c=d"], BAD),
        ("; a=\"open; c=d", &["a=open; c=d"], BAD),
        ("; a=\"open\\", &["a=open"], BAD),
        ("; a; b=c", &["b=c"], BAD),
        ("; junk a=b", &["a=b"], BAD),
        ("; =b; c=d", &["c=d"], BAD),
        ("; \"x\"=b; c=d", &["c=d"], BAD),
        ("; a=b (open; c=d", &["a=b|b (open", "c=d"], BAD),
        ("; a=b=c/d?e:f", &["a=b=c/d?e:f"], OK),
        ("; a*=utf-8''x; b*0=1; b*1*=2", &["a*=utf-8''x", "b*0=1", "b*1*=2"], OK),
        ("; a*00=1", &["a*0=1"], &["invalid_rfc2231"]),
        ("; a*x=1; a**=2", &["a=1", "a*=2"], &["invalid_rfc2231"]),
        ("; a*99999999999=1", &["a=1"], &["invalid_rfc2231"]),
    ];
    for (text, parameters, odd) in table {
        assert_eq!(list(text), (parameters.iter().map(ToString::to_string).collect(), odd.to_vec()), "{text}");
    }
}

#[test]
fn reads_media_types() {
    let table: &[(&str, Option<&str>, &str)] = &[
        ("text/plain", Some("text/plain"), ""),
        ("Text/HTML; charset=x", Some("text/html"), "; charset=x"),
        (" (c) text (c) / (c) plain (c);a=b", Some("text/plain"), "(c);a=b"),
        ("text/plain charset=x", Some("text/plain"), "charset=x"),
        ("image/svg+xml;a", Some("image/svg+xml"), ";a"),
        ("text", None, ""),
        ("text;a=b", None, ";a=b"),
        ("text/;a=b", None, ";a=b"),
        ("/plain;a=b", None, ";a=b"),
        ("name=x; a=b", None, "name=x; a=b"),
        ("", None, ""),
    ];
    for (value, media_type, list) in table {
        let mut odd = Vec::new();
        let (read, rest) = parse_media_type(value.as_bytes(), &mut |kind| odd.push(kind));
        assert_eq!(read.as_deref(), *media_type, "{value}");
        assert_eq!(trim(rest), list.as_bytes(), "{value}");
        assert_eq!(odd.is_empty(), media_type.is_some(), "{value}");
    }
}

#[test]
fn reads_tokens() {
    let table: &[(&str, Option<&str>, &str)] = &[
        ("base64", Some("base64"), ""),
        (" (c) BASE64 (c)", Some("base64"), ""),
        ("attachment; a=b", Some("attachment"), "; a=b"),
        ("base64 quoted-printable", Some("base64"), "quoted-printable"),
        ("filename=x", None, "filename=x"),
        ("", None, ""),
    ];
    for (value, token, list) in table {
        let (read, rest) = parse_token(value.as_bytes(), &mut |_| {});
        assert_eq!((read.as_deref(), trim(rest)), (*token, list.as_bytes()), "{value}");
    }
}

#[test]
fn stops_at_the_budget_and_says_so() {
    let text = "; a=b".repeat(1000);
    let mut budget = Budget::new(&Limits { parameters: 7, ..Limits::DEFAULT });
    assert_eq!(parse_list(text.as_bytes(), &mut budget, &mut |_| {}).len(), 7);
    assert!(budget.hit_parameters && !budget.hit_pieces);

    let text = "; a*1=b".repeat(100) + "; c=d";
    let mut budget = Budget::new(&Limits { rfc2231_pieces: 3, ..Limits::DEFAULT });
    assert_eq!(parse_list(text.as_bytes(), &mut budget, &mut |_| {}).len(), 4);
    assert!(budget.hit_pieces && !budget.hit_parameters);
}

#[test]
fn deep_comments_are_counted_not_recursed_into() {
    let text = vec![b'('; 1_000_000];
    let mut budget = Budget::new(&Limits::DEFAULT);
    let mut odd = 0;
    assert!(parse_list(&text, &mut budget, &mut |_| odd += 1).is_empty());
    assert_eq!(odd, 1);
}
