//! Plans as tables: a pod and what the machine has of it, and what is to be done.

use super::*;
use crate::pod::observe::{Ending, Memory};
use api::Object;
use runtime::{
    container::{Config, Exit},
    sandbox::{Config as SandboxConfig, Sandbox, State as SandboxState},
};

const NOW: i64 = 1_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn sandbox(id: &str, ready: bool) -> Sandbox {
    Sandbox {
        id: id.to_owned(),
        config: SandboxConfig::default(),
        state: if ready {
            SandboxState::Ready
        } else {
            SandboxState::NotReady
        },
        created_at: at(0),
        netns: None,
        ips: vec!["10.42.0.5".to_owned()],
        pid: None,
    }
}

/// `c:1=run`, `c:0=exit 3 @-5`, `c:0=new`, with the sandbox `s` or the one after `/`; made at the beginning, or as
/// many seconds ago as follow `+`.
fn container(text: &str) -> (String, Running) {
    let (text, age) = text.split_once('+').unwrap_or((text, ""));
    let created_at = age.parse().map_or(at(0), |age: i64| at(NOW - age));
    let (text, sandbox_id) = text.split_once('/').unwrap_or((text, "s"));
    let (head, state) = text.split_once('=').unwrap();
    let (name, attempt) = head.split_once(':').unwrap();
    let words: Vec<&str> = state.split(' ').collect();
    let state = match words[0] {
        "run" => State::Running {
            pid: 1,
            started_at: at(0),
        },
        "new" => State::Created,
        _ => State::Exited(Exit {
            code: words[1].parse().unwrap(),
            signal: None,
            reason: "Error".into(),
            message: String::new(),
            started_at: None,
            finished_at: at(NOW
                - words
                    .get(2)
                    .map_or(0, |it| it.trim_start_matches("@-").parse().unwrap())),
        }),
    };
    let config = Config {
        name: name.into(),
        attempt: attempt.parse().unwrap(),
        // Of a container that asks for nothing.
        resources: Resources {
            cpu_shares: Some(2),
            ..Resources::default()
        },
        ..Config::default()
    };
    let one = Running {
        id: format!("{name}{attempt}"),
        sandbox_id: sandbox_id.to_owned(),
        config,
        image_id: String::new(),
        image_ref: String::new(),
        state,
        created_at,
        log_path: None,
        user: runtime::container::User::default(),
    };
    (name.to_owned(), one)
}

fn facts(machine: &[&str]) -> Facts {
    let mut facts = Facts {
        now: at(NOW),
        sandbox: Some(sandbox("s", true)),
        ..Facts::default()
    };
    for (name, one) in machine.iter().map(|it| container(it)) {
        let it = facts.containers.entry(name).or_default();
        it.memory.started = true;
        it.attempts.push(one);
    }
    facts
}

fn pod(spec: &str) -> Pod {
    let text = format!(r#"{{"metadata":{{"name":"p","namespace":"n","uid":"u"}},"spec":{spec}}}"#);
    Pod::decode(text.as_bytes()).unwrap()
}

fn words(plan: &Plan) -> Vec<String> {
    let mut all: Vec<String> = plan
        .actions
        .iter()
        .map(|it| match it {
            Action::KillPod { grace_seconds } => format!("kill pod {grace_seconds}"),
            Action::RemoveSandbox { id } => format!("remove {id}"),
            Action::CreateSandbox { attempt } => format!("sandbox {attempt}"),
            Action::Kill {
                id, grace_seconds, ..
            } => format!("kill {id} {grace_seconds}"),
            Action::Resize { containers } => {
                let each = containers.iter().map(|(id, it)| {
                    format!(" {id}:{:?}/{:?}", it.cpu_shares, it.memory_limit_bytes)
                });
                format!("resize{}", each.collect::<String>())
            }
            Action::Forget { id } => format!("forget {id}"),
            Action::Start { name, attempt } => format!("start {name} {attempt}"),
        })
        .collect();
    all.extend(
        plan.waiting
            .iter()
            .map(|(name, (reason, _))| format!("{name} {reason}")),
    );
    if plan.over {
        all.push("over".to_owned());
    }
    all
}

const ONE: &str = r#"{"containers":[{"name":"c"}]}"#;
const NEVER: &str = r#"{"restartPolicy":"Never","containers":[{"name":"c"},{"name":"d"}]}"#;
const ON_FAILURE: &str = r#"{"restartPolicy":"OnFailure","containers":[{"name":"c"}]}"#;
const INIT: &str = r#"{"initContainers":[{"name":"i"},{"name":"s","restartPolicy":"Always"},{"name":"j"}],"containers":[{"name":"c"}]}"#;
const INIT_NEVER: &str =
    r#"{"restartPolicy":"Never","initContainers":[{"name":"i"}],"containers":[{"name":"c"}]}"#;

#[test]
fn what_comes_next() {
    let table: &[(&str, &[&str], &[&str])] = &[
        (ONE, &[], &["start c 0"]),
        (ONE, &["c:0=new"], &["forget c0", "start c 0"]),
        (ONE, &["c:0=run"], &[]),
        (ONE, &["c:0=exit 0"], &["start c 1"]),
        (ONE, &["c:1=exit 1", "c:0=exit 1"], &["start c 2"]),
        (
            ONE,
            &["c:2=run", "c:1=exit 1", "c:0=exit 1"],
            &["forget c0"],
        ),
        (NEVER, &["c:0=exit 0"], &["start d 0"]),
        (NEVER, &["c:0=exit 0", "d:0=run"], &[]),
        (NEVER, &["c:0=exit 0", "d:0=exit 1"], &["kill pod 30"]),
        (ON_FAILURE, &["c:0=exit 1"], &["start c 1"]),
        (ON_FAILURE, &["c:0=exit 0"], &["kill pod 30"]),
        (INIT, &[], &["start i 0"]),
        (INIT, &["i:0=run"], &[]),
        (INIT, &["i:0=exit 2"], &["start i 1"]),
        (INIT, &["i:0=exit 0"], &["start s 0"]),
        (INIT, &["i:0=exit 0", "s:0=run"], &["start j 0"]),
        (
            INIT,
            &["i:0=exit 0", "s:0=run", "j:0=exit 0"],
            &["start c 0"],
        ),
        (
            INIT,
            &["i:0=exit 0", "s:0=exit 1", "j:0=exit 0", "c:0=run"],
            &["start s 1"],
        ),
        (INIT_NEVER, &["i:0=exit 1"], &["kill pod 30"]),
        // A sandbox made anew begins from the start; restart counts go on.
        (ONE, &["c:3=exit 1/old"], &["start c 4"]),
        (
            INIT,
            &[
                "i:0=exit 0/old",
                "s:0=exit 1/old",
                "j:0=exit 0/old",
                "c:0=exit 1/old",
            ],
            &["start i 1"],
        ),
    ];
    for (spec, machine, wanted) in table {
        assert_eq!(
            words(&plan(&pod(spec), &facts(machine))),
            *wanted,
            "{spec} {machine:?}"
        );
    }
}

#[test]
fn an_end_can_restart_everything() {
    const ALL: &str = r#"{"restartPolicy":"Never","initContainers":[{"name":"i"}],"containers":[{"name":"c"},{"name":"w","restartPolicy":"Never",
        "restartPolicyRules":[{"action":"RestartAllContainers","exitCodes":{"operator":"In","values":[88]}}]}]}"#;
    let table: &[(&[&str], &[&str], bool)] = &[
        (
            &["i:0=exit 0 @-90", "c:0=run", "w:0=exit 88 @-50"],
            &["kill c0 0"],
            true,
        ),
        (
            &["i:0=exit 0 @-90", "c:0=exit 137 @-49", "w:0=exit 88 @-50"],
            &["start i 1"],
            true,
        ),
        (
            &[
                "i:1=run+40",
                "i:0=exit 0 @-90",
                "c:0=exit 137 @-49",
                "w:0=exit 88 @-50",
            ],
            &[],
            false,
        ),
        (
            &[
                "i:1=exit 0 @-30+40",
                "i:0=exit 0 @-90",
                "c:0=exit 137 @-49",
                "w:0=exit 88 @-50",
            ],
            &["start c 1", "start w 1"],
            false,
        ),
        // Another end of the watcher is an end like any other, and what began the round is remembered.
        (
            &[
                "i:1=exit 0 @-30+40",
                "c:1=run+20",
                "w:2=exit 1 @-1+10",
                "w:1=exit 1 @-15+20",
                "w:0=exit 88 @-50",
            ],
            &[],
            false,
        ),
        (
            &[
                "i:1=exit 0 @-30+40",
                "c:1=exit 0 @-1+20",
                "w:1=exit 0 @-1+20",
                "w:0=exit 88 @-50",
            ],
            &["kill pod 30"],
            false,
        ),
    ];
    for (machine, wanted, begins) in table {
        let (pod, facts) = (pod(ALL), facts(machine));
        assert_eq!(words(&plan(&pod, &facts)), *wanted, "{machine:?}");
        assert_eq!(
            Round::of(&pod, &facts).begins(&pod, &facts),
            *begins,
            "{machine:?}"
        );
    }
}

#[test]
fn running_containers_get_other_limits() {
    let spec = |policy: &str| {
        format!(
            r#"{{"initContainers":[{{"name":"i","resources":{{"requests":{{"cpu":"1"}}}}}}],"containers":[
            {{"name":"c","resizePolicy":[{{"resourceName":"memory","restartPolicy":"{policy}"}}],
            "resources":{{"requests":{{"cpu":"500m"}},"limits":{{"memory":"1Ki"}}}}}},{{"name":"d"}}]}}"#
        )
    };
    let (kept, restarted) = (spec("NotRequired"), spec("RestartContainer"));
    for (spec, machine, wanted) in [
        (&kept, "run", "resize c0:Some(512)/Some(1024)"),
        (&restarted, "run", "kill c0 30"),
        (&restarted, "exit 143", "start c 1"),
    ] {
        let state = format!("c:0={machine}");
        let facts = facts(&["i:0=exit 0", &state, "d:0=run"]);
        assert_eq!(
            words(&plan(&pod(spec), &facts)),
            [wanted],
            "{spec} {machine}"
        );
    }
}

#[test]
fn sandboxes_come_and_go() {
    let gone = Facts {
        now: at(NOW),
        ..Facts::default()
    };
    assert_eq!(words(&plan(&pod(ONE), &gone)), ["sandbox 0"]);
    let mut dead = facts(&["c:0=exit 1"]);
    dead.sandbox = Some(sandbox("s", false));
    assert_eq!(words(&plan(&pod(ONE), &dead)), ["sandbox 1"]);
    assert_eq!(words(&plan(&pod(ON_FAILURE), &dead)), ["sandbox 1"]);
    let mut half = facts(&["c:0=run"]);
    half.sandbox = Some(sandbox("s", false));
    assert_eq!(words(&plan(&pod(ONE), &half)), ["kill pod 0"]);
    // One whose network could not be attached, nor could it be taken away.
    let mut alone = facts(&[]);
    alone.sandbox.as_mut().unwrap().ips.clear();
    assert_eq!(words(&plan(&pod(ONE), &alone)), ["sandbox 1"]);
    alone.ending = Some(Ending {
        grace_seconds: 7,
        failure: None,
    });
    assert_eq!(words(&plan(&pod(ONE), &alone)), ["kill pod 7"]);
    let mut replaced = facts(&["c:0=exit 1/old"]);
    replaced.old_sandboxes = vec!["old".to_owned(), "older".to_owned()];
    assert_eq!(
        words(&plan(&pod(ONE), &replaced)),
        ["remove older", "start c 1"]
    );
    let mut done = facts(&["c:0=exit 0"]);
    done.sandbox = Some(sandbox("s", false));
    assert_eq!(words(&plan(&pod(ON_FAILURE), &done)), ["over"]);
}

#[test]
fn endings() {
    let ending = |machine: &[&str], ready: bool| {
        let mut facts = facts(machine);
        facts.sandbox = Some(sandbox("s", ready));
        facts.ending = Some(Ending {
            grace_seconds: 7,
            failure: None,
        });
        words(&plan(&pod(ONE), &facts))
    };
    assert_eq!(ending(&["c:0=run"], true), ["kill pod 7"]);
    assert_eq!(ending(&["c:0=exit 0"], true), ["kill pod 7"]);
    assert_eq!(ending(&["c:0=exit 0"], false), ["over"]);
}

#[test]
fn crashes_back_off_and_are_forgotten() {
    let planned = |machine: &str, crashes: Option<(u32, i64)>| {
        let mut facts = facts(&[machine]);
        let memory = &mut facts.containers.get_mut("c").unwrap().memory;
        memory.crashes = crashes.map(|(count, ago)| (count, at(NOW - ago)));
        let plan = plan(&pod(ONE), &facts);
        let message = plan
            .waiting
            .get("c")
            .map(|(_, it)| it.clone())
            .unwrap_or_default();
        (
            words(&plan),
            plan.wake.map(|it| it.as_second() - NOW),
            message,
        )
    };
    let waits = |seconds: i64, text: &str| {
        let message = format!("back-off {text} restarting failed container=c pod=p_n(u)");
        (
            vec!["c CrashLoopBackOff".to_owned()],
            Some(seconds),
            message,
        )
    };
    let starts = |attempt: u32| (vec![format!("start c {attempt}")], None, String::new());
    assert_eq!(planned("c:0=exit 1 @-1", None), starts(1));
    assert_eq!(planned("c:1=exit 1 @-1", Some((0, 3))), waits(9, "10s"));
    assert_eq!(planned("c:4=exit 1 @-80", Some((3, 90))), starts(5));
    assert_eq!(planned("c:4=exit 1 @-0", Some((3, 90))), waits(80, "1m20s"));
    assert_eq!(
        planned("c:9=exit 1 @-0", Some((9, 300))),
        waits(300, "5m0s")
    );
    assert_eq!(planned("c:9=exit 1 @-0", Some((9, 601))), starts(10));
    assert_eq!(count_crash(None, at(5)), (0, at(5)));
    assert_eq!(count_crash(Some((0, at(5))), at(100)), (1, at(100)));
    assert_eq!(count_crash(Some((4, at(5))), at(700)), (0, at(700)));
}

#[test]
fn probes_and_failed_starts() {
    let mut sick = facts(&["c:0=run"]);
    sick.containers.get_mut("c").unwrap().memory.kill = Some(("why".into(), Some(3)));
    assert_eq!(words(&plan(&pod(ONE), &sick)), ["kill c0 3"]);
    let mut waiting = facts(&[]);
    waiting.containers.entry("c".into()).or_default().memory = Memory {
        waiting: Some(("ImagePullBackOff".into(), String::new())),
        not_before: Some(at(NOW + 4)),
        ..Memory::default()
    };
    let held = plan(&pod(ONE), &waiting);
    assert_eq!(
        (words(&held), held.wake),
        (vec!["c ImagePullBackOff".to_owned()], Some(at(NOW + 4)))
    );
    waiting.now = at(NOW + 4);
    assert_eq!(words(&plan(&pod(ONE), &waiting)), ["start c 0"]);
}
