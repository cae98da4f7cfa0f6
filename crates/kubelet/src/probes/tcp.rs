//! A probe that opens a connection.

use super::Failed;
use machinery::addresses::with_port;
use std::time::Duration;
use tokio::net::TcpStream;

/// Connects and hangs up.
pub async fn connect(host: &str, port: u16, timeout: Duration) -> Result<(), Failed> {
    match tokio::time::timeout(timeout, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Failed::new(refused(host, port, &error))),
        Err(_) => Err(Failed::new(format!(
            "dial tcp {}: i/o timeout",
            with_port(host, port)
        ))),
    }
}

/// The words Go's dialler uses, which users search for.
pub(super) fn refused(host: &str, port: u16, error: &std::io::Error) -> String {
    let why = match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
        std::io::ErrorKind::HostUnreachable => "connect: no route to host".to_owned(),
        _ => error.to_string(),
    };
    format!("dial tcp {}: {why}", with_port(host, port))
}
