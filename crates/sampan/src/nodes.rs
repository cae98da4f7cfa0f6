//! How the door reaches this process's node, and addresses of the pod network.

use apiserver::{BoxError, DialError, NodeDialer, Stream};
use async_trait::async_trait;
use kubelet::Kubelet;
use machinery::addresses::with_port;
use rustls::pki_types::ServerName;
use std::sync::{Arc, OnceLock};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Bytes under way between the door and the kubelet of the same process.
const PIPE_BYTES: usize = 64 << 10;

/// Reaches this process's kubelet by a function call, and addresses by TCP or TLS.
#[derive(Default)]
pub(crate) struct Nodes {
    own: OnceLock<(String, Arc<Kubelet>)>,
}

impl Nodes {
    /// The node of this process is there. It starts once, so the cell is empty.
    pub(crate) fn add(&self, name: String, kubelet: Arc<Kubelet>) {
        let _ = self.own.set((name, kubelet));
    }
}

#[async_trait]
impl NodeDialer for Nodes {
    async fn dial_node(&self, node: &str) -> Result<Box<dyn Stream>, DialError> {
        match self.own.get() {
            Some((name, kubelet)) if name == node => {
                let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
                tokio::spawn(Arc::clone(kubelet).serve(Box::new(theirs)));
                Ok(Box::new(ours))
            }
            _ => Err(DialError {
                target: format!("node {node:?}"),
                source: "it is not a node of this server".into(),
            }),
        }
    }

    async fn dial_address(
        &self,
        host: &str,
        port: u16,
        tls: bool,
    ) -> Result<Box<dyn Stream>, DialError> {
        dial(host, port, tls).await.map_err(|source| DialError {
            target: with_port(host, port),
            source,
        })
    }
}

async fn dial(host: &str, port: u16, tls: bool) -> Result<Box<dyn Stream>, BoxError> {
    let stream = TcpStream::connect((host, port)).await?;
    if !tls {
        return Ok(Box::new(stream));
    }
    let connector = TlsConnector::from(stdx::certificates::unverified()?);
    let name = ServerName::try_from(host.to_owned())?;
    Ok(Box::new(connector.connect(name, stream).await?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::{
        certificates::{Authority, Leaf, ServedCertificate, server_config},
        clock::Clock,
    };
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };
    use tokio_rustls::TlsAcceptor;

    #[tokio::test]
    async fn tls_is_spoken_to_whoever_answers() {
        let now = Clock::system().now();
        let authority = Authority::create("nobody knows it", now).unwrap();
        let leaf = Leaf {
            dns_names: vec!["somebody.else".to_owned()],
            server: true,
            ..Leaf::default()
        };
        let shown = ServedCertificate::new(&authority.issue(&leaf, now).unwrap()).unwrap();
        let config = server_config(shown, authority.certificate_pem()).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = TlsAcceptor::from(config).accept(stream).await.unwrap();
            let byte = stream.read_u8().await.unwrap();
            stream.write_all(&[byte + 1]).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        let mut stream = Nodes::default()
            .dial_address("127.0.0.1", port, true)
            .await
            .unwrap();
        stream.write_all(&[6]).await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), 7);
        server.await.unwrap();
    }

    #[tokio::test]
    async fn nobody_there_is_said() {
        let closed = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = closed.local_addr().unwrap().port();
        drop(closed);
        for tls in [false, true] {
            let error = Nodes::default().dial_address("127.0.0.1", port, tls).await;
            let error = error.err().unwrap();
            assert_eq!(error.target, format!("127.0.0.1:{port}"));
            assert!(error.source.to_string().contains("refused"), "{error}");
        }
    }
}
