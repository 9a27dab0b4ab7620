//! Talks to the running node over loopback HTTP, with the full token from the data folder.

use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

use anyhow::{bail, Context};
use serde::de::DeserializeOwned;
use serde::Serialize;

use crate::api::{ApiError, Problem};
use crate::data_dir::{DataDir, Token};

/// How long a command may take that does not say otherwise: an opening waits for the peer.
const TIMEOUT: Duration = Duration::from_secs(120);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// One node.
#[derive(Debug)]
pub struct Client {
    base: String,
    token: Token,
    timeout: Duration,
}

impl Client {
    /// The node that runs on a folder.
    pub fn new(folder: &DataDir) -> anyhow::Result<Self> {
        let address = folder.address()?;
        Ok(Self {
            base: format!("http://{address}/api/services/lightning/v1/"),
            token: folder.full_token()?,
            timeout: TIMEOUT,
        })
    }

    /// The same with another patience.
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self {
            base: self.base.clone(),
            token: self.token.clone(),
            timeout,
        }
    }

    /// Asks.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.read(self.request("GET", path).call())
    }

    /// Commands.
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: impl Serialize) -> anyhow::Result<T> {
        self.read(self.request("POST", path).send_json(body))
    }

    /// Commands something whose answer is a file.
    pub fn download(&self, path: &str, out: &mut impl Write) -> anyhow::Result<()> {
        let response = self.answer(self.request("POST", path).call())?;
        std::io::copy(&mut response.into_reader(), out).context("the node's answer ends early")?;
        Ok(())
    }

    /// Commands something whose answer comes line by line.
    pub fn lines<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> anyhow::Result<impl Iterator<Item = anyhow::Result<T>>> {
        let response = self.answer(self.request("POST", path).call())?;
        let lines = BufReader::new(response.into_reader()).lines();
        Ok(lines
            .map(|line| serde_json::from_str(&line?).context("the node's answer does not parse")))
    }

    fn request(&self, method: &str, path: &str) -> ureq::Request {
        ureq::AgentBuilder::new()
            .timeout_connect(CONNECT_TIMEOUT)
            .timeout_read(self.timeout)
            .build()
            .request(method, &format!("{}{path}", self.base))
            .set("Authorization", &format!("Bearer {}", self.token.reveal()))
    }

    // ureq's error holds the whole answer.
    #[allow(clippy::result_large_err)]
    fn read<T: DeserializeOwned>(
        &self,
        result: Result<ureq::Response, ureq::Error>,
    ) -> anyhow::Result<T> {
        let response = self.answer(result)?;
        response
            .into_json()
            .context("the node's answer does not parse")
    }

    fn answer(
        &self,
        result: Result<ureq::Response, ureq::Error>,
    ) -> anyhow::Result<ureq::Response> {
        match result {
            Ok(response) => Ok(response),
            Err(ureq::Error::Status(status, response)) => match response.into_json::<Problem>() {
                Ok(problem) => Err(ApiError::from(problem).into()),
                Err(_) => bail!("the node answers with status {status}"),
            },
            Err(ureq::Error::Transport(error)) => {
                bail!("the node at {} does not answer: {error}", self.base)
            }
        }
    }
}
