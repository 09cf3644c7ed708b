//! The process that started this hub and waits for it to be ready.
//!
//! Knows one socket and one message.
use std::{path::Path, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    time::timeout,
};

/// How long the waiting process may take to listen.
const TELL_LIMIT: Duration = Duration::from_secs(5);

/// The process that waits for a hub to be ready. Connected from the hub's first moment, so that it
/// also notices a hub that dies before it can send anything.
pub(super) enum Starter {
    /// Nobody waits.
    None,
    /// It ended or gave up before it was connected.
    Gone,
    Waits(UnixStream),
}

impl Starter {
    pub(super) async fn greet(path: Option<&Path>) -> Self {
        let Some(path) = path else { return Self::None };
        match timeout(TELL_LIMIT, UnixStream::connect(path)).await {
            Ok(Ok(stream)) => Self::Waits(stream),
            Ok(Err(_)) | Err(_) => {
                tracing::debug!("the starter no longer waits");
                Self::Gone
            }
        }
    }

    /// Waits until the process that waits has ended, gave up, or was told by another hub; never, if
    /// nobody waits.
    pub(super) async fn gone(&mut self) {
        match self {
            Self::None => std::future::pending().await,
            Self::Gone => {}
            // It sends nothing.
            Self::Waits(stream) => drop(stream.read(&mut [0]).await),
        }
    }

    /// Sends the message: `ready`, or the error.
    pub(super) async fn tell(self, word: &str) {
        let Self::Waits(mut stream) = self else { return };
        let say = async {
            stream.write_all(word.as_bytes()).await?;
            stream.shutdown().await
        };
        if !matches!(timeout(TELL_LIMIT, say).await, Ok(Ok(()))) {
            tracing::debug!("the starter no longer waits");
        }
    }
}
