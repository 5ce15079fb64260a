// What a Relay app would ask the gateway: fragments that refetch by id, connections that paginate,
// a mutation and a subscription. schema.test.mjs compiles it, relay.test.mjs runs what comes out.

graphql`
  fragment account_summary on Account @refetchable(queryName: "accountSummaryRefetchQuery") {
    name
    dataStatus
    balance {
      minor
      currency
    }
    reauth {
      required
      active {
        ...account_session
      }
    }
  }
`;

graphql`
  fragment account_session on ReauthSession @refetchable(queryName: "accountSessionRefetchQuery") {
    status
    url
    expiresAt
    account {
      id
    }
  }
`;

graphql`
  fragment account_transactions on Account
  @refetchable(queryName: "accountTransactionsPaginationQuery")
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" }) {
    transactions(first: $count, after: $cursor)
      @connection(key: "accountTransactions_transactions", filters: []) {
      edges {
        node {
          id
          narration
          amount {
            decimal
          }
        }
      }
      freshness {
        state
        reason
      }
    }
  }
`;

graphql`
  fragment account_list on Query
  @refetchable(queryName: "accountListPaginationQuery")
  @argumentDefinitions(
    count: { type: "Int", defaultValue: 20 }
    cursor: { type: "String" }
    filter: { type: "AccountFilter" }
  ) {
    accounts(first: $count, after: $cursor, filter: $filter)
      @connection(key: "accountList_accounts") {
      edges {
        node {
          id
          ...account_summary
        }
      }
    }
  }
`;

graphql`
  fragment account_attempts on ReauthState
  @argumentDefinitions(count: { type: "Int", defaultValue: 10 }, cursor: { type: "String" }) {
    sessions(first: $count, after: $cursor) @connection(key: "accountAttempts_sessions") {
      edges {
        node {
          ...account_session
        }
      }
    }
  }
`;

graphql`
  query accountQuery($id: ID!) {
    ...account_list
    account(id: $id) @required(action: NONE) {
      ...account_summary
      ...account_transactions
      reauth {
        ...account_attempts
      }
    }
    node(id: $id) {
      ... on ReauthSession @alias(as: "session") {
        ...account_session
      }
    }
  }
`;

graphql`
  mutation accountInitiateMutation($input: InitiateReauthInput!) {
    initiateReauth(input: $input) {
      reauth {
        account {
          ...account_summary
        }
        ...account_session
      }
      reused
      errors {
        __typename
        code
        message
        ... on ReferenceInUseError {
          retryable
        }
      }
    }
  }
`;

graphql`
  subscription accountStatusSubscription($id: ID!, $after: String) {
    dataStatusChanged(accountId: $id, after: $after) {
      cursor
      kind
      to
      account {
        ...account_summary
      }
      reauth {
        ...account_session
      }
    }
  }
`;

graphql`
  query accountCatchQuery($id: ID!) {
    account(id: $id) @catch(to: RESULT) {
      name
    }
  }
`;
