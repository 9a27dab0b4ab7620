//! Which of the channels that peers have asked for are opened now, and which are given up. Pure: the driver says what is.

use bitcoin::secp256k1::PublicKey;
use bitcoin::Amount;
use zarnitsa_service::records::{Ask, AskPolicy, AskStatus, MAX_ATTEMPTS};

/// What is to be done now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gathered {
    /// To be opened by one transaction, those that came first first.
    pub open: Vec<Ask>,
    /// To be refused, and why. The peers hear it.
    pub refuse: Vec<(Ask, String)>,
}

/// Looks through the asks that are not over, at this Unix time. A batch is due once its first has waited long enough or
/// once it is full; only peers that are here take part, and only as many as the coins suffice for. One batch is opened at a
/// time.
pub fn gather(
    policy: &AskPolicy,
    now: u64,
    mut asks: Vec<Ask>,
    is_here: impl Fn(&PublicKey) -> bool,
    spendable: impl Fn(usize) -> Amount,
) -> Gathered {
    asks.sort_by_key(|ask| (ask.received_at, ask.key()));
    let mut gathered = Gathered::default();
    let busy = asks.iter().any(|ask| ask.status == AskStatus::Opening);
    let most = usize::try_from(policy.max_batch).unwrap_or(usize::MAX);
    let mut sum = Amount::ZERO;
    for ask in asks {
        match ask.status {
            AskStatus::Opening | AskStatus::Opened | AskStatus::Refused => continue,
            AskStatus::Asked | AskStatus::Approved => {}
        }
        if let Some(reason) = given_up(policy, now, &ask) {
            gathered.refuse.push((ask, reason));
            continue;
        }
        let count = gathered.open.len();
        let waits = ask.status == AskStatus::Approved && is_here(&ask.peer);
        let with_it = sum.checked_add(ask.amount_sat).unwrap_or(Amount::MAX_MONEY);
        if !busy && waits && count < most && with_it <= spendable(count.saturating_add(1)) {
            sum = with_it;
            gathered.open.push(ask);
        }
    }
    let is_due = gathered.open.iter().any(|ask| due_at(policy, ask) <= now);
    if !is_due && gathered.open.len() < most {
        gathered.open.clear();
    }
    gathered
}

/// After an opening that came to nothing an ask waits longer each time.
fn due_at(policy: &AskPolicy, ask: &Ask) -> u64 {
    let waits = u64::from(ask.attempts).saturating_add(1);
    let wait = u64::from(policy.wait_seconds).saturating_mul(waits);
    ask.received_at.saturating_add(wait)
}

fn given_up(policy: &AskPolicy, now: u64, ask: &Ask) -> Option<String> {
    let last = ask.reason.as_str();
    if ask.attempts >= MAX_ATTEMPTS {
        let times = ask.attempts;
        return Some(format!("the opening failed {times} times: {last}"));
    }
    let ends = ask.received_at.saturating_add(policy.expiry_seconds.into());
    if now < ends {
        return None;
    }
    let seconds = policy.expiry_seconds;
    Some(match ask.status {
        AskStatus::Asked => format!("nobody approved it within {seconds} s"),
        _ if last.is_empty() => {
            format!("it could not be opened within {seconds} s: you were away, or the coins did not suffice")
        }
        _ => format!("it could not be opened within {seconds} s: {last}"),
    })
}

#[cfg(test)]
mod tests;
