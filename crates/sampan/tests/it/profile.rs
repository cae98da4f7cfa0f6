//! The control plane alone: without privilege, with upstream's flags, started and stopped as a test rig does.

use crate::{
    cluster::lacks,
    control_plane::{ControlPlane, kubectl},
    namespace::said,
};
use jiff::Timestamp;
use std::process::{Command, Output};
use stdx::certificates::{Authority, Leaf};

/// Needs no privilege, serves who has a token, and ends when told to.
#[test]
fn nobody_runs_a_control_plane() {
    if let Some(lack) = lacks() {
        return eprintln!("skipped: {lack}");
    }
    let mut plane = ControlPlane::new();
    let tokens = plane.write(
        "tokens.csv",
        "root-token,admin,1,\"system:masters\"\nuser-token,user,2\n",
    );
    let tokens = format!("--token-auth-file={}", tokens.display());
    let as_user = ["--header", "Authorization: Bearer user-token"];
    let as_root = ["--header", "Authorization: Bearer root-token"];
    let as_other = ["--header", "Authorization: Bearer other-token"];
    let secrets = "/api/v1/namespaces/default/secrets";
    let range = "--service-cluster-ip-range=10.0.0.0/24";

    plane.serve(&[
        &tokens,
        range,
        "--authorization-mode=RBAC",
        "--profiling=false",
    ]);
    assert_eq!(plane.get(secrets, &as_root).unwrap().0, 200);
    assert_eq!(plane.get(secrets, &as_user).unwrap().0, 403);
    assert_eq!(plane.get(secrets, &as_other).unwrap().0, 401);
    assert_eq!(plane.get(secrets, &[]).unwrap().0, 401);
    let service = "/api/v1/namespaces/default/services/kubernetes";
    let (_, body) = plane.get(service, &as_root).unwrap();
    assert!(body.contains("\"clusterIP\": \"10.0.0.1\""), "{body}");
    let status = plane.stop();
    assert!(status.success(), "{status}\n{}", plane.log());

    plane.serve(&[&tokens, range, "--authorization-mode=RBAC,AlwaysAllow"]);
    assert_eq!(plane.get(secrets, &as_user).unwrap().0, 200);
    assert_eq!(plane.get(secrets, &as_other).unwrap().0, 401);
    assert!(plane.stop().success());
}

/// The command line that controller-runtime's envtest gives, by the name it looks for.
#[test]
fn stands_in_for_kube_apiserver() {
    if let Some(lack) = lacks() {
        return eprintln!("skipped: {lack}");
    }
    let mut plane = ControlPlane::new();
    let now = Timestamp::now();
    let authority = |name: &str| Authority::create(name, now).unwrap();
    let (serving, users, signer) = (
        authority("serving"),
        authority("users"),
        authority("signer"),
    );
    let server = Leaf {
        common_name: "localhost".to_owned(),
        addresses: vec!["127.0.0.1".parse().unwrap()],
        server: true,
        ..Leaf::default()
    };
    let server = serving.issue(&server, now).unwrap();
    let admin = Leaf {
        common_name: "admin".to_owned(),
        organizations: vec!["system:masters".to_owned()],
        client: true,
        ..Leaf::default()
    };
    let admin = users.issue(&admin, now).unwrap();
    plane.write("apiserver.crt", &server.certificate_pem);
    plane.write("apiserver.key", &server.key_pem);
    plane.write("sa-signer.crt", signer.certificate_pem());
    plane.write("sa-signer.key", &signer.pair().key_pem);
    plane.write("users.crt", users.certificate_pem());
    let ca = plane.write("ca.crt", serving.certificate_pem());
    let certificate = plane.write("admin.crt", &admin.certificate_pem);
    let key = plane.write("admin.key", &admin.key_pem);
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_sampan"), plane.path("kube-apiserver")).unwrap();

    let file = |flag: &str, name: &str| format!("--{flag}={}", plane.path(name).display());
    // It looks for flags that only old versions have.
    let program = plane.path("kube-apiserver");
    let help = plane.inside(&program).arg("--help").output().unwrap();
    assert!(help.status.success(), "{}", said(&help));
    assert!(!said(&help).contains("--insecure-port"));

    let mut command = plane.inside(&program);
    command
        .args([
            "--allow-privileged=true",
            "--authorization-mode=RBAC",
            "--bind-address=127.0.0.1",
        ])
        .args([
            "--secure-port=6443",
            "--service-cluster-ip-range=10.0.0.0/24",
        ])
        .arg("--service-account-issuer=https://127.0.0.1:6443/")
        .arg("--disable-admission-plugins=ServiceAccount")
        .arg("--etcd-servers=http://127.0.0.1:2379")
        .arg(file("cert-dir", ""))
        .arg(file("client-ca-file", "users.crt"))
        .arg(file("service-account-key-file", "sa-signer.crt"))
        .arg(file("service-account-signing-key-file", "sa-signer.key"));
    plane.spawn(&mut command);
    plane.until_ready();

    let ask = |arguments: &[&str]| -> Output {
        let mut command: Command = plane.inside(kubectl());
        command
            .env_remove("KUBECONFIG")
            .arg("--server=https://127.0.0.1:6443")
            .arg(format!("--certificate-authority={}", ca.display()))
            .arg(format!("--client-certificate={}", certificate.display()))
            .arg(format!("--client-key={}", key.display()))
            .args(arguments);
        command.output().unwrap()
    };
    let made = ask(&["create", "serviceaccount", "robot"]);
    assert!(made.status.success(), "{}\n{}", said(&made), plane.log());
    let token = ask(&["create", "token", "robot"]);
    assert!(token.status.success(), "{}", said(&token));
    let token = String::from_utf8_lossy(&token.stdout).trim().to_owned();
    let bearer = format!("Authorization: Bearer {token}");
    let review = plane.get("/apis/authentication.k8s.io/v1", &["--header", &bearer]);
    assert_eq!(review.unwrap().0, 200);
    let (_, keys) = plane
        .get("/openid/v1/jwks", &["--header", &bearer])
        .unwrap();
    assert!(keys.contains("ES256"), "{keys}");
    assert!(plane.stop().success());
}

/// What cannot be honoured is refused in one line that says what to do.
#[test]
fn flags_that_cannot_be_honoured_are_refused() {
    let refused = |flag: &str| {
        let arguments = ["server", "--disable-agent", "--config=/dev/null", flag];
        let output = Command::new(env!("CARGO_BIN_EXE_sampan"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(!output.status.success(), "{flag}");
        said(&output)
    };
    for (flag, says) in [
        (
            "--etcd-servers=http://127.0.0.1:2379",
            "--etcd-servers: etcd is not supported yet",
        ),
        (
            "--authorization-mode=Webhook",
            "[possible values: AlwaysAllow, AlwaysDeny, Node, RBAC]",
        ),
        (
            "--allow-privileged=false",
            "pod-security.kubernetes.io/enforce",
        ),
        ("--no-such-flag", "unexpected argument '--no-such-flag'"),
    ] {
        let answer = refused(flag);
        assert!(answer.contains(says), "{flag}: {answer}");
    }
}
