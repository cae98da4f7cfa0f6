//! Each rule on a small fixture: what it refuses, and what only looks like it.

use super::{
    Finding,
    exceptions::judge_with,
    layers,
    lexer::lex,
    source::{self, Size, Source},
};

fn texts(findings: impl IntoIterator<Item = Finding>) -> Vec<String> {
    findings
        .into_iter()
        .map(|f| format!("{}: {}", f.line, f.text))
        .collect()
}

fn check(path: &str, text: &str) -> Vec<String> {
    texts(source::check(&Source::new(path.into(), text.into())))
}

fn sizes(path: &str, text: &str) -> Vec<(String, usize)> {
    let sizes = source::sizes(&Source::new(path.into(), text.into()));
    sizes
        .into_iter()
        .map(|size| (size.name, size.lines))
        .collect()
}

#[test]
fn layers_refuse_sideways_and_up() {
    let manifest = "[package]\nname = \"store\"\n[dependencies]\nstdx.workspace = true\nbytes = \"1\"\n\
                    api = { path = \"../api\" }\n[dev-dependencies]\ntestkit.workspace = true\n\
                    kinds.workspace = true\n[target.'cfg(unix)'.dependencies.client]\npath = \"x\"\n";
    assert_eq!(
        texts(layers::check("crates/store/Cargo.toml", manifest)),
        [
            "6: store may not import api",
            "9: store may not import kinds",
            "11: store may not import client"
        ]
    );
    let testkit = "[dependencies]\ntestkit.workspace = true\nstdx.workspace = true\n";
    let refused = texts(layers::check("crates/kubelet/Cargo.toml", testkit));
    assert_eq!(refused, ["2: kubelet may not import testkit"]);
    let brains = "[dependencies]\nscheduler.workspace = true\nnetwork.workspace = true\n";
    assert_eq!(
        texts(layers::check("crates/controllers/Cargo.toml", brains)).len(),
        2
    );
    assert_eq!(
        texts(layers::check("crates/sampan/Cargo.toml", brains)),
        [""; 0]
    );
    assert_eq!(texts(layers::check("crates/novel/Cargo.toml", "")).len(), 1);
}

#[test]
fn lexer_tells_code_from_the_rest() {
    let text =
        "a /* b /* c */ d */ e // f\n\"g\\\"{\" 'h' '\\'' &'life x r#\"i\"j\"# br\"k\" for\"l\"";
    let lexed = lex(text);
    assert_eq!(lexed.code.len(), text.len());
    let words: Vec<&str> = lexed.code.split_whitespace().collect();
    assert_eq!(words[..2], ["a", "e"]);
    assert!(!lexed.code.contains('{') && lexed.code.contains("&'life x"));
    let strings: Vec<&str> = lexed.strings.iter().map(|(_, s)| s.as_str()).collect();
    assert_eq!(strings, ["g\\\"{", "i\"j", "k", "l"]);
    assert_eq!(lexed.comments.len(), 2);
    assert_eq!(lexed.comments[1], (1, "// f".into()));
}

#[test]
fn files_open_with_a_purpose_and_have_a_name() {
    assert_eq!(check("crates/api/src/pod.rs", "//! Pods.\n"), [""; 0]);
    assert_eq!(check("crates/api/src/pod.rs", "use x;\n").len(), 1);
    assert_eq!(check("crates/api/src/pod/mod.rs", "//! X\n").len(), 1);
    assert_eq!(check("crates/api/src/utils.rs", "//! X\n").len(), 1);
    assert_eq!(check("crates/api/src/data_volume.rs", "//! X\n"), [""; 0]);
}

#[test]
fn undone_work_is_refused_in_comments_only() {
    let word = ["TO", "DO"].concat();
    let text = format!("//! X\n// {word}: later\nlet a = \"{word}\"; // {word}S\n");
    assert_eq!(
        check("crates/api/src/a.rs", &text),
        [format!("2: {word}: do it, or open an issue")]
    );
}

#[test]
fn unsafe_needs_a_place_and_a_reason() {
    let bare = "//! X\nfn f() {\n    unsafe { g() }\n}\n";
    assert_eq!(check("crates/api/src/a.rs", bare).len(), 1);
    assert_eq!(check("crates/runtime/src/a.rs", bare).len(), 1);
    let argued = "//! X\nfn f() {\n    // SAFETY: g has no conditions.\n    let x =\n        unsafe { g() };\n}\n";
    assert_eq!(check("crates/runtime/src/a.rs", argued), [""; 0]);
    let other = "//! X\n#![deny(unsafe_code)]\n// unsafe is a word\nlet s = \"unsafe\";\n";
    assert_eq!(check("crates/api/src/a.rs", other), [""; 0]);
}

#[test]
fn the_door_names_no_kind() {
    let text = "//! X\nif kind == \"Pod\" {}\nlet path = \"Pod name\";\n#[cfg(test)]\nmod tests {\n    const K: &str = \"Node\";\n}\n";
    let found = check("crates/apiserver/src/verbs/create.rs", text);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("2: "));
    assert_eq!(
        check("crates/apiserver/src/admission/pod.rs", text),
        [""; 0]
    );
    assert_eq!(check("crates/kinds/src/core/pod.rs", text), [""; 0]);
}

#[test]
fn functions_are_measured_and_tests_are_not() {
    let text = "//! X\ntrait T {\n    fn declared(&self);\n}\nfn a(\n    x: fn(u8) -> [u8; 2],\n) {\n    let s = \"}\";\n    {}\n}\n\
                #[cfg(test)]\n#[expect(x)]\nmod tests {\n    fn long() {\n    }\n}\n";
    let path = "crates/api/src/a.rs";
    assert_eq!(
        sizes(path, text),
        [(path.into(), 10), (format!("{path}::a"), 6)]
    );
    assert_eq!(sizes("crates/api/src/a/tests.rs", text), []);
    let long = format!("//! X\n#[cfg(test)]\nmod tests {{\n{}}}\n", "\n".repeat(90));
    assert_eq!(check(path, &long).len(), 1);
}

#[test]
fn files_of_test_modules_are_tests() {
    let text = "//! X\nfn a() {}\n";
    let list = "//! X\n#[cfg(test)]\nmod suite;\nmod real;\n";
    let mut sources: Vec<Source> = [
        ("crates/store/src/lib.rs", list),
        ("crates/store/src/suite.rs", text),
        ("crates/store/src/suite/model.rs", text),
        ("crates/store/src/real.rs", text),
    ]
    .map(|(path, text)| Source::new(path.into(), text.into()))
    .into();
    source::mark_test_files(&mut sources);
    let measured: Vec<bool> = sources
        .iter()
        .map(|s| !source::sizes(s).is_empty())
        .collect();
    assert_eq!(measured, [true, false, false, true]);
}

#[test]
fn exceptions_may_only_shrink() {
    let size = |lines| {
        [Size {
            name: "crates/a/src/b.rs".into(),
            path: "crates/a/src/b.rs".into(),
            line: 1,
            lines,
            limit: 600,
        }]
    };
    let stated = [("crates/a/src/b.rs", 700)];
    let judged = |exceptions: &[(&str, usize)], lines| judge_with(exceptions, &size(lines)).len();
    assert_eq!((judged(&[], 600), judged(&[], 601)), (0, 1));
    assert_eq!((judged(&stated, 700), judged(&stated, 701)), (0, 1));
    assert_eq!((judged(&stated, 699), judged(&stated, 600)), (1, 1));
    assert_eq!(judge_with(&stated, &[]).len(), 1);
}
