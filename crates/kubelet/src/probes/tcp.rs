//! A probe that opens a connection.

use super::Failed;
use std::time::Duration;
use tokio::net::TcpStream;

/// Connects and hangs up.
pub async fn connect(host: &str, port: u16, timeout: Duration) -> Result<(), Failed> {
    match tokio::time::timeout(timeout, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Failed::new(refused(host, port, &error))),
        Err(_) => Err(Failed::new(format!(
            "dial tcp {}: i/o timeout",
            address(host, port)
        ))),
    }
}

/// `10.42.0.5:80`, `[fd00::5]:80`.
pub(super) fn address(host: &str, port: u16) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// The words Go's dialler uses, which users search for.
pub(super) fn refused(host: &str, port: u16, error: &std::io::Error) -> String {
    let why = match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
        std::io::ErrorKind::HostUnreachable => "connect: no route to host".to_owned(),
        _ => error.to_string(),
    };
    format!("dial tcp {}: {why}", address(host, port))
}
