//! What is asked of us, and what time does to a session.

use super::*;

impl Fold {
    pub(super) fn requested(&mut self, fact: &Fact, request: &Request) -> Verdict {
        if let Some(session) = &mut self.state.session
            && (session.is_live() || session.status() == ReauthStatus::Authorized)
        {
            let alike =
                session.method == request.method && session.redirect_url == request.redirect_url;
            if session.is_live() && alike && request.reuse_active {
                return Verdict::Reused(session.id);
            }
            session.stage = Stage::Superseded { at: self.at };
            self.superseded = self.state.session.take();
        }
        if self.state.need.is_none()
            && let Some(update) = &mut self.state.marks.update
        {
            // What it answered is over.
            update.early = false;
        }
        let mut session = Session {
            id: request.id,
            account: fact.account.clone(),
            owner: request.owner.clone(),
            reference: request.reference.clone(),
            method: request.method,
            redirect_url: request.redirect_url.clone(),
            created_at: self.at,
            stage: Stage::Requested,
        };
        if request.method == ReauthMethod::Widget {
            // The widget takes what the caller has already: there is nobody to ask.
            session.handed_over(Handover::Widget, self.at);
        }
        self.state.session = Some(session);
        Verdict::Applied
    }

    pub(super) fn cancelled(&mut self, id: ReauthId) -> Verdict {
        let at = self.at;
        match &mut self.state.session {
            Some(session) if session.id == id && session.is_out() => {
                session.stage = Stage::Cancelled { at };
                Verdict::Applied
            }
            Some(session) if session.id == id && session.status() == ReauthStatus::Cancelled => {
                Verdict::Ignored(Ignored::Duplicate)
            }
            Some(_) | None => Verdict::Refused,
        }
    }

    pub(super) fn on_session(
        &mut self,
        id: ReauthId,
        change: impl FnOnce(&mut Session),
    ) -> Verdict {
        match &mut self.state.session {
            Some(session) if session.id == id => {
                let before = session.stage.clone();
                change(session);
                let same = session.stage == before;
                if same { Verdict::Ignored(Ignored::Stale) } else { Verdict::Applied }
            }
            Some(_) | None => Verdict::Ignored(Ignored::Stale),
        }
    }

    pub(super) fn time_passed(&mut self) -> Verdict {
        let before = self.state.clone();
        let due = |session: &Session| session.deadline().is_some_and(|at| at <= self.at);
        if self.state.session.as_ref().is_some_and(due) {
            self.session_ran_out();
        }
        self.jobs_in_time();
        // The last look ends the waiting. This ends it if no look came to its end for long.
        let slack = Duration::minutes(2);
        if self.state.waiting.as_ref().is_some_and(|w| w.is_over(self.at - slack)) {
            self.look_ended();
        }
        if self.state == before { Verdict::Ignored(Ignored::NothingNew) } else { Verdict::Applied }
    }

    pub(super) fn session_ran_out(&mut self) {
        let failure = self.failure(
            SyncFailureCode::Interrupted,
            "the gateway stopped before it heard Mono's answer; ask again".into(),
            None,
        );
        let early = self.state.marks.update.clone().filter(|update| update.early);
        let refreshed_at = self.state.marks.refreshed_at;
        let consent_is_good = self.state.need.is_none();
        let at = self.at;
        let id = self.state.session.as_ref().map(|session| session.id);
        let came = id.and_then(|id| self.came_during_link(id));
        let Some(session) = &mut self.state.session else { return };
        if session.stage == Stage::Requested {
            session.failed(failure);
        } else if let Some(update) = early
            && consent_is_good
            && refreshed_at.is_some_and(|at| at >= session.created_at)
        {
            // The customer did finish, or Mono could not have refreshed: the news of it was lost.
            session.completed(at, CompletionEvidence::AccountUpdated);
            self.used(&update);
        } else if let Some(status) = came {
            // The same, with no news of it at all.
            session.completed(at, CompletionEvidence::DetailsRead);
            self.lower(None);
            self.state.marks.refreshed_at = Some(at);
            self.state.marks.reauthorized_at = Some(at);
            self.refreshed = true;
            if let Some(update) = &mut self.state.marks.update {
                // If it was this one's data, it is used.
                update.early = false;
            }
            self.tell(&Reported { status, raw: status.as_mono().into() });
        } else {
            session.stage = Stage::Expired { at };
        }
        self.state.marks.link_looks = None;
    }
}
