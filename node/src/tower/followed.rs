//! A channel that is followed, and when it is followed again after an error.

use std::time::{Duration, Instant};

use anyhow::bail;

use super::replica::Replica;

/// How long a channel rests that must be made anew for the first time; each further time it is twice as long.
const REST: Duration = Duration::from_secs(2);
/// And no longer: far less than the time that a cheater must wait.
const LONGEST_REST: Duration = Duration::from_secs(600);

/// See the module.
#[derive(Default)]
pub(super) struct Followed {
    pub(super) replica: Replica,
    /// How often in a row it was made anew, which may take all of its history each time.
    made_anew: u32,
    /// Until when it is left alone, and why.
    rests: Option<(Instant, String)>,
    /// Why it could not be followed the last time.
    pub(super) error: Option<String>,
}

impl Followed {
    /// Lets its replica catch up with the ledger, and the tower with it.
    ///
    /// # Errors
    /// Those of `catch_up`; or the last one again, where it rests.
    pub(super) fn follow(
        &mut self,
        now: Instant,
        catch_up: impl FnOnce(&mut Replica) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let result = self.follow_unless_it_rests(now, catch_up);
        self.error = result.as_ref().err().map(|error| format!("{error:#}"));
        result
    }

    fn follow_unless_it_rests(
        &mut self,
        now: Instant,
        catch_up: impl FnOnce(&mut Replica) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        match &self.rests {
            Some((until, why)) if now < *until => bail!("{why}"),
            Some(_) | None => self.rests = None,
        }
        let result = catch_up(&mut self.replica);
        match &result {
            Ok(()) => self.made_anew = 0,
            Err(error) => {
                // It may be because the tower has not what it had.
                self.replica.at_tower = None;
                if self.replica.is_void() {
                    self.replica = Replica::default();
                    let rest = REST.saturating_mul(2_u32.saturating_pow(self.made_anew));
                    self.made_anew = self.made_anew.saturating_add(1);
                    self.rests = Some((now + rest.min(LONGEST_REST), format!("{error:#}")));
                }
            }
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::super::replica::tests::{revoke, tower_of};
    use super::*;

    /// The tower is asked and has lost all.
    fn lose(replica: &mut Replica) -> anyhow::Result<()> {
        assert_eq!(replica.at_tower, None);
        replica.tower_has(tower_of(0))
    }

    fn catch_up(replica: &mut Replica) -> anyhow::Result<()> {
        revoke(replica, 10);
        replica.tower_has(tower_of(replica.revoked()))
    }

    #[test]
    fn channel_whose_tower_lost_states_is_made_anew_and_rests_longer_each_time() {
        let mut followed = Followed::default();
        let mut now = Instant::now();
        followed.follow(now, catch_up).unwrap();
        // The tower refuses the next state. That alone costs no look at the ledger.
        let refused = followed.follow(now, |_| Err(anyhow!("409")));
        assert_eq!(refused.unwrap_err().to_string(), "409");
        assert_eq!(followed.error.as_deref(), Some("409"));
        assert_eq!(followed.replica.revoked(), 10);
        let mut rest = REST;
        for _ in 0..12 {
            followed.follow(now, lose).unwrap_err();
            assert_eq!(followed.replica.revoked(), 0, "it is made anew");
            let early = now + rest - Duration::from_millis(1);
            let error = followed.follow(early, |_| panic!("it rests"));
            let error = error.unwrap_err().to_string();
            assert!(error.contains("0 states and had 10"), "{error}");
            now += rest;
            rest = (rest * 2).min(LONGEST_REST);
            let error = followed.follow(now, |replica| {
                catch_up(replica)?;
                bail!("not yet")
            });
            error.unwrap_err();
        }
        assert_eq!(rest, LONGEST_REST);
        // Once all went well, the next rest is short.
        followed.follow(now, |_| Ok(())).unwrap();
        assert_eq!(followed.error, None);
        followed.replica.at_tower = None;
        followed.follow(now, lose).unwrap_err();
        followed.follow(now + REST, catch_up).unwrap();
        assert_eq!(followed.replica.revoked(), 10);
    }
}
