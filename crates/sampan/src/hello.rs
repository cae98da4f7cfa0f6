//! The demo server: `sampan hello`, the only process of the demo image. Shows who answered, and has the
//! levers that tutorials pull: health, crash, load.

use crate::arguments::HelloOptions;
use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    fmt::Write as _,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::Semaphore,
};

/// Connections served at once.
const CONNECTIONS: usize = 256;
/// The longest `/burn`, in milliseconds.
const BURN_LIMIT_MS: u64 = 60_000;

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn serve(options: HelloOptions) -> anyhow::Result<()> {
    let address = SocketAddr::from(([0, 0, 0, 0], options.port));
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    println!("sampan hello listens on {address}");
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let (requests, room) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(Semaphore::new(CONNECTIONS)),
    );
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => { eprintln!("accept: {error}"); continue; }
            },
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        };
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            break;
        };
        let requests = Arc::clone(&requests);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let count = requests.fetch_add(1, Ordering::Relaxed) + 1;
                async move { Ok::<_, Infallible>(answer(&request, count).await) }
            });
            // A client that goes away early is its own business.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
            drop(permit);
        });
    }
    println!("sampan hello stops");
    Ok(())
}

async fn answer(request: &Request<Incoming>, count: u64) -> Response<Full<Bytes>> {
    println!("{} {}", request.method(), request.uri());
    match request.uri().path() {
        "/healthz" => plain(StatusCode::OK, "ok\n".to_owned()),
        "/crash" => {
            eprintln!("crashing because a request asked for it");
            std::process::exit(1)
        }
        "/burn" => burn(request.uri().query().unwrap_or_default()).await,
        "/env" => plain(StatusCode::OK, environment()),
        "/" => plain(StatusCode::OK, page(count)),
        _ => plain(
            StatusCode::NOT_FOUND,
            "try /, /healthz, /crash, /burn?ms=100 or /env\n".to_owned(),
        ),
    }
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static("text/plain; charset=utf-8");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, kind);
    response
}

fn page(count: u64) -> String {
    let from =
        |name: &str, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    format!(
        "Hello from Sampan!\npod:      {}\nnode:     {}\nversion:  {}\nrequests: {count}\n",
        from("POD_NAME", &from("HOSTNAME", "unknown")),
        from("NODE_NAME", "unknown"),
        from("VERSION", env!("CARGO_PKG_VERSION")),
    )
}

fn environment() -> String {
    let mut all: Vec<_> = std::env::vars().collect();
    all.sort();
    all.into_iter()
        .fold(String::new(), |mut text, (name, value)| {
            let _ = writeln!(text, "{name}={value}");
            text
        })
}

/// Keeps one processor busy for `ms` milliseconds.
async fn burn(query: &str) -> Response<Full<Bytes>> {
    let wanted = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("ms=")?.parse::<u64>().ok());
    let Some(ms) = wanted else {
        return plain(
            StatusCode::BAD_REQUEST,
            "say for how long: /burn?ms=100\n".to_owned(),
        );
    };
    let until = Instant::now() + Duration::from_millis(ms.min(BURN_LIMIT_MS));
    let burned = tokio::task::spawn_blocking(move || {
        let mut rounds: u64 = 0;
        while Instant::now() < until {
            rounds = std::hint::black_box(rounds.wrapping_add(1));
        }
        rounds
    })
    .await;
    match burned {
        Ok(rounds) => plain(StatusCode::OK, format!("burned {rounds} rounds\n")),
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}
