//! `$(NAME)` in commands, arguments and values (upstream: `third_party/forked/golang/expansion`).

/// Replaces each `$(NAME)` that `lookup` knows; `$$` is a literal `$`; what is unknown or malformed stays as written.
pub fn expand(input: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(input.len());
    let mut rest = input;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(tail) = after.strip_prefix('$') {
            out.push('$');
            rest = tail;
        } else if let Some((name, tail)) = after.strip_prefix('(').and_then(|it| it.split_once(')'))
        {
            match lookup(name) {
                Some(value) => out.push_str(&value),
                None => {
                    out.push_str("$(");
                    out.push_str(name);
                    out.push(')');
                }
            }
            rest = tail;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// As [`expand`], but the first unknown name is an error: for paths, which must not keep a variable in them.
pub fn expand_strict(
    input: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let missing = std::cell::RefCell::new(None);
    let out = expand(input, &|name| {
        let found = lookup(name);
        if found.is_none() {
            missing.borrow_mut().get_or_insert_with(|| name.to_owned());
        }
        found
    });
    match missing.into_inner() {
        None => Ok(out),
        Some(name) => Err(format!("missing value for {name:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_upstream_expands() {
        let lookup = |name: &str| match name {
            "A" => Some("1".to_owned()),
            "EMPTY" => Some(String::new()),
            "SELF" => Some("$(A)".to_owned()),
            _ => None,
        };
        for (input, output) in [
            ("plain", "plain"),
            ("$(A)", "1"),
            ("x$(A)y$(A)", "x1y1"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$1"),
            ("$(B)", "$(B)"),
            ("$(EMPTY)", ""),
            ("$(SELF)", "$(A)"),
            ("$(A", "$(A"),
            ("$A", "$A"),
            ("cost$", "cost$"),
            ("$$", "$"),
        ] {
            assert_eq!(expand(input, &lookup), output, "{input}");
        }
        assert_eq!(expand_strict("$(A)/x", &lookup).as_deref(), Ok("1/x"));
        assert_eq!(
            expand_strict("$(B)/x", &lookup),
            Err("missing value for \"B\"".to_owned())
        );
    }
}
