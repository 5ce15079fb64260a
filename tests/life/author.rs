//! Writes plans out, as Mono and our own callers would live them.

use chrono::Duration;
use mono_gateway::{
    clock::rfc3339,
    ids::{AccountId, JobId, LinkId, ReauthId},
    lifecycle::{
        ReauthReason, SyncFailureCode,
        fact::{JobWord, Request, Token, What},
        job::{Answer, JobKind, JobNews, JobRequest, Personal, SyncPart, SyncVia},
        session::ReauthMethod,
    },
};

use super::{
    Life, Scene, Sent, ours,
    plan::{Asked, Chapter, Linked, Outcome, Plan, Work},
    shapes::{Dialect, Event, Shapes, Words},
};

/// Mono's clock at the same moment: it is three hours ahead.
fn monos(ms: i64) -> String {
    rfc3339(ours(ms) + Duration::hours(3))
}

struct Author<'a> {
    shapes: &'a Shapes,
    dialect: Dialect,
    account: String,
    now_ms: i64,
    pick: usize,
    balance: i64,
    fetches: i64,
    requests: u128,
    jobs: u128,
    life: Life,
}

/// Writes a plan out. `number` tells the ids of one life from those of another.
pub(crate) fn write(shapes: &Shapes, plan: &Plan, number: usize, account: &str) -> Life {
    let account = account.to_owned();
    let life =
        Life { account: AccountId::parse(&account).unwrap(), scenes: Vec::new(), sent: Vec::new() };
    let mut author = Author {
        shapes,
        dialect: plan.dialect,
        account,
        now_ms: 0,
        pick: 0,
        balance: 1_000,
        fetches: 0,
        requests: (number as u128) << 16,
        jobs: (number as u128) << 16,
        life,
    };
    author.link(plan.linked);
    for (gap_s, pick, chapter) in &plan.chapters {
        author.now_ms += gap_s * 1000;
        author.pick = *pick;
        author.write(*chapter);
    }
    let mut life = author.life;
    life.scenes.sort_by_key(|(at_ms, _)| *at_ms);
    life
}

impl Author<'_> {
    fn scene(&mut self, after_ms: i64, scene: Scene) {
        self.life.scenes.push((self.now_ms + after_ms, scene));
    }

    fn sends(&mut self, after_ms: i64, event: Event, words: Words) {
        let at_ms = self.now_ms + after_ms;
        let id = format!("ev-{}-{}", self.account, self.life.sent.len());
        let mark = (self.dialect, id.as_str(), &*monos(at_ms));
        let body = self.shapes.body(event, self.pick, &self.account, &words, mark);
        self.life.sent.push(Sent { event, at_ms, body });
    }

    /// Mono has fetched, and says so.
    fn fetched(
        &mut self,
        after_ms: i64,
        status: &'static str,
        sync: Option<&'static str>,
        job: Option<String>,
    ) {
        self.fetches += 1;
        self.balance += i64::from(matches!(status, "AVAILABLE" | "PARTIAL"));
        let (balance, fetch) = (self.balance, format!("AL{}", self.fetches));
        self.scene(after_ms, Scene::Shows { status, balance });
        let words = Words { status, sync, job, balance, fetch, reference: None };
        self.sends(after_ms, Event::Updated, words);
    }

    fn link(&mut self, linked: Linked) {
        if linked == Linked::LongAgo {
            return;
        }
        let link = LinkId::parse(&format!("link_{:032x}", self.requests + 1)).unwrap();
        let owner = || "ada".to_owned();
        self.scene(0, Scene::Shows { status: "PROCESSING", balance: 0 });
        self.sends(0, Event::Connected, Words::default());
        match linked {
            Linked::Session => {
                self.scene(
                    1,
                    Scene::Ours(Box::new(What::Linked { link: Some(link), owner: owner() })),
                );
            }
            Linked::Code => {
                self.scene(700, Scene::Ours(Box::new(What::Linked { link: None, owner: owner() })));
            }
            Linked::Webhook | Linked::LongAgo => {}
        }
        self.fetched(2_000, "AVAILABLE", None, None);
        self.now_ms += 3_000;
    }

    fn write(&mut self, chapter: Chapter) {
        match chapter {
            Chapter::Fetch { status, sync, slow } => {
                if slow {
                    self.fetched(0, "PROCESSING", None, None);
                }
                let after_ms = if slow { 9_000 } else { 0 };
                self.fetched(after_ms, status, sync, None);
                self.now_ms += after_ms;
            }
            Chapter::FetchFails => self.sends(0, Event::SyncFailed, Words::default()),
            Chapter::Wanted(asked) => self.wanted(asked),
            Chapter::Reauth { method, outcome, status, fresh, slow } => {
                self.reauth(method, outcome, fresh);
                if matches!(
                    outcome,
                    Outcome::Finishes
                        | Outcome::FinishesLate
                        | Outcome::GivesUpAndFinishes
                        | Outcome::Elsewhere
                ) {
                    self.sends(0, Event::Reauthorized, Words::default());
                    if slow {
                        self.fetched(400, "PROCESSING", None, None);
                    }
                    let after_ms = if slow { 70_000 } else { 1_500 };
                    let sync = (self.pick.is_multiple_of(2)).then_some("SUCCESSFUL");
                    self.fetched(after_ms, status, sync, None);
                    self.now_ms += after_ms;
                }
            }
            Chapter::Job { kind, work, status } => self.job(kind, work, status),
            Chapter::Noise => self.sends(0, Event::Other, Words::default()),
            Chapter::Unlinked { by_us } => {
                if by_us {
                    self.scene(0, Scene::Ours(Box::new(What::Unlinked)));
                }
                self.sends(200, Event::Unlinked, Words::default());
            }
        }
    }

    fn wanted(&mut self, asked: Asked) {
        let word = Some("REAUTHORISATION_REQUIRED");
        match asked {
            Asked::Webhook => self.sends(0, Event::Required, Words::default()),
            Asked::SyncStatus => self.fetched(0, "AVAILABLE", word, None),
            Asked::JobStatus => {
                let job = Some(format!("m{}", self.fetches));
                self.sends(0, Event::Job, Words { sync: word, job, ..Words::default() });
            }
            Asked::Header | Asked::SyncCode => {
                let id = self.asks_for(JobKind::Refresh);
                let is_header = asked == Asked::Header;
                let answer = if is_header {
                    Answer::Taken
                } else {
                    Answer::Failed { code: SyncFailureCode::ReauthRequired }
                };
                let asks =
                    Some(if is_header { ReauthReason::Header } else { ReauthReason::SyncCode });
                let mono_job = is_header.then(|| format!("m{}", self.jobs));
                self.answers(id, mono_job, answer, asks);
            }
        }
    }

    fn asks_for(&mut self, kind: JobKind) -> JobId {
        self.jobs += 1;
        let id = JobId::parse(&format!("job_{:032x}", self.jobs)).unwrap();
        let is_refresh = kind == JobKind::Refresh;
        let request = JobRequest {
            id,
            product: kind,
            owner: "ada".into(),
            key: None,
            part: is_refresh.then_some(SyncPart::Transactions),
            via: is_refresh.then_some(SyncVia::Realtime),
            months: None,
            arguments: None,
        };
        self.scene(0, Scene::Ours(Box::new(What::Job(JobNews::Requested(request)))));
        id
    }

    fn answers(
        &mut self,
        id: JobId,
        mono_job: Option<String>,
        answer: Answer,
        asks: Option<ReauthReason>,
    ) {
        let result = Personal::default();
        let news = JobNews::Answered { id, mono_job, answer, asks, result };
        self.scene(300, Scene::Ours(Box::new(What::Job(news))));
    }

    fn job(&mut self, kind: JobKind, work: Work, status: &'static str) {
        let id = self.asks_for(kind);
        let mono_job = format!("m{}", self.jobs);
        match work {
            Work::Refused => {
                let news = JobNews::Refused {
                    id,
                    code: SyncFailureCode::RequestRefused,
                    told: "UPSTREAM_REJECTED".into(),
                    message: "no".into(),
                    again_at: None,
                };
                self.scene(300, Scene::Ours(Box::new(What::Job(news))));
                return;
            }
            Work::FinishesAtOnce => {
                let answer = Answer::Finished { new_data: Some(true) };
                self.answers(id, Some(mono_job.clone()), answer, None);
            }
            Work::Finishes | Work::Fails | Work::Asks | Work::Vanishes => {
                self.answers(id, Some(mono_job.clone()), Answer::Taken, None);
            }
        }
        let word = match work {
            Work::Finishes => JobWord::Finished,
            Work::Fails => JobWord::Failed,
            Work::Asks => JobWord::ReauthorisationRequired,
            Work::Refused | Work::FinishesAtOnce | Work::Vanishes => return,
        };
        self.now_ms += 4_000;
        self.scene(0, Scene::JobStands(id, word));
        let told = match word {
            JobWord::Finished => "finished",
            JobWord::Failed => "failed",
            JobWord::Processing | JobWord::ReauthorisationRequired => "REAUTHORISATION_REQUIRED",
        };
        let words = |sync| Words { sync, job: Some(mono_job.clone()), ..Words::default() };
        match kind {
            JobKind::Income => self.sends(0, Event::Income, Words::default()),
            JobKind::Refresh => {
                self.sends(0, Event::Job, words(Some(told)));
                if word == JobWord::Finished {
                    self.fetched(500, status, Some("SUCCESSFUL"), Some(mono_job.clone()));
                }
            }
            JobKind::Statement | JobKind::Creditworthiness | JobKind::Categorisation => {}
        }
        self.now_ms += 500;
    }

    fn reauth(&mut self, method: ReauthMethod, outcome: Outcome, fresh: bool) {
        if outcome == Outcome::Elsewhere {
            return;
        }
        self.requests += 1;
        let id = ReauthId::parse(&format!("reauth_{:032x}", self.requests)).unwrap();
        let request = Request {
            id,
            owner: "ada".into(),
            reference: format!("ref-{}", self.requests),
            method,
            redirect_url: None,
            reuse_active: !fresh,
            key: None,
        };
        self.scene(0, Scene::Ours(Box::new(What::Requested(request))));
        let answer = match (outcome, method) {
            (Outcome::Interrupted, _) | (_, ReauthMethod::Widget) => None,
            (Outcome::LinkRefused, _) => Some(What::LinkRefused {
                id,
                code: SyncFailureCode::LinkRefused,
                told: "UPSTREAM_REJECTED".into(),
                message: "no".into(),
            }),
            (_, ReauthMethod::HostedLink) => {
                Some(What::LinkIssued { id, url: "https://link.mono.co/AL".into() })
            }
            (_, ReauthMethod::WidgetToken) => {
                Some(What::TokenIssued { id, token: Token("token".into()) })
            }
        };
        if let Some(answer) = answer {
            self.scene(250, Scene::Ours(Box::new(answer)));
        }
        let passes_ms = if outcome == Outcome::FinishesLate { 40 * 60_000 } else { 30_000 };
        if matches!(outcome, Outcome::GivesUp | Outcome::GivesUpAndFinishes) {
            self.scene(20_000, Scene::Ours(Box::new(What::Cancelled { id })));
        }
        self.now_ms += passes_ms;
    }
}
