//! Grows a world from its seed: eight kinds of account, then as many plain ones as asked for.
//!
//! Account `n` is drawn from stream `n`, so asking for more accounts changes none before them.

use chrono::{DateTime, Duration, Utc};

use serde_json::Map;

use super::{
    account::{Account, Institution, NewAccount, Transaction},
    bank::{self, Bank},
    mint::Mint,
    status::DataStatus,
};

const FIRST_NAMES: [&str; 12] = [
    "ADA", "BOLA", "CHIDI", "DAYO", "EFE", "FEMI", "GRACE", "HALIMA", "IFEOMA", "KUNLE", "NGOZI",
    "TUNDE",
];
const LAST_NAMES: [&str; 8] =
    ["SAMPLE", "EXAMPLE", "SPECIMEN", "MODEL", "PATTERN", "TRIAL", "DRAFT", "OUTLINE"];
const KINDS: [&str; 5] = [
    "SAVINGS_ACCOUNT",
    "SAVINGS",
    "Tier 3 Savings Account",
    "DIGITAL_SAVINGS_ACCOUNT",
    "SAVINGS ACCOUNT - INDIVIDUAL",
];
const DEBITS: [(&str, &str); 6] = [
    ("NIP TRANSFER TO BOLA SAMPLE", "transfer"),
    ("POS PURCHASE SAMPLE STORES", "food"),
    ("STAMP DUTY CHARGE", "bank_charges"),
    ("AIRTIME TOP UP", "bills"),
    ("WEB PURCHASE EXAMPLE SHOP", "online_transactions"),
    ("SCHOOL FEES SECOND TERM", "education"),
];
const CREDITS: [(&str, &str); 3] = [
    ("NIP TRANSFER FROM EFE MODEL", "transfer"),
    ("SALARY EXAMPLE LIMITED", "transfer"),
    ("CASH DEPOSIT BRANCH 12", "unknown"),
];

/// When the seeded world was last updated: fixed, so that the same seed gives the same world.
fn epoch() -> DateTime<Utc> {
    DateTime::from_timestamp(1_769_952_180, 100_000_000).unwrap_or_default()
}

/// The first `count` accounts of the world of `seed`.
pub(crate) fn accounts(seed: u64, count: usize) -> Vec<Account> {
    (0..count as u64)
        .map(|number| {
            let mut mint = Mint::new(seed, number);
            let mut account = account(&mut mint, special(number), epoch());
            flavour(&mut account, number);
            account
        })
        .collect()
}

/// What distinguishes account `number` and can be asked for.
fn special(number: u64) -> NewAccount {
    let plain = NewAccount::default();
    match number {
        0 => NewAccount { transactions: Some(307), ..plain },
        1 => NewAccount { needs_reauth: true, ..plain },
        2 => NewAccount { data_status: Some(DataStatus::Processing), ..plain },
        3 => NewAccount { data_status: Some(DataStatus::Partial), ..plain },
        4 => NewAccount { data_status: Some(DataStatus::Unavailable), ..plain },
        // A domiciliary account: the balance and never the transactions, under FAILED.
        5 => NewAccount {
            data_status: Some(DataStatus::Failed),
            retrieved_data: Some(vec!["balance".to_owned()]),
            currency: Some("USD".to_owned()),
            kind: Some("DOMICILIARY ACCOUNT".to_owned()),
            balance_only: true,
            ..plain
        },
        6 => NewAccount { balance: Some(9_007_199_254_740), ..plain },
        7 => NewAccount { currency: Some("Naira".to_owned()), ..plain },
        _ => plain,
    }
}

/// What distinguishes account `number` beyond that.
fn flavour(account: &mut Account, number: u64) {
    match number {
        6 => {
            for (index, transaction) in account.transactions.iter_mut().enumerate() {
                transaction.amount = transaction.amount.saturating_mul(100_000);
                transaction.balance = None;
                if index % 2 == 0 {
                    transaction.category = None;
                }
            }
        }
        7 => account.institution.camel_case = true,
        _ => {}
    }
}

/// An account as `new` asks, with the rest drawn from `mint`, last updated at `now`.
pub(crate) fn account(mint: &mut Mint, new: NewAccount, now: DateTime<Utc>) -> Account {
    let drawn_id = mint.id();
    let drawn_name = format!("{} {}", mint.pick(&FIRST_NAMES), mint.pick(&LAST_NAMES));
    let drawn_number = format!("0{}", mint.digits(9));
    let drawn_balance = mint.between(1_000_000, 90_000_000);
    let drawn_bank = mint.pick(&bank::SEEDED);
    let drawn_kind = mint.pick(&KINDS);
    let status = new.data_status.unwrap_or(DataStatus::Available);
    let retrieved = new.retrieved_data.or_else(|| status.usually_retrieved()).unwrap_or_default();
    let mut account = Account {
        id: new.id.unwrap_or(drawn_id),
        name: new.name.unwrap_or(drawn_name),
        account_number: new.account_number.unwrap_or(drawn_number),
        currency: new.currency.unwrap_or_else(|| "NGN".to_owned()),
        balance: new.balance.unwrap_or(drawn_balance),
        kind: new.kind.unwrap_or_else(|| drawn_kind.to_owned()),
        bvn: Some(format!("22{}", mint.digits(9))),
        institution: institution(new.bank, &drawn_bank, mint.id()),
        auth_method: mint.pick(&["internet_banking", "mobile_banking"]).to_owned(),
        customer: mint.id(),
        meta: Map::new(),
        reference: Some(new.reference.unwrap_or_else(|| format!("seed-{}", mint.digits(8)))),
        data_status: status,
        retrieved_data: retrieved,
        needs_reauth: new.needs_reauth,
        reauthorisable: !new.not_reauthorisable,
        balance_only: new.balance_only,
        account_match: None,
        data_request_id: format!("AL{}", mint.capitals(10)),
        created_at: now - Duration::days(400),
        updated_at: now,
        transactions: Vec::new(),
    };
    account.transactions = transactions(mint, account.balance, new.transactions.unwrap_or(45), now);
    account
}

/// The bank that was drawn, or another that was named: that one has an id of its own.
fn institution(named: Option<String>, drawn: &Bank, own_id: String) -> Institution {
    match named {
        Some(name) => Institution { id: own_id, name, ..drawn.into() },
        None => drawn.into(),
    }
}

/// `count` transactions, newest first, that end in `balance` at `now`.
fn transactions(
    mint: &mut Mint,
    mut balance: i64,
    count: usize,
    mut date: DateTime<Utc>,
) -> Vec<Transaction> {
    (0..count)
        .map(|_| {
            let amount = mint.between(50, 5_000) * 100;
            // A credit only where the balance before it stays positive.
            let credit = amount < balance && mint.between(0, 2) == 0;
            let (narration, category) = mint.pick(if credit { &CREDITS[..] } else { &DEBITS[..] });
            let transaction = Transaction {
                id: mint.id(),
                narration: narration.to_owned(),
                amount,
                kind: if credit { "credit" } else { "debit" }.to_owned(),
                balance: Some(balance),
                date,
                category: Some(category.to_owned()),
            };
            balance = if credit { balance - amount } else { balance.saturating_add(amount) };
            date -= Duration::minutes(mint.between(47, 2_880));
            transaction
        })
        .collect()
}
