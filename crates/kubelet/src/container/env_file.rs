//! Variables from a file of a volume: lines of `NAME='value'`, the value in single quotes, over several lines if it
//! must be (upstream: `pkg/util/env`). Pure.

const BLANKS: [char; 2] = [' ', '\t'];

/// The value of a key; nothing if the file does not set it. The error says what is wrong with the first bad line.
pub(super) fn value(text: &str, key: &str) -> Result<Option<String>, String> {
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let wrong = |what: &str| format!("line {}: {what}", at + 1);
        let line = line.trim_start_matches(BLANKS);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or_else(|| wrong("missing '='"))?;
        if name.is_empty() || name.ends_with(BLANKS) {
            return Err(wrong("no name directly before '='"));
        }
        if value.starts_with(BLANKS) {
            // As in a shell: nothing is assigned, what follows is another word.
            if name == key {
                return Ok(None);
            }
            continue;
        }
        let quoted = value.strip_prefix('\'');
        let mut rest = quoted.ok_or_else(|| wrong("value must be enclosed in single quotes"))?;
        let mut read = String::new();
        let after = loop {
            if let Some((inside, after)) = rest.split_once('\'') {
                read.push_str(inside);
                break after.trim_start_matches(BLANKS);
            }
            read.push_str(rest);
            read.push('\n');
            let next = lines.next().ok_or_else(|| wrong("unclosed single quote"))?;
            rest = next.1;
        };
        if !after.is_empty() && !after.starts_with('#') {
            return Err(wrong("unexpected content after closing quote"));
        }
        if name == key {
            return Ok(Some(read));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::value;

    #[test]
    fn values_by_key() {
        const FILE: &str =
            "# first\n\n  A='one' # why\nB='two\n# lines'\nC= 'blank'\nD=''\r\nA='again'\n";
        for (key, expected) in [
            ("A", Some("one")),
            ("B", Some("two\n# lines")),
            ("C", None),
            ("D", Some("")),
            ("E", None),
        ] {
            assert_eq!(value(FILE, key).unwrap().as_deref(), expected, "{key}");
        }
        for (file, expected) in [
            ("A", "line 1: missing '='"),
            ("='x'", "line 1: no name directly before '='"),
            ("\nA ='x'", "line 2: no name directly before '='"),
            ("A=x", "line 1: value must be enclosed in single quotes"),
            ("A=", "line 1: value must be enclosed in single quotes"),
            ("A='x", "line 1: unclosed single quote"),
            ("A='x' y", "line 1: unexpected content after closing quote"),
        ] {
            assert_eq!(value(file, "Z").unwrap_err(), expected, "{file}");
        }
        // Only what comes before the key matters.
        assert_eq!(value("A='x'\nB", "A").unwrap().as_deref(), Some("x"));
    }
}
