//! Exec, attach, copy, port-forward and logs, over WebSocket and over SPDY, with each stock kubectl of the machine.

use crate::{
    cluster::{Cluster, image, kubectls, lacks},
    serving::{forwarded, on_a_terminal, while_it_runs},
};
use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

/// What the pod runs: a web server, and a line in its log.
const POD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: box}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: busybox
    imagePullPolicy: IfNotPresent
    command: [sh, -c, 'mkdir /www; echo page > /www/index.html; for i in 1 2 3; do echo line $i; done; exec httpd -f -p 8080 -h /www']
";
/// What goes through an exec and back: more than every buffer on the way holds.
const LARGE_BYTES: usize = 10 << 20;

/// Over which protocol kubectl speaks; the value of its environment variables.
const WEBSOCKETS: [&str; 2] = ["true", "false"];

#[test]
fn streams_arrive_whole_over_both_protocols() {
    if let Some(lack) = lacks() {
        eprintln!("skipped: {lack}");
        return;
    }
    let (Some(kubectl), Some(busybox)) = (kubectls().pop(), image("busybox")) else {
        eprintln!("skipped: no test images (make images)");
        return;
    };
    let mut cluster = Cluster::start(&kubectl);
    cluster.import(&busybox);
    let manifest = cluster.folder().join("pod.yaml");
    std::fs::write(&manifest, POD).unwrap();
    cluster.kubectl(&["apply", "-f", manifest.to_str().unwrap()]);
    cluster.kubectl(&["wait", "--for=condition=Ready", "pod/box", "--timeout=60s"]);
    for websockets in WEBSOCKETS {
        let it = Streams {
            cluster: &cluster,
            websockets,
        };
        it.exec();
        it.large();
        it.terminal();
        it.attach();
        it.copy();
        it.forward();
        it.leaves_nothing();
    }
    logs(&cluster);
    cluster.uninstall();
}

struct Streams<'a> {
    cluster: &'a Cluster,
    websockets: &'static str,
}

impl Streams<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.cluster.kubectl_command(arguments);
        command
            .env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", self.websockets)
            .env("KUBECTL_PORT_FORWARD_WEBSOCKETS", self.websockets);
        command
    }

    /// Runs kubectl with this input.
    fn fed(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(input));
            child.wait_with_output().unwrap()
        })
    }

    fn exec(&self) {
        let said = self.fed(&["exec", "-i", "box", "--", "cat"], b"hello\n");
        assert_eq!(said.stdout, b"hello\n");
        let line = "echo out; echo err >&2; exit 5";
        let said = self.fed(&["exec", "box", "--", "sh", "-c", line], b"");
        assert_eq!(said.status.code(), Some(5));
        assert_eq!(said.stdout, b"out\n");
        assert!(said.stderr.starts_with(b"err\n"), "{said:?}");
        let said = self.fed(&["exec", "box", "--", "missing"], b"");
        let complaint = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(
            complaint.contains("executable file not found in $PATH"),
            "{complaint}"
        );
        // The server ignores broken pipes; a container must not inherit that.
        let status = ["exec", "box", "--", "grep", "SigIgn", "/proc/self/status"];
        let said = self.fed(&status, b"");
        let ignored = String::from_utf8_lossy(&said.stdout).into_owned();
        assert_eq!(
            ignored.split_whitespace().last(),
            Some("0000000000000000"),
            "{ignored}"
        );
    }

    fn large(&self) {
        let sent: Vec<u8> = (0..LARGE_BYTES / 4)
            .flat_map(|number| (number as u32).to_le_bytes())
            .collect();
        let said = self.fed(&["exec", "-i", "box", "--", "cat"], &sent);
        assert!(
            said.stdout == sent,
            "{} of {} bytes came back, or not in order",
            said.stdout.len(),
            sent.len()
        );
    }

    fn terminal(&self) {
        let stty = ["exec", "-it", "box", "--", "stty", "size"];
        let seen = on_a_terminal(&self.command(&stty));
        assert!(seen.contains("33 111"), "{seen}");
    }

    /// The exit code of a process that one is attached to is the pod's to tell, not the session's.
    fn attach(&self) {
        let run = [
            "run",
            "attached",
            "-i",
            "--rm",
            "--restart=Never",
            "--image=busybox",
            "--image-pull-policy=IfNotPresent",
            "--",
            "sh",
            "-c",
            "cat; exit 6",
        ];
        let said = self.fed(&run, b"from stdin\n");
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&said.stderr).into_owned();
        assert_eq!(said.status.code(), Some(6), "{text}{complaint}");
        assert_eq!(text.matches("from stdin").count(), 1, "{text}{complaint}");
        assert!(!complaint.contains("falling back"), "{complaint}");
    }

    fn copy(&self) {
        let folder = self.cluster.folder();
        let (there, back) = (folder.join("there"), folder.join("back"));
        let sent: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
        std::fs::write(&there, &sent).unwrap();
        for (from, to) in [
            (there.to_str().unwrap(), "box:/tmp/copied"),
            ("box:/tmp/copied", back.to_str().unwrap()),
        ] {
            let said = self.fed(&["cp", from, to], b"");
            assert!(said.status.success(), "{said:?}");
        }
        assert!(std::fs::read(&back).unwrap() == sent, "the copy differs");
    }

    fn forward(&self) {
        let mut forward = self.command(&["port-forward", "box", ":8080"]);
        let (said, pages) = while_it_runs(&mut forward, |line| {
            let url = forwarded(line);
            (line.to_owned(), [(); 3].map(|()| self.cluster.curl(&url)))
        });
        for page in pages {
            assert_eq!(page.as_deref(), Some("page\n"), "kubectl said {said:?}");
        }
    }

    /// A client that is gone leaves no process behind.
    fn leaves_nothing(&self) {
        let line = "echo begun; sleep 7777 | cat";
        let mut exec = self.command(&["exec", "box", "--", "sh", "-c", line]);
        let begun = while_it_runs(&mut exec, str::to_owned);
        assert_eq!(begun, "begun\n");
        self.cluster.wait_for(
            "the processes to be gone",
            &["exec", "box", "--", "ps", "-o", "args"],
            |text| !text.contains("sleep 7777"),
        );
    }
}

fn logs(cluster: &Cluster) {
    assert_eq!(
        cluster.kubectl(&["logs", "box"]),
        "line 1\nline 2\nline 3\n"
    );
    assert_eq!(cluster.kubectl(&["logs", "box", "--tail=1"]), "line 3\n");
    assert_eq!(
        cluster.kubectl(&["logs", "box", "--since=1h", "--limit-bytes=6"]),
        "line 1"
    );
    let refused = cluster.kubectl_refused(&["logs", "box", "--previous"]);
    assert!(
        refused.contains("previous terminated container \"main\" in pod \"box\" not found"),
        "{refused}"
    );
}
