// Written by generate.js from operations.graphql and the schema; change those and run it again.

/** An operation with the types of its answer and of its variables. */
export type Operation<Data, Variables> = {
  readonly name: string;
  readonly text: string;
  /** Never there; it carries the types. */
  readonly types?: (variables: Variables) => Data;
};

export type DataStatus =
  | 'AVAILABLE'
  | 'PARTIAL'
  | 'PROCESSING'
  | 'UNAVAILABLE'
  | 'FAILED'
  | 'UNKNOWN';

export type ReauthStatus =
  | 'REQUESTED'
  | 'LINK_ISSUED'
  | 'AUTHORIZED'
  | 'COMPLETED'
  | 'FAILED'
  | 'EXPIRED'
  | 'CANCELLED'
  | 'SUPERSEDED';

export type LinkStatus =
  | 'REQUESTED'
  | 'LINK_ISSUED'
  | 'CONNECTED'
  | 'COMPLETED'
  | 'FAILED'
  | 'EXPIRED'
  | 'CANCELLED';

export type GatewayMode =
  | 'DEMO'
  | 'LIVE';

export type TransactionType =
  | 'CREDIT'
  | 'DEBIT';

export type FreshnessState =
  | 'FRESH'
  | 'STALE'
  | 'NOT_READY';

export type FreshnessReason =
  | 'PROCESSING'
  | 'REAUTH_REQUIRED'
  | 'SYNC_FAILED'
  | 'PARTIAL'
  | 'UNAVAILABLE'
  | 'FAILED'
  | 'UNKNOWN';

export type InitiateReauthInput = {
  readonly accountId: string;
  readonly method?: ReauthMethod | null;
  readonly redirectUrl?: string | null;
  readonly reference?: string | null;
  readonly idempotencyKey?: string | null;
  readonly reuseActive?: boolean | null;
};

export type ReauthMethod =
  | 'HOSTED_LINK'
  | 'WIDGET'
  | 'WIDGET_TOKEN';

export type CancelReauthInput = {
  readonly reauthId: string;
  readonly reason?: string | null;
};

export type InitiateLinkInput = {
  readonly customer: LinkCustomerInput;
  readonly institution?: LinkInstitutionInput | null;
  readonly redirectUrl?: string | null;
  readonly reference?: string | null;
  readonly checkAccountMatch?: boolean | null;
  readonly idempotencyKey?: string | null;
};

export type LinkCustomerInput = {
  readonly id?: string | null;
  readonly name?: string | null;
  readonly email?: string | null;
  readonly phone?: string | null;
  readonly bvn?: string | null;
};

export type LinkInstitutionInput = {
  readonly id: string;
  readonly authMethod?: string | null;
  readonly accountNumber?: string | null;
};

export type CompleteLinkInput = {
  readonly code: string;
  readonly linkId?: string | null;
  readonly reference?: string | null;
};

export type CancelLinkInput = {
  readonly linkId: string;
  readonly reason?: string | null;
};

export type ChangeKind =
  | 'SNAPSHOT'
  | 'CHANGE'
  | 'RESYNC';

export type Kept = {
  readonly id: string;
  readonly version: number;
  readonly dataStatus: DataStatus | null;
  readonly replacedBy: {
    readonly id: string;
  } | null;
  readonly sync: {
    readonly asOf: string | null;
    readonly waitingUntil: string | null;
    readonly failure: {
      readonly message: string;
    } | null;
  };
  readonly reauth: {
    readonly required: boolean;
    readonly since: string | null;
    readonly active: Session | null;
    readonly sessions: {
      readonly nodes: readonly (Session)[];
    };
  };
};

export type Details = {
  readonly name: string | null;
  readonly accountNumber: string | null;
  readonly balance: {
    readonly decimal: string;
    readonly currency: string;
  } | null;
  readonly institution: {
    readonly name: string | null;
  } | null;
};

export type Session = {
  readonly id: string;
  readonly reference: string;
  readonly status: ReauthStatus;
  readonly url: string | null;
  readonly failure: {
    readonly message: string;
  } | null;
};

export type Link = {
  readonly id: string;
  readonly reference: string;
  readonly status: LinkStatus;
  readonly url: string | null;
  readonly failure: {
    readonly message: string;
  } | null;
  readonly account: {
    readonly id: string;
  } | null;
};

export type Problem = {
  readonly code: string;
  readonly message: string;
};

export type AccountsData = {
  readonly gateway: {
    readonly mode: GatewayMode;
  };
  readonly accounts: {
    readonly nodes: readonly (Kept & Details)[];
    readonly pageInfo: {
      readonly hasNextPage: boolean;
      readonly endCursor: string | null;
    };
  };
};

export type AccountsVariables = {
  readonly after?: string | null;
};

export const Accounts: Operation<AccountsData, AccountsVariables> = {
  name: 'Accounts',
  text: 'query Accounts($after:String){gateway{mode}accounts(first:50 after:$after){nodes{...Kept ...Details}pageInfo{hasNextPage endCursor}}}fragment Kept on Account{id version dataStatus replacedBy{id}sync{asOf waitingUntil failure{message}}reauth{required since active{...Session}sessions(first:1){nodes{...Session}}}}fragment Details on Account{name accountNumber balance{decimal currency}institution{name}}fragment Session on ReauthSession{id reference status url failure{message}}',
};

export type OneAccountData = {
  readonly account: Kept & Details | null;
};

export type OneAccountVariables = {
  readonly id: string;
};

export const OneAccount: Operation<OneAccountData, OneAccountVariables> = {
  name: 'OneAccount',
  text: 'query OneAccount($id:ID!){account(id:$id){...Kept ...Details}}fragment Kept on Account{id version dataStatus replacedBy{id}sync{asOf waitingUntil failure{message}}reauth{required since active{...Session}sessions(first:1){nodes{...Session}}}}fragment Details on Account{name accountNumber balance{decimal currency}institution{name}}fragment Session on ReauthSession{id reference status url failure{message}}',
};

export type TransactionsData = {
  readonly account: {
    readonly transactions: {
      readonly nodes: readonly ({
        readonly id: string;
        readonly narration: string | null;
        readonly type: TransactionType;
        readonly date: string;
        readonly amount: {
          readonly decimal: string;
          readonly currency: string;
        };
      })[];
      readonly page: number;
      readonly nextPage: number | null;
      readonly previousPage: number | null;
      readonly totalCount: number | null;
      readonly freshness: {
        readonly state: FreshnessState;
        readonly asOf: string | null;
        readonly reason: FreshnessReason | null;
      };
    } | null;
  } | null;
};

export type TransactionsVariables = {
  readonly id: string;
  readonly page: number;
};

export const Transactions: Operation<TransactionsData, TransactionsVariables> = {
  name: 'Transactions',
  text: 'query Transactions($id:ID!$page:Int!){account(id:$id){transactions(page:$page first:10){nodes{id narration type date amount{decimal currency}}page nextPage previousPage totalCount freshness{state asOf reason}}}}',
};

export type ByReferenceData = {
  readonly reauthSessionByReference: Session & {
    readonly account: {
      readonly id: string;
    };
  } | null;
  readonly linkSessionByReference: Link | null;
};

export type ByReferenceVariables = {
  readonly reference: string;
};

export const ByReference: Operation<ByReferenceData, ByReferenceVariables> = {
  name: 'ByReference',
  text: 'query ByReference($reference:String!){reauthSessionByReference(reference:$reference){...Session account{id}}linkSessionByReference(reference:$reference){...Link}}fragment Session on ReauthSession{id reference status url failure{message}}fragment Link on LinkSession{id reference status url failure{message}account{id}}',
};

export type OneLinkData = {
  readonly linkSession: Link | null;
};

export type OneLinkVariables = {
  readonly id: string;
};

export const OneLink: Operation<OneLinkData, OneLinkVariables> = {
  name: 'OneLink',
  text: 'query OneLink($id:ID!){linkSession(id:$id){...Link}}fragment Link on LinkSession{id reference status url failure{message}account{id}}',
};

export type InitiateReauthData = {
  readonly initiateReauth: {
    readonly reauth: Session | null;
    readonly errors: readonly (Problem)[];
  } | null;
};

export type InitiateReauthVariables = {
  readonly input: InitiateReauthInput;
};

export const InitiateReauth: Operation<InitiateReauthData, InitiateReauthVariables> = {
  name: 'InitiateReauth',
  text: 'mutation InitiateReauth($input:InitiateReauthInput!){initiateReauth(input:$input){reauth{...Session}errors{...Problem}}}fragment Session on ReauthSession{id reference status url failure{message}}fragment Problem on UserError{code message}',
};

export type CancelReauthData = {
  readonly cancelReauth: {
    readonly reauth: Session | null;
    readonly errors: readonly (Problem)[];
  } | null;
};

export type CancelReauthVariables = {
  readonly input: CancelReauthInput;
};

export const CancelReauth: Operation<CancelReauthData, CancelReauthVariables> = {
  name: 'CancelReauth',
  text: 'mutation CancelReauth($input:CancelReauthInput!){cancelReauth(input:$input){reauth{...Session}errors{...Problem}}}fragment Session on ReauthSession{id reference status url failure{message}}fragment Problem on UserError{code message}',
};

export type InitiateLinkData = {
  readonly initiateLink: {
    readonly link: Link | null;
    readonly errors: readonly (Problem)[];
  } | null;
};

export type InitiateLinkVariables = {
  readonly input: InitiateLinkInput;
};

export const InitiateLink: Operation<InitiateLinkData, InitiateLinkVariables> = {
  name: 'InitiateLink',
  text: 'mutation InitiateLink($input:InitiateLinkInput!){initiateLink(input:$input){link{...Link}errors{...Problem}}}fragment Link on LinkSession{id reference status url failure{message}account{id}}fragment Problem on UserError{code message}',
};

export type CompleteLinkData = {
  readonly completeLink: {
    readonly link: Link | null;
    readonly errors: readonly (Problem)[];
  } | null;
};

export type CompleteLinkVariables = {
  readonly input: CompleteLinkInput;
};

export const CompleteLink: Operation<CompleteLinkData, CompleteLinkVariables> = {
  name: 'CompleteLink',
  text: 'mutation CompleteLink($input:CompleteLinkInput!){completeLink(input:$input){link{...Link}errors{...Problem}}}fragment Link on LinkSession{id reference status url failure{message}account{id}}fragment Problem on UserError{code message}',
};

export type CancelLinkData = {
  readonly cancelLink: {
    readonly link: Link | null;
    readonly errors: readonly (Problem)[];
  } | null;
};

export type CancelLinkVariables = {
  readonly input: CancelLinkInput;
};

export const CancelLink: Operation<CancelLinkData, CancelLinkVariables> = {
  name: 'CancelLink',
  text: 'mutation CancelLink($input:CancelLinkInput!){cancelLink(input:$input){link{...Link}errors{...Problem}}}fragment Link on LinkSession{id reference status url failure{message}account{id}}fragment Problem on UserError{code message}',
};

export type DataStatusChangesData = {
  readonly dataStatusChanged: {
    readonly cursor: string;
    readonly kind: ChangeKind;
    readonly to: DataStatus | null;
    readonly account: Kept | null;
  };
};

export type DataStatusChangesVariables = {
  readonly after: string;
};

export const DataStatusChanges: Operation<DataStatusChangesData, DataStatusChangesVariables> = {
  name: 'DataStatusChanges',
  text: 'subscription DataStatusChanges($after:String!){dataStatusChanged(after:$after){cursor kind to account{...Kept}}}fragment Kept on Account{id version dataStatus replacedBy{id}sync{asOf waitingUntil failure{message}}reauth{required since active{...Session}sessions(first:1){nodes{...Session}}}}fragment Session on ReauthSession{id reference status url failure{message}}',
};

export type ReauthChangesData = {
  readonly reauthChanged: {
    readonly cursor: string;
    readonly kind: ChangeKind;
    readonly reauthStatus: ReauthStatus | null;
    readonly account: Kept | null;
  };
};

export type ReauthChangesVariables = {
  readonly after: string;
};

export const ReauthChanges: Operation<ReauthChangesData, ReauthChangesVariables> = {
  name: 'ReauthChanges',
  text: 'subscription ReauthChanges($after:String!){reauthChanged(after:$after){cursor kind reauthStatus account{...Kept}}}fragment Kept on Account{id version dataStatus replacedBy{id}sync{asOf waitingUntil failure{message}}reauth{required since active{...Session}sessions(first:1){nodes{...Session}}}}fragment Session on ReauthSession{id reference status url failure{message}}',
};

export type LinkChangesData = {
  readonly linkChanged: {
    readonly cursor: string;
    readonly kind: ChangeKind;
    readonly link: Link | null;
  };
};

export type LinkChangesVariables = {
  readonly after: string;
};

export const LinkChanges: Operation<LinkChangesData, LinkChangesVariables> = {
  name: 'LinkChanges',
  text: 'subscription LinkChanges($after:String!){linkChanged(after:$after){cursor kind link{...Link}}}fragment Link on LinkSession{id reference status url failure{message}account{id}}',
};
