//! Reads messages of prost modules, for groups whose Go types are not at hand. Names lose their case in
//! prost, so a field is matched with the JSON name that has the same letters.

use crate::go::{GoField, Package};

/// Reads one module; a message's fields come back as if Go had declared them.
pub fn read(text: &str) -> Package {
    let mut package = Package::default();
    let (mut name, mut tag) = (String::new(), None);
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("pub struct ") {
            name = rest.trim_end_matches(['{', '}', ' ']).to_owned();
            package.structs.insert(name.clone(), Vec::new());
        } else if let Some(rest) = line.strip_prefix("#[prost(") {
            let number = rest
                .split("tag = \"")
                .nth(1)
                .and_then(|t| t.split('"').next());
            let message = rest.starts_with("message");
            tag = number
                .and_then(|n| n.parse().ok())
                .map(|n: u32| (n, rest.contains("repeated"), message));
        } else if let (Some(rest), Some((number, repeated, message))) =
            (line.strip_prefix("pub "), tag)
        {
            let field = rest
                .split(':')
                .next()
                .unwrap_or("")
                .trim_start_matches("r#");
            let json = letters(field);
            // A kind's own parts are never pointers; any other message is one.
            let own = ["metadata", "spec", "status"].contains(&json.as_str());
            let field = GoField {
                json,
                pointer: message && !own,
                proto: Some((number, repeated)),
                ..GoField::default()
            };
            package.structs.entry(name.clone()).or_default().push(field);
            tag = None;
        }
    }
    package
}

/// The letters and digits of a name in lower case.
pub fn letters(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}
