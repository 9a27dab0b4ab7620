//! This node's side of a watchtower: whatever the peers revoke is given to it, encrypted.
//!
//! Nothing of it is stored: each channel is followed again from the ledger, step by step, by the same machine as the
//! first time. A revocation shows the commitment that it makes punishable, and so the same records come out at each start.
//! The tower answers with how many it has and a hash over all of them, which is compared with the one that the ledger
//! gives: so the node can show that the tower has every state up to the newest.

mod followed;
mod policies;
mod replica;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{bail, Context as _};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use zarnitsa_channel::ids::ChannelId;
use zeroize::Zeroizing;

use crate::api;
use crate::shared::Shared;
use crate::watch::protocol::{AccountState, AddStates, StateRecord};

pub(crate) use replica::next_digest;

use followed::Followed;
use policies::Policies;
use replica::Replica;

/// How long the tower may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Until a tower that did not answer is asked again.
const RETRY: Duration = Duration::from_secs(2);
/// Records in one request: some megabytes at most.
const BATCH: usize = 32;
/// So much of the tower's words is shown, and kept with the channel.
const SHOWN: usize = 200;
/// So many channels in a row for which the tower does not answer: it will not for the others.
const SILENCES: u32 = 2;

/// The tower said nothing.
#[derive(Debug, thiserror::Error)]
#[error("the tower at {url} does not answer: {reason}")]
struct Silent {
    url: String,
    reason: String,
}

/// What is known of the tower.
pub(crate) struct Tower {
    url: String,
    token: Zeroizing<String>,
    channels: Mutex<BTreeMap<ChannelId, Followed>>,
    policies: Mutex<Policies>,
    /// The tower was found to lack something: it is to be given it, without a block.
    lacks: Notify,
}

/// Follows the ledger for the tower that the settings name, if they name one.
pub(crate) fn keep(shared: &Arc<Shared>) {
    let Some(tower) = shared.tower.clone() else {
        return;
    };
    let (stopping, weak) = (shared.stopping.clone(), Arc::downgrade(shared));
    let mut blocks = shared.ledger.subscribe(shared.ledger.head().height);
    tokio::spawn(async move {
        loop {
            let Some(shared) = weak.upgrade() else { return };
            let following = tower.clone();
            let done = tokio::task::spawn_blocking(move || {
                let mut channels = following.channels();
                following.follow(&shared, &mut channels)
            })
            .await;
            let waits = match done {
                Ok(Ok(())) => false,
                Ok(Err(error)) => {
                    tracing::warn!(error = format!("{error:#}"), "the tower lacks states");
                    true
                }
                Err(error) => {
                    tracing::error!(%error, "the tower's task");
                    true
                }
            };
            tokio::select! {
                () = stopping.cancelled() => return,
                block = blocks.next() => if block.is_none() { return },
                () = tower.lacks.notified() => {}
                () = tokio::time::sleep(RETRY), if waits => {}
            }
        }
    });
}

impl Tower {
    /// Of the settings; `None` where they name no tower.
    ///
    /// # Errors
    /// Where the token's file cannot be read.
    pub(crate) fn of(config: &crate::config::Config) -> Result<Option<Arc<Self>>, std::io::Error> {
        let Some(url) = &config.watchtower.url else {
            return Ok(None);
        };
        let file = config.watchtower.token_file.clone().unwrap_or_default();
        let token = Zeroizing::new(std::fs::read_to_string(file)?.trim().to_owned());
        Ok(Some(Arc::new(Self {
            url: url.trim_end_matches('/').to_owned(),
            token,
            channels: Mutex::default(),
            policies: Mutex::default(),
            lacks: Notify::new(),
        })))
    }

    fn channels(&self) -> MutexGuard<'_, BTreeMap<ChannelId, Followed>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on from the ledger, and gives the tower what it lacks. A channel's error is no reason that the others wait:
    /// the first one is told when all was tried. [`Silent`] is told where the tower does not answer.
    fn follow(
        &self,
        shared: &Shared,
        channels: &mut BTreeMap<ChannelId, Followed>,
    ) -> anyhow::Result<()> {
        let live = shared.live_channels();
        channels.retain(|id, _| live.contains(id));
        let mut first = None;
        let mut silences = 0;
        for id in live {
            let channel = channels.entry(id).or_default();
            let caught_up = channel.follow(Instant::now(), |replica| {
                self.catch_up(shared, &id, replica)
            });
            let Err(error) = caught_up else {
                silences = 0;
                continue;
            };
            silences = if error.is::<Silent>() {
                silences + 1
            } else {
                0
            };
            let error = error.context(format!("channel {id}"));
            if silences == SILENCES {
                return Err(error);
            }
            first.get_or_insert(error);
        }
        first.map_or(Ok(()), Err)
    }

    fn catch_up(
        &self,
        shared: &Shared,
        id: &ChannelId,
        replica: &mut Replica,
    ) -> anyhow::Result<()> {
        loop {
            // After each snapshot that may bring steps, so that no step lacks its policy.
            let more = replica.advance(shared, id, &self.policies)?;
            self.deliver(shared, id, replica)?;
            if !more {
                return Ok(());
            }
        }
    }

    fn deliver(
        &self,
        shared: &Shared,
        id: &ChannelId,
        replica: &mut Replica,
    ) -> anyhow::Result<()> {
        let account = hex::encode(shared.signer.tower_account(id));
        if replica.at_tower.is_none() {
            replica.tower_has(self.get(&format!("accounts/{account}"))?)?;
        }
        while let Some((from, records)) = replica.due(BATCH)? {
            let records = records.iter().map(|sealed| StateRecord {
                locator: hex::encode(sealed.locator),
                data: hex::encode(&sealed.data),
            });
            let request = AddStates {
                account: account.clone(),
                from,
                states: records.collect(),
            };
            let state: AccountState = self.post("states", &request)?;
            if state.states <= from {
                bail!("the tower took nothing from state {from} on");
            }
            replica.tower_has(state)?;
        }
        Ok(())
    }

    /// What the tower has of each live channel, asked anew and compared with the ledger.
    ///
    /// # Errors
    /// Where the tower does not answer. What it answers of one channel that cannot be is told with that channel.
    pub(crate) fn proven(&self, shared: &Shared) -> anyhow::Result<Vec<api::TowerChannel>> {
        let mut channels = self.channels();
        for channel in channels.values_mut() {
            channel.replica.at_tower = None;
        }
        let followed = self.follow(shared, &mut channels);
        if let Err(error) = followed {
            self.lacks.notify_one();
            if error.is::<Silent>() {
                return Err(error);
            }
        }
        let shown = channels.iter().map(|(id, channel)| {
            let state = channel.replica.at_tower.as_ref();
            api::TowerChannel {
                channel_id: *id,
                revoked_states: channel.replica.revoked(),
                tower_states: state.map_or(0, |state| state.states),
                complete: state.is_some_and(|state| channel.replica.is_proven_by(state)),
                error: channel.error.clone(),
            }
        });
        Ok(shown.collect())
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.answer(self.request("GET", path).call())
    }

    fn post<T: DeserializeOwned>(&self, path: &str, body: &AddStates) -> anyhow::Result<T> {
        self.answer(self.request("POST", path).send_json(body))
    }

    fn request(&self, method: &str, path: &str) -> ureq::Request {
        ureq::AgentBuilder::new()
            .timeout(TIMEOUT)
            .build()
            .request(method, &format!("{}/watch/v1/{path}", self.url))
            .set("Authorization", &format!("Bearer {}", self.token.as_str()))
    }

    // ureq's error holds the whole answer.
    #[allow(clippy::result_large_err)]
    fn answer<T: DeserializeOwned>(
        &self,
        result: Result<ureq::Response, ureq::Error>,
    ) -> anyhow::Result<T> {
        match result {
            Ok(response) => response
                .into_json()
                .context("the tower's answer does not parse"),
            Err(ureq::Error::Status(status, response)) => {
                let text = response.into_string().unwrap_or_default();
                let shown: String = text.chars().take(SHOWN).collect();
                bail!("the tower at {} answers {status}: {shown}", self.url)
            }
            Err(ureq::Error::Transport(error)) => {
                let (url, reason) = (self.url.clone(), error.to_string());
                Err(Silent { url, reason }.into())
            }
        }
    }
}
