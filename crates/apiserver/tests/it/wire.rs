//! The listener: TLS, client certificates, tokens, and connections passed on after an upgrade.

use apiserver::{
    Config, DialError, Door, Listening, NodeDialer, ServiceNetwork, Stream, Tokens, User,
    admission,
    authn::{ClientCertificates, ServiceAccounts},
    authz::Standing,
};
use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::{Value, json};
use std::{net::SocketAddr, sync::Arc};
use stdx::{
    certificates::{self, Authority, Leaf, Pair, ServedCertificate},
    clock::Clock,
    random::Random,
    tasks::Tasks,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::client::TlsStream;

/// A node that greets and then echoes.
struct Echo;

#[async_trait]
impl NodeDialer for Echo {
    async fn dial_node(&self, _node: &str) -> Result<Box<dyn Stream>, DialError> {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        tokio::spawn(async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(theirs.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            assert!(!head.to_lowercase().contains("authorization"), "{head}");
            let answer = if head.to_lowercase().contains("upgrade: spdy") {
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n".into()
            } else {
                let path = head.split(' ').nth(1).unwrap();
                crate::proxied::page(path, &head).unwrap_or_else(|| {
                    format!(
                        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}",
                        path.len()
                    )
                    .into_bytes()
                })
            };
            theirs.write_all(&answer).await.unwrap();
            let (mut from, mut to) = tokio::io::split(theirs);
            let _ = tokio::io::copy(&mut from, &mut to).await;
        });
        Ok(Box::new(ours))
    }

    async fn dial_address(
        &self,
        host: &str,
        _: u16,
        _: bool,
    ) -> Result<Box<dyn Stream>, DialError> {
        Err(DialError {
            target: host.to_owned(),
            source: "not here".into(),
        })
    }
}

pub(crate) struct Wire {
    door: Arc<Door>,
    address: SocketAddr,
    authority: Authority,
    _serving: apiserver::Serving,
    _tasks: Tasks,
}

pub(crate) async fn listen() -> Wire {
    let (clock, tasks) = (Clock::system(), Tasks::new());
    let authority = Authority::create("ca", clock.now()).unwrap();
    let server = Leaf {
        dns_names: vec!["door".to_owned()],
        server: true,
        ..Leaf::default()
    };
    let server = authority.issue(&server, clock.now()).unwrap();
    let key = certificates::create_signing_key().unwrap();
    let tokens = Arc::new(Tokens::new(&key, "https://door", vec!["door".to_owned()]).unwrap());
    let config = Config {
        store: Arc::new(store::Memory::new()),
        clock,
        random: Random::from_seed(1),
        authenticators: vec![
            Arc::new(ClientCertificates),
            Arc::new(ServiceAccounts(Arc::clone(&tokens))),
        ],
        authorizer: Arc::new(Standing::default()),
        admission: admission::standard(),
        tokens: Some(tokens),
        dialer: Some(Arc::new(Echo)),
        advertise_removed_apis: false,
        parts: Arc::new(Vec::new),
        network: ServiceNetwork {
            service_cidrs: vec!["10.43.0.0/24".parse().unwrap()],
            node_ports: (30000, 32767),
            advertise_address: "192.0.2.1".parse().unwrap(),
            port: 6443,
        },
    };
    let door = Door::new(config, &tasks).await.unwrap();
    door.bootstrap().await.unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let shown = ServedCertificate::new(&server).unwrap();
    let tls = certificates::server_config(shown, authority.certificate_pem()).unwrap();
    let serving = door.serve(listener, Listening { tls: Some(tls) }, &tasks);
    Wire {
        door,
        address,
        authority,
        _serving: serving,
        _tasks: tasks,
    }
}

impl Wire {
    pub(crate) fn admin(&self) -> Pair {
        let leaf = Leaf {
            common_name: "admin".to_owned(),
            organizations: vec!["system:masters".to_owned()],
            client: true,
            ..Leaf::default()
        };
        self.authority.issue(&leaf, jiff::Timestamp::now()).unwrap()
    }

    async fn connect(&self, client: Option<&Pair>) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots
            .add(
                CertificateDer::from_pem_slice(self.authority.certificate_pem().as_bytes())
                    .unwrap(),
            )
            .unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match client {
            None => builder.with_no_client_auth(),
            Some(pair) => builder
                .with_client_auth_cert(
                    vec![CertificateDer::from_pem_slice(pair.certificate_pem.as_bytes()).unwrap()],
                    PrivateKeyDer::from_pem_slice(pair.key_pem.as_bytes()).unwrap(),
                )
                .unwrap(),
        };
        let socket = TcpStream::connect(self.address).await.unwrap();
        tokio_rustls::TlsConnector::from(Arc::new(config))
            .connect("door".try_into().unwrap(), socket)
            .await
            .unwrap()
    }

    /// Sends a GET and reads until the server closes.
    pub(crate) async fn ask(&self, client: Option<&Pair>, path: &str, header: &str) -> String {
        let mut stream = self.connect(client).await;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: door\r\n{header}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A connection that the server has switched to another protocol, and the head of its answer.
    pub(crate) async fn upgrade(
        &self,
        request: &str,
        fields: &str,
    ) -> (TlsStream<TcpStream>, String) {
        let mut stream = self.connect(Some(&self.admin())).await;
        let asked =
            format!("{request} HTTP/1.1\r\nHost: door\r\nConnection: Upgrade\r\n{fields}\r\n");
        stream.write_all(asked.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        (stream, head)
    }

    pub(crate) async fn post(&self, path: &str, object: &Value) -> Value {
        let mut request =
            crate::door::request(Method::POST, path, "application/json", object.to_string());
        request.extensions_mut().insert(User::apiserver());
        let (code, answer) = crate::door::read(self.door.handle(request).await).await;
        assert!(code < 300, "{answer}");
        answer
    }
}

#[tokio::test]
async fn certificates_and_tokens_say_who_asks() {
    let wire = listen().await;
    let path = "/api/v1/namespaces/default/configmaps";
    assert!(wire.ask(None, path, "").await.starts_with("HTTP/1.1 401"));
    assert!(wire.ask(None, "/livez", "").await.ends_with("ok"));
    assert!(
        wire.ask(Some(&wire.admin()), path, "")
            .await
            .starts_with("HTTP/1.1 200")
    );
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    wire.post(accounts, &json!({ "metadata": { "name": "robot" } }))
        .await;
    let answer = wire
        .post(&format!("{accounts}/robot/token"), &json!({ "spec": {} }))
        .await;
    let token = answer["status"]["token"].as_str().unwrap();
    let refused = wire
        .ask(None, path, &format!("Authorization: Bearer {token}\r\n"))
        .await;
    assert!(
        refused.contains(
            r#"User \"system:serviceaccount:default:robot\" cannot list resource \"configmaps\""#
        ),
        "{refused}"
    );
    // A browser's page can only offer it as a protocol, beside one that it understands.
    let offer = |token: &str, other: &str| {
        let token = URL_SAFE_NO_PAD.encode(token);
        let protocol = format!("base64url.bearer.authorization.k8s.io.{token}");
        format!("{SOCKET}Sec-WebSocket-Protocol: {protocol}{other}\r\n")
    };
    let other = ", base64.binary.k8s.io";
    let refused = wire.ask(None, path, &offer(token, other)).await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    let twice = offer(token, other) + &offer(token, "");
    for bad in [offer("broken", other), offer(token, ""), twice] {
        let answer = wire.ask(None, path, &bad).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{bad}{answer}");
    }
    let broken = wire
        .ask(None, path, &format!("Authorization: Bearer {token}x\r\n"))
        .await;
    assert!(broken.starts_with("HTTP/1.1 401"), "{broken}");
    let mut request = crate::door::request(Method::DELETE, &format!("{accounts}/robot"), "", "");
    request.extensions_mut().insert(User::apiserver());
    wire.door.handle(request).await;
    let orphaned = wire
        .ask(None, path, &format!("Authorization: Bearer {token}\r\n"))
        .await;
    assert!(orphaned.starts_with("HTTP/1.1 401"), "{orphaned}");
}

#[tokio::test]
async fn requests_and_upgrades_reach_the_node() {
    let wire = listen().await;
    wire.post(
        "/api/v1/namespaces/default/serviceaccounts",
        &json!({ "metadata": { "name": "default" } }),
    )
    .await;
    let pod = json!({ "metadata": { "name": "p" }, "spec": { "nodeName": "n", "containers": [{ "name": "c", "image": "i" }] } });
    wire.post("/api/v1/namespaces/default/pods", &pod).await;
    let admin = wire.admin();
    let path = "/api/v1/namespaces/default/pods/p";
    let log = wire
        .ask(Some(&admin), &format!("{path}/log?follow=true"), "")
        .await;
    assert!(
        log.contains("/containerLogs/default/p/c?follow=true"),
        "{log}"
    );
    let exec = format!("POST {path}/exec?command=sh&container=c");
    let spdy = "Upgrade: SPDY/3.1\r\nContent-Length: 0\r\n";
    let (mut stream, _) = wire.upgrade(&exec, spdy).await;
    stream.write_all(b"hello").await.unwrap();
    let mut echoed = [0; 5];
    stream.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, b"hello");
}

/// The fields that ask for a WebSocket, as a browser's page of another origin does.
pub(crate) const SOCKET: &str = "Origin: https://elsewhere.example\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// The next message of a socket, which is shorter than 64 KiB, and the byte before its length.
async fn message(stream: &mut TlsStream<TcpStream>) -> (u8, Vec<u8>) {
    let kind = stream.read_u8().await.unwrap();
    let length = match stream.read_u8().await.unwrap() {
        0x7e => stream.read_u16().await.unwrap(),
        short => short.into(),
    };
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes).await.unwrap();
    (kind, bytes)
}

#[tokio::test]
async fn forms_of_a_watch_over_a_socket() {
    let wire = listen().await;
    let all = "/api/v1/namespaces/default/configmaps";
    wire.post(all, &json!({ "metadata": { "name": "a" } }))
        .await;
    let watch = format!("GET {all}?watch=true");
    let table = [
        ("application/json;as=Table;g=meta.k8s.io;v=v1", "Table"),
        (
            "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
            "PartialObjectMetadata",
        ),
    ];
    for (accepted, kind) in table {
        let fields = format!("Accept: {accepted}\r\n{SOCKET}");
        let (mut stream, _) = wire.upgrade(&watch, &fields).await;
        let (sort, text) = message(&mut stream).await;
        let event: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!((sort, &event["object"]["kind"]), (0x81, &json!(kind)));
    }
    // Binary messages, each a WatchEvent without a length of its own around an object in its envelope.
    let protobuf = "application/vnd.kubernetes.protobuf";
    let table = [
        (format!("{protobuf};stream=watch"), "ConfigMap"),
        (
            format!("{protobuf};as=PartialObjectMetadata;g=meta.k8s.io;v=v1"),
            "PartialObjectMetadata",
        ),
    ];
    for (accepted, kind) in table {
        let fields = format!("Accept: {accepted}\r\n{SOCKET}");
        let (mut stream, _) = wire.upgrade(&watch, &fields).await;
        let (sort, event) = message(&mut stream).await;
        assert_eq!(sort, 0x82);
        assert!(event.starts_with(b"\x0a\x05ADDED\x12"), "{event:?}");
        let at = event.windows(4).position(|it| it == b"k8s\0").unwrap();
        let object = api::protobuf::decode(&event[at..]).unwrap();
        let object: Value = serde_json::from_slice(&object.json).unwrap();
        assert_eq!(
            (&object["kind"], &object["metadata"]["name"]),
            (&json!(kind), &json!("a"))
        );
    }
}

/// Upstream's conformance test "retrieving logs from the container over websockets".
#[tokio::test]
async fn a_log_over_a_socket() {
    let wire = listen().await;
    let pods = "/api/v1/namespaces/default/pods";
    let pod = json!({"metadata": {"name": "p"}, "spec": {
        "nodeName": "n1", "containers": [{"name": "c", "image": "i"}],
    }});
    let account = json!({ "metadata": { "name": "default" } });
    wire.post("/api/v1/namespaces/default/serviceaccounts", &account)
        .await;
    wire.post(pods, &pod).await;
    let path = "/containerLogs/default/p/c";
    let text = "L2NvbnRhaW5lckxvZ3MvZGVmYXVsdC9w";
    for (offer, kind, said) in [
        ("", 0x82, path),
        ("odd, binary.k8s.io", 0x82, path),
        ("base64.binary.k8s.io", 0x81, text),
        // The node, which is not to see it, would say so.
        (
            "binary.k8s.io, base64url.bearer.authorization.k8s.io.dG9rZW4",
            0x82,
            path,
        ),
    ] {
        let mut fields = SOCKET.to_owned();
        if !offer.is_empty() {
            fields += &format!("Sec-WebSocket-Protocol: {offer}\r\n");
        }
        let (mut stream, head) = wire.upgrade(&format!("GET {pods}/p/log"), &fields).await;
        let chosen = head.to_lowercase().contains("k8s.io");
        assert_eq!(chosen, !offer.is_empty(), "{head}");
        // First comes an empty message, last the end.
        assert_eq!(message(&mut stream).await, (kind, Vec::new()), "{offer}");
        let (sort, told) = message(&mut stream).await;
        let told = String::from_utf8(told).unwrap();
        assert_eq!((sort, told.starts_with(said)), (kind, true), "{told}");
        assert_eq!(message(&mut stream).await.0, 0x88, "{offer}");
    }
}

#[tokio::test]
async fn a_watch_over_a_socket() {
    let wire = listen().await;
    let all = "/api/v1/namespaces/default/configmaps";
    wire.post(all, &json!({ "metadata": { "name": "a" } }))
        .await;
    let watch = format!("GET {all}?watch=true");
    let (mut stream, head) = wire.upgrade(&watch, SOCKET).await;
    assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    let (sort, text) = message(&mut stream).await;
    assert_eq!(sort, 0x81);
    let event: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(
        (&event["type"], &event["object"]["metadata"]["name"]),
        (&json!("ADDED"), &json!("a"))
    );
}

#[tokio::test]
async fn the_issuer_of_tokens_says_how_they_are_checked() {
    let wire = listen().await;
    let admin = wire.admin();
    let body = |answer: &str| -> Value {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let kept = "cache-control: public, max-age=3600";
        assert!(head.to_lowercase().contains(kept), "{head}");
        serde_json::from_str(body).unwrap()
    };
    for end in ["", "/"] {
        let path = format!("/.well-known/openid-configuration{end}");
        let configuration = body(&wire.ask(Some(&admin), &path, "").await);
        assert_eq!(configuration["issuer"], "https://door");
        assert_eq!(configuration["jwks_uri"], "https://door/openid/v1/jwks");
        let algorithms = &configuration["id_token_signing_alg_values_supported"];
        let keys = body(
            &wire
                .ask(Some(&admin), &format!("/openid/v1/jwks{end}"), "")
                .await,
        );
        let key = &keys["keys"][0];
        assert_eq!((&algorithms[0], &key["use"]), (&key["alg"], &"sig".into()));
    }
}
