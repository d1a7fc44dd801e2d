//! The command lines of the suite's programs: `--name value` and `--flag`, nothing else.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

/// What a command line may say.
#[derive(Debug)]
pub struct Usage {
    /// The text of `--help`, and of every complaint.
    pub help: &'static str,
    /// Names with a value, without dashes.
    pub values: &'static [&'static str],
    /// Names without a value.
    pub flags: &'static [&'static str],
}

/// A command line that has been read.
#[derive(Debug, Default)]
pub struct Arguments {
    values: BTreeMap<String, Vec<String>>,
    flags: Vec<String>,
}

impl Usage {
    /// Reads the words of a command line, without the program's name.
    ///
    /// # Errors
    /// The complaint, or the help that was asked for, ready to be shown.
    pub fn read(&self, words: impl IntoIterator<Item = String>) -> Result<Arguments, String> {
        let mut arguments = Arguments::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").unwrap_or_default().to_owned();
            if name == "help" {
                return Err(self.help.to_owned());
            } else if self.flags.contains(&name.as_str()) {
                arguments.flags.push(name);
            } else if self.values.contains(&name.as_str()) {
                let value = words.next().ok_or_else(|| self.complain(format_args!("{word} needs a value")))?;
                arguments.values.entry(name).or_default().push(value);
            } else {
                return Err(self.complain(format_args!("{word} is not known")));
            }
        }
        Ok(arguments)
    }

    fn complain(&self, what: impl Display) -> String {
        format!("{what}\n\n{}", self.help)
    }
}

impl Arguments {
    /// Whether the flag was given.
    pub fn flag(&self, name: &str) -> bool {
        self.flags.iter().any(|flag| flag == name)
    }

    /// Every value given for `name`.
    pub fn all(&self, name: &str) -> &[String] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// The last value given for `name`.
    ///
    /// # Errors
    /// The complaint about a value that cannot be read.
    pub fn optional<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, String> {
        let parse = |value: &String| value.parse().map_err(|error| format!("--{name} {value}: {error}"));
        self.all(name).last().map(parse).transpose()
    }

    /// The last value given for `name`, or `default`.
    ///
    /// # Errors
    /// The complaint about a value that cannot be read.
    pub fn or<T: FromStr<Err: Display>>(&self, name: &str, default: T) -> Result<T, String> {
        Ok(self.optional(name)?.unwrap_or(default))
    }

    /// The value given for `name`.
    ///
    /// # Errors
    /// The complaint about a value that is missing or cannot be read.
    pub fn required<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T, String> {
        self.optional(name)?.ok_or_else(|| format!("--{name} is needed"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)] // tests say so by failing

    use super::*;

    const USAGE: Usage = Usage { help: "the help", values: &["count", "name"], flags: &["quiet"] };

    fn read(line: &str) -> Result<Arguments, String> {
        USAGE.read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn values_and_flags() {
        let arguments = read("--count 3 --quiet --name a --name b").expect("it is well formed");
        assert_eq!((arguments.or("count", 1), arguments.flag("quiet")), (Ok(3), true));
        assert_eq!(
            (arguments.all("name"), arguments.optional("name")),
            (&["a".into(), "b".into()][..], Ok(Some("b".to_owned())))
        );
        let arguments = read("").expect("it is well formed");
        assert_eq!((arguments.or("count", 1), arguments.flag("quiet")), (Ok(1), false));
        assert!(arguments.required::<u64>("count").is_err());
    }

    #[test]
    fn complaints() {
        assert_eq!(read("--help").err().as_deref(), Some("the help"));
        assert_eq!(read("--count").err().as_deref(), Some("--count needs a value\n\nthe help"));
        assert_eq!(read("count 3").err().as_deref(), Some("count is not known\n\nthe help"));
        assert!(read("--count x").expect("it is well formed").or("count", 1).is_err());
    }
}
