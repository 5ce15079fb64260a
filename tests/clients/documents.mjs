// The documents that several clients send.

export const ACCOUNT = /* GraphQL */ `
  query Account($id: ID!) {
    account(id: $id) {
      id
      name
      dataStatus
      balance {
        minor
        currency
        decimal
      }
      reauth {
        required
      }
      transactions(page: 1) {
        nodes {
          id
          narration
        }
        freshness {
          state
        }
      }
    }
  }
`;

export const INITIATE = /* GraphQL */ `
  mutation Initiate($input: InitiateReauthInput!) {
    initiateReauth(input: $input) {
      reauth {
        id
        reference
        status
        url
      }
      reused
      errors {
        code
        message
      }
    }
  }
`;

export const FINISH = /* GraphQL */ `
  mutation Finish($input: SimulateReauthOutcomeInput!) {
    simulateReauthOutcome(input: $input) {
      done
    }
  }
`;

export const DATA_STATUS = /* GraphQL */ `
  subscription DataStatus($id: ID, $after: String) {
    dataStatusChanged(accountId: $id, after: $after) {
      cursor
      kind
      from
      to
      cause
      account {
        id
        dataStatus
      }
      reauth {
        id
        status
      }
      occurredAt
    }
  }
`;

export const REAUTH = /* GraphQL */ `
  subscription Reauth($id: ID, $after: String) {
    reauthChanged(accountId: $id, after: $after) {
      cursor
      kind
      required
      cause
      account {
        id
      }
      reauth {
        id
        url
      }
      reauthStatus
      occurredAt
    }
  }
`;

export const SESSION = /* GraphQL */ `
  query Session($id: ID!) {
    reauthSession(id: $id) {
      status
      completedVia
      url
    }
  }
`;
