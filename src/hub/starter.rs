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
pub(super) struct Starter(Option<UnixStream>);

impl Starter {
    pub(super) async fn greet(path: Option<&Path>) -> Self {
        let Some(path) = path else { return Self(None) };
        match timeout(TELL_LIMIT, UnixStream::connect(path)).await {
            Ok(Ok(stream)) => Self(Some(stream)),
            Ok(Err(_)) | Err(_) => {
                tracing::debug!("the starter no longer waits");
                Self(None)
            }
        }
    }

    /// Waits until the process that waits has ended or gave up; never, if there is none.
    pub(super) async fn gone(&mut self) {
        let Some(stream) = &mut self.0 else { return std::future::pending().await };
        // It sends nothing.
        drop(stream.read(&mut [0]).await);
    }

    /// Sends the message: `ready`, or the error.
    pub(super) async fn tell(self, word: &str) {
        let Some(mut stream) = self.0 else { return };
        let say = async {
            stream.write_all(word.as_bytes()).await?;
            stream.shutdown().await
        };
        if !matches!(timeout(TELL_LIMIT, say).await, Ok(Ok(()))) {
            tracing::debug!("the starter no longer waits");
        }
    }
}
