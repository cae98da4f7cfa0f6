//! Connects to a loopback port inside a sandbox and hands the connection over (upstream: port-forward).

use std::fs::File;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::refuse;
use super::wire::{DialRequest, Reply, send};

const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn serve(connection: &UnixStream, request: &DialRequest) -> Result<(), String> {
    match dial(request) {
        Ok(stream) => {
            send(connection, &Reply::Connected, &[stream.as_fd()]).map_err(|e| e.to_string())
        }
        Err(reason) => refuse(connection, reason),
    }
}

fn dial(request: &DialRequest) -> Result<TcpStream, String> {
    let netns =
        File::open(&request.netns).map_err(|e| format!("open {}: {e}", request.netns.display()))?;
    move_into_link_name_space(netns.as_fd(), Some(LinkNameSpaceType::Network))
        .map_err(|e| format!("enter {}: {e}", request.netns.display()))?;
    let four = SocketAddr::from((Ipv4Addr::LOCALHOST, request.port));
    let six = SocketAddr::from((Ipv6Addr::LOCALHOST, request.port));
    TcpStream::connect_timeout(&four, TIMEOUT)
        .or_else(|first| TcpStream::connect_timeout(&six, TIMEOUT).map_err(|_| first))
        .map_err(|e| format!("dial tcp4 {four}: {e}"))
}
