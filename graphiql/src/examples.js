// The tabs of a first visit: the whole story, in order. GraphiQL names a tab after its operation.

/** Stands for the session that the Reauthorise tab started last; the fetcher fills it in. */
export const LATEST_REAUTH = 'the latest from Reauthorise';

const ACCOUNT_PLACEHOLDER = 'paste an id from the Accounts tab';

export function examples({ mode, accounts }) {
  const demo = mode === 'demo';
  const healthy = accounts?.healthy ?? ACCOUNT_PLACEHOLDER;
  const needsReauth = accounts?.needsReauth ?? ACCOUNT_PLACEHOLDER;
  const tabs = [
    { query: ACCOUNTS },
    { query: LIVE_DATA_STATUS },
    { query: LIVE_REAUTHORISATION },
    {
      query: reauthorise(
        demo
          ? '# Then visit the link and choose, or let\n# the next tab choose for you.'
          : '# Then let the customer visit it.',
      ),
      variables: json({ input: { accountId: needsReauth } }),
    },
    demo && {
      query: FINISH_AT_THE_BANK,
      variables: json({ input: { reauthId: LATEST_REAUTH, outcome: 'APPROVE' } }),
    },
    {
      query: ACCOUNT_AND_TRANSACTIONS,
      variables: json({ id: needsReauth }),
    },
    demo && {
      query: BREAK_SOMETHING,
      variables: json({
        input: { kind: 'SERVER_ERROR', count: 20, accountId: healthy },
        id: healthy,
      }),
    },
  ];
  return tabs.filter(Boolean).map(numbered);
}

const numbered = ({ query, variables }, index) => ({
  query: query.replace('# ', `# ${index + 1}. `),
  variables,
});

const json = (value) => JSON.stringify(value, null, 2);

const ACCOUNTS = `\
# Who needs to re-authorise? Run this with
# the play button or Ctrl-Enter. Where
# reauth.required is true, the customer has
# to go back to the bank.

query Accounts {
  accounts {
    nodes {
      id
      name
      dataStatus
      reauth {
        required
        reason
        since
        active {
          id
          status
        }
      }
      sync {
        asOf
        failure {
          code
          message
        }
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`;

const LIVE_DATA_STATUS = `\
# Watch the status of every account's data.
# Run it and leave it running. A tab stops
# when you leave it, so open this page in a
# second window for the steps that follow.

subscription LiveDataStatus {
  dataStatusChanged {
    cursor
    kind
    from
    to
    cause
    account {
      id
      name
    }
    reauth {
      id
      status
    }
    occurredAt
  }
}
`;

const LIVE_REAUTHORISATION = `\
# Watch re-authorisation: who needs it, and
# how far each session has come. Leave this
# running too, in a window of its own.

subscription LiveReauthorisation {
  reauthChanged {
    cursor
    kind
    required
    reason
    cause
    account {
      id
      name
    }
    reauth {
      id
      status
      url
      expiresAt
    }
    reauthStatus
    occurredAt
  }
}
`;

const reauthorise = (next) => `\
# Start a re-authorisation. The answer holds
# the link for the customer. Asking again
# while a link is open returns the same one.
${next}

mutation Reauthorise($input: InitiateReauthInput!) {
  initiateReauth(input: $input) {
    reauth {
      id
      reference
      status
      url
      expiresAt
      expiryBasis
    }
    reused
    errors {
      code
      message
    }
  }
}
`;

const FINISH_AT_THE_BANK = `\
# Be the customer at the bank. The outcome is
# APPROVE, FAIL, CLOSE or OTHER_ACCOUNT. As it
# stands, reauthId means the session that the
# Reauthorise tab started last; or put the id
# of another there.

mutation FinishAtTheBank($input: SimulateReauthOutcomeInput!) {
  simulateReauthOutcome(input: $input) {
    done
    message
  }
}
`;

const ACCOUNT_AND_TRANSACTIONS = `\
# Read the account and its transactions. Until
# the bank's data is back, dataStatus and
# freshness say so; then freshness is FRESH.

query AccountAndTransactions($id: ID!) {
  account(id: $id) {
    id
    name
    dataStatus
    balance {
      decimal
      currency
      minor
    }
    institution {
      name
      bankCode
      type
    }
    sync {
      asOf
      lastSuccessAt
      failure {
        code
        message
      }
    }
    reauth {
      required
      reason
      active {
        id
        status
      }
    }
    transactions(page: 1) {
      nodes {
        id
        date
        narration
        type
        amount {
          decimal
          currency
        }
        category
      }
      page
      nextPage
      totalCount
      freshness {
        state
        asOf
        reason
      }
    }
  }
}
`;

const BREAK_SOMETHING = `\
# Run BreakSomething: Mono's next answers
# about this account fail. Then run
# AfterTheFault: what the gateway itself knows
# still comes; what fails is null, and errors
# says why, with a code under extensions.

mutation BreakSomething($input: SimulateFaultInput!) {
  simulateFault(input: $input) {
    done
    message
  }
}

query AfterTheFault($id: ID!) {
  account(id: $id) {
    id
    dataStatus
    reauth {
      required
    }
    balance {
      decimal
      currency
    }
    transactions(page: 1) {
      totalCount
      freshness {
        state
        reason
      }
    }
  }
}
`;
