//! JSON-RPC over HTTP connections that stay open between calls.
//!
//! A follower asks bitcoind several things for each block and ten times a second whether there is a new one. The transports
//! of the RPC library open a connection, and one of them starts a thread, for each question; that cost both sides more than
//! the answers.

use std::error::Error;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::time::Duration;

use base64::prelude::{Engine, BASE64_STANDARD};
use bitcoincore_rpc::jsonrpc::{self, Request, Response, Transport};
use serde::de::DeserializeOwned;
use serde::Serialize;

/// The longest answer that is read: a full mempool's ids are less, and so is a block in hex.
const LONGEST_ANSWER: u64 = 128 << 20;

/// The most of an answer that an error shows.
const SHOWN: usize = 200;

/// A call that got no answer in JSON.
#[derive(Debug, thiserror::Error)]
pub(super) enum TransportError {
    /// Nothing listens, the connection broke, or the time is over.
    #[error("{0}")]
    Http(Box<ureq::Transport>),
    /// The answer broke off.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The answer does not end.
    #[error("the answer is longer than {LONGEST_ANSWER} bytes")]
    TooLong,
    /// Something else than JSON, as where credentials are refused or there is too much to do.
    #[error("HTTP {status}: {text}")]
    Status {
        /// HTTP's.
        status: u16,
        /// What came with it, cut short.
        text: String,
    },
}

impl TransportError {
    /// Whether the connection was found closed: bitcoind closes those on which nothing was asked for a while, maybe in the
    /// moment of a question.
    fn is_closed_connection(&self) -> bool {
        let Self::Http(transport) = self else {
            return false;
        };
        let source = transport.source().and_then(|it| it.downcast_ref());
        source.is_some_and(|error: &io::Error| {
            matches!(
                error.kind(),
                io::ErrorKind::BrokenPipe
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::ConnectionReset
            )
        })
    }
}

impl From<TransportError> for jsonrpc::Error {
    fn from(error: TransportError) -> Self {
        Self::Transport(Box::new(error))
    }
}

/// To one bitcoind, with one pair of credentials. No `Debug`: it holds them.
pub(super) struct HttpTransport {
    agent: ureq::Agent,
    url: String,
    authorization: String,
}

impl HttpTransport {
    /// With `user:password`. Opens no connection yet. No call takes longer than `timeout`.
    pub(super) fn new(server: SocketAddr, credentials: &str, timeout: Duration) -> Self {
        Self {
            agent: ureq::AgentBuilder::new()
                .timeout(timeout)
                .redirects(0)
                .build(),
            url: format!("http://{server}/"),
            authorization: format!("Basic {}", BASE64_STANDARD.encode(credentials)),
        }
    }

    /// Nothing that is asked here does harm if bitcoind hears it twice.
    fn ask<T: DeserializeOwned>(&self, question: impl Serialize) -> Result<T, jsonrpc::Error> {
        let question = serde_json::to_vec(&question)?;
        let answer = match self.ask_once(&question) {
            Err(error) if error.is_closed_connection() => self.ask_once(&question),
            answer => answer,
        };
        let (status, body) = answer?;
        match serde_json::from_slice(&body) {
            Err(_) if status != 200 => {
                let text = String::from_utf8_lossy(&body).chars().take(SHOWN).collect();
                Err(TransportError::Status { status, text }.into())
            }
            answer => Ok(answer?),
        }
    }

    /// HTTP's status, and what came with it: bitcoind's errors are JSON beside a status of their own.
    fn ask_once(&self, question: &[u8]) -> Result<(u16, Vec<u8>), TransportError> {
        let sent = self
            .agent
            .post(&self.url)
            .set("Authorization", &self.authorization)
            .set("Content-Type", "application/json")
            .send_bytes(question);
        let response = match sent {
            Ok(response) | Err(ureq::Error::Status(_, response)) => response,
            Err(ureq::Error::Transport(error)) => return Err(TransportError::Http(error.into())),
        };
        let (status, mut body) = (response.status(), Vec::new());
        // Read to its end: only then is the connection free for the next call.
        let read = response
            .into_reader()
            .take(LONGEST_ANSWER)
            .read_to_end(&mut body)?;
        if u64::try_from(read).unwrap_or(u64::MAX) >= LONGEST_ANSWER {
            return Err(TransportError::TooLong);
        }
        Ok((status, body))
    }
}

impl Transport for HttpTransport {
    fn send_request(&self, request: Request) -> Result<Response, jsonrpc::Error> {
        self.ask(request)
    }

    fn send_batch(&self, requests: &[Request]) -> Result<Vec<Response>, jsonrpc::Error> {
        self.ask(requests)
    }

    fn fmt_target(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&self.url)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread::{self, JoinHandle};

    use bitcoincore_rpc::jsonrpc::Client;
    use serde_json::Value;

    use super::*;

    const ANSWER: &str = r#"{"result":7,"error":null,"id":ID}"#;

    /// Reads a question, and says which number it has.
    fn question(connection: &mut BufReader<TcpStream>) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            connection.read_line(&mut line).unwrap();
            let line = line.trim().to_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        connection.read_exact(&mut body).unwrap();
        let question: Value = serde_json::from_slice(&body).unwrap();
        question["id"].clone()
    }

    fn answer(connection: &mut BufReader<TcpStream>, status: &str, body: &str) {
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
        connection.get_mut().write_all(answer.as_bytes()).unwrap();
    }

    /// Answers so many questions on each connection. After the last answer it closes at once, or once it has read another
    /// question.
    fn server(questions: &'static [usize], reads_one_more: bool) -> (Client, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = thread::spawn(move || {
            for (place, count) in questions.iter().enumerate() {
                let mut connection = BufReader::new(listener.accept().unwrap().0);
                for _ in 0..*count {
                    let id = question(&mut connection).to_string();
                    answer(&mut connection, "200 OK", &ANSWER.replace("ID", &id));
                }
                if reads_one_more && place + 1 < questions.len() {
                    question(&mut connection);
                }
            }
        });
        let timeout = Duration::from_secs(20);
        let transport = HttpTransport::new(address, "user:password", timeout);
        (Client::with_transport(transport), serving)
    }

    fn ask(client: &Client) -> Result<u32, jsonrpc::Error> {
        client.call("getblockcount", None)
    }

    #[test]
    fn calls_share_a_connection_until_the_server_closes_it() {
        let (client, serving) = server(&[3, 2], false);
        for _ in 0..5 {
            assert_eq!(ask(&client).unwrap(), 7);
        }
        serving.join().unwrap();
    }

    #[test]
    fn call_on_a_connection_that_closes_in_that_moment_is_made_again() {
        let (client, serving) = server(&[1, 2], true);
        for _ in 0..3 {
            assert_eq!(ask(&client).unwrap(), 7);
        }
        serving.join().unwrap();
    }

    #[test]
    fn answer_that_is_no_json_is_told_with_its_status() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = thread::spawn(move || {
            let mut connection = BufReader::new(listener.accept().unwrap().0);
            question(&mut connection);
            answer(&mut connection, "503 Busy", "Work queue depth exceeded");
        });
        let transport = HttpTransport::new(address, "user:password", Duration::from_secs(20));
        let error = ask(&Client::with_transport(transport)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "transport error: HTTP 503: Work queue depth exceeded"
        );
        serving.join().unwrap();
    }
}
