//! Command lines and kubeconfig files under mutated input: nothing panics, and a refusal says why.

use crate::{Line, flags::Flags, session::Session};
use clap::Parser as _;
use fuzz::Random;
use serde_json::{Value, json};

/// Good command lines; parts of one find their way into another.
const LINES: [&str; 12] = [
    "get pods,svc -A -o wide --sort-by=.metadata.name -l app=x,tier!=y",
    "get po a b -o jsonpath={.items[*].metadata.name} --watch",
    "exec -it web -c main -- sh -c true",
    "create deployment x --image=y --replicas=2 --port=80 -- sleep 1d",
    "create secret generic s --from-literal=a=b --from-file=c=/x --dry-run=client",
    "apply -f - --server-side --force-conflicts --field-manager=me --prune",
    "delete po x --grace-period=-1 --cascade=foreground --wait=false",
    "logs web -f --tail=5 --since=1h --timestamps --previous",
    "patch deploy web --type=json -p [{\"op\":\"remove\",\"path\":\"/a\"}]",
    "rollout undo deployment/web --to-revision=3 -n other",
    "set image deployment/web nginx=nginx:2 --all",
    "wait --for=condition=Ready pod/a --timeout=10s --as=jane --as-group=dev",
];

#[test]
fn command_lines_are_read_or_refused() {
    fuzz::run("kubectl's command line", 400, |random| {
        let mut line = random.pick(&LINES).as_bytes().to_vec();
        let other = random.pick(&LINES);
        if !random.one_in(4) {
            line = random.damaged(&line, other.as_bytes());
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        let words = std::iter::once("kubectl").chain(line.split(' '));
        if let Err(error) = Line::try_parse_from(words) {
            let text = error.to_string();
            let is_clear = text.starts_with("error: ") || text.contains("Usage: kubectl");
            assert!(is_clear, "{line:?}: {text}");
        }
    });
}

fn kubeconfig() -> Value {
    let certificate = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCmE=";
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "a", "preferences": {},
        "clusters": [
            { "name": "a", "cluster": { "server": "https://127.0.0.1:1", "certificate-authority-data": certificate } },
            { "name": "b", "cluster": { "server": "http://[::1]:2/path", "insecure-skip-tls-verify": true,
                "tls-server-name": "x", "proxy-url": "http://127.0.0.1:3" } },
        ],
        "contexts": [
            { "name": "a", "context": { "cluster": "a", "user": "a", "namespace": "n" } },
            { "name": "b", "context": { "cluster": "b", "user": "b" } },
        ],
        "users": [
            { "name": "a", "user": { "client-certificate-data": certificate, "client-key-data": certificate } },
            { "name": "b", "user": { "token": "t", "username": "u", "password": "p", "as": "j", "as-groups": ["g"] } },
        ],
    })
}

/// A kubeconfig as text, in one in four cases as it should be.
fn text(random: &mut Random) -> Vec<u8> {
    let mut tree = kubeconfig();
    if random.one_in(2) {
        random.bend(&mut tree);
    }
    let text = tree.to_string().into_bytes();
    if random.one_in(2) {
        random.damaged(&text, b"&a *a !!binary |- >2 ? : \xff")
    } else {
        text
    }
}

#[test]
fn kubeconfigs_are_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    fuzz::run("kubeconfig", 600, |random| {
        let text = text(random);
        // A credential plugin is a program, which is run: none of the mutations may make one.
        if text.windows(4).any(|word| word == b"exec") {
            return;
        }
        std::fs::write(&path, &text).unwrap();
        let session = Session::new(Flags {
            kubeconfig: Some(path.clone()),
            context: random.one_in(2).then(|| "b".to_owned()),
            ..Flags::default()
        });
        if let Err(error) = runtime.block_on(session.client()).map(|_| ()) {
            assert!(format!("{error:#}").len() > 10, "{error:#}");
        }
    });
}
