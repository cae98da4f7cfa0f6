//! The command line and the configuration file under mutated input: nothing panics, what is refused is refused in a
//! line that says why, and what is accepted means to each reader of it the same.

use crate::{
    arguments::{Arguments, Command, value_of},
    config_file, kube_apiserver, upstream_flags,
};
use clap::Parser as _;
use fuzz::Random;
use serde_json::{Value, json};
use std::{ffi::OsString, os::unix::ffi::OsStringExt as _, path::PathBuf};

/// Good parts of command lines, of which some only go with others.
const WORDS: [&str; 44] = [
    "server",
    "up",
    "image",
    "ls",
    "import",
    "uninstall",
    "version",
    "--config",
    "--config=/etc/x.yaml",
    "-c",
    "-c/x",
    "--data-dir=/x",
    "-d",
    "-o",
    "--bind-address=::1",
    "--https-listen-port=6443",
    "--secure-port",
    "65536",
    "0",
    "--service-cidr=10.0.0.0/24,fd00::/112",
    "--cluster-dns=10.0.0.10",
    "--disable=dns,proxy",
    "--disable-agent",
    "--enable-admission-plugins",
    "PodSecurity",
    "--authorization-mode=RBAC,AlwaysAllow",
    "--service-node-port-range=30000+10",
    "--service-node-port-range",
    "30000-32767",
    "--event-ttl=1h30m",
    "--allow-privileged",
    "--allow-privileged=true",
    "--cert-dir",
    "/certs",
    "--tls-cert-file=/a",
    "--tls-private-key-file=/b",
    "--etcd-servers=http://127.0.0.1:2379",
    "--v=4",
    "-v",
    "--profiling",
    "--feature-gates=A=true",
    "--",
    "--replicas=-1",
    "--help",
];

fn command_line(random: &mut Random) -> Vec<OsString> {
    let mut line = vec![OsString::from("sampan")];
    if random.one_in(2) {
        line.push("server".into());
    }
    for _ in 0..random.below(6) {
        let word = random.pick(&WORDS).as_bytes();
        let word = if random.one_in(4) {
            random.damaged(word, b"--config=\xff,-c--v=")
        } else {
            word.to_vec()
        };
        line.push(OsString::from_vec(word));
    }
    line
}

/// What clap says must begin as every refusal does, and not be empty.
fn parse(line: &[OsString]) -> Option<Arguments> {
    match Arguments::try_parse_from(line) {
        Ok(parsed) => Some(parsed),
        Err(error) if error.use_stderr() => {
            let text = error.to_string();
            let is_clear = text.starts_with("error: ") && text.len() > "error: ".len() + 10
                // Without a command, its help is what is said.
                || text.contains("Usage: sampan");
            assert!(is_clear, "{line:?}: {text}");
            None
        }
        Err(_) => None,
    }
}

#[test]
fn command_lines_mean_the_same_to_each_reader() {
    fuzz::run("the command line", 4000, |random| {
        let line = command_line(random);
        let Ok(sifted) = upstream_flags::sift(line.clone()) else {
            return;
        };
        let again = upstream_flags::sift(sifted.clone()).expect("what was kept is kept");
        assert_eq!(again, sifted);
        assert!(sifted.iter().all(|word| line.contains(word)));
        let read = match parse(&sifted).map(|parsed| parsed.command) {
            Some(Command::Server(options)) => options.config,
            Some(Command::Up(options)) => options.server.config,
            _ => return,
        };
        // The file is read before clap runs: it must be the one that clap would have named.
        let named = value_of(&sifted, config_file::FLAG).map(PathBuf::from);
        assert_eq!(
            named.unwrap_or_else(|| config_file::DEFAULT.into()),
            read,
            "{line:?}"
        );
    });
}

#[test]
fn command_lines_of_kube_apiserver() {
    fuzz::run("kube-apiserver's command line", 2000, |random| {
        let mut line = command_line(random);
        if random.one_in(20) {
            line.clear();
        }
        let line = kube_apiserver::command_line(line);
        if let Ok(sifted) = upstream_flags::sift(line) {
            parse(&sifted);
        }
    });
}

/// A configuration with a key of each form.
fn settings() -> Value {
    json!({
        "https-listen-port": 7443, "disable": ["dns", "proxy"], "disable-agent": true, "node-name": "a", "empty": null,
        "service-cidr": "10.0.0.0/24", "insecure-registry": ["127.0.0.1:5000"], "event-ttl": "90m", "log-level": "info",
        "profiling": false, "v": 4,
    })
}

#[test]
fn configurations_become_flags_or_are_refused() {
    fuzz::run("the configuration file", 3000, |random| {
        let mut tree = settings();
        random.bend(&mut tree);
        let mut text = if random.one_in(2) {
            tree.to_string().into_bytes()
        } else {
            b"https-listen-port: 7443\ndisable: [dns, proxy]\nnode-name: &a b\nother: *a\n".to_vec()
        };
        if random.one_in(2) {
            text = random.damaged(&text, b"? - : &a *a !!str |2 >- {[\"'#%@`");
        }
        let Ok(text) = String::from_utf8(text) else {
            return;
        };
        match config_file::to_arguments(&text) {
            Ok(flags) => {
                assert!(flags.iter().all(|flag| flag.starts_with("--")), "{flags:?}");
                // An alias may not make much of little.
                let length: usize = flags.iter().map(String::len).sum();
                assert!(
                    length <= 64 * (text.len() + 64),
                    "{length} of {}",
                    text.len()
                );
                let line = ["sampan".to_owned(), "server".to_owned()];
                let line = line.into_iter().chain(flags).map(OsString::from);
                if let Ok(sifted) = upstream_flags::sift(line.collect()) {
                    parse(&sifted);
                }
            }
            Err(error) => assert!(format!("{error:#}").len() > 10, "{error:#}"),
        }
    });
}
