// Fragments: on what they may be, that they exist and are used, and that they come to an end.

const node = (selections) => `{node(id:1){${selections}}}`;
const F = 'fragment F on ';

export default {
  KnownTypeNames: {
    valid: [
      node('...on Account{name}...on ReauthSession{id}...F') + `${F}Node{id}`,
      'query($a:ID!,$b:[DataStatus!]){node(id:$a){id}accounts(filter:{dataStatus:$b}){totalCount}}',
      '{__schema{...on __Schema{types{...on __Type{name}}}}}',
    ],
    invalid: [
      node('...on Nothing{id}'),
      node('...F') + `${F}Nothing{id}`,
      node('...on account{id}'),
      node('...on __Nothing{id}'),
      'query($a:Nothing){gateway{version}node(id:$a){id}}',
      'query($a:[Nothing!]!){node(id:$a){id}}',
      'query($a:id!){node(id:$a){id}}',
      ['{gateway{version}}fragment F on Nothing{id}', 'NoUnusedFragments'],
    ],
  },
  FragmentsOnCompositeTypes: {
    valid: [
      node('...on Account{name}...on Node{id}'),
      node('...F') + `${F}Account{name}`,
      'mutation{cancelReauth(input:{reauthId:1}){errors{...on UserError{code}}}}',
      node('...{id}'),
    ],
    invalid: [
      [node('...on String{length}'), '*'],
      [node('...on DataStatus{name}'), '*'],
      [node('...on AccountFilter{needsReauth}'), '*'],
      [node('...on Date{day}'), '*'],
      [node('...F') + `${F}ID{value}`, '*'],
      [node('...F') + `${F}CancelReauthInput{reauthId}`, '*'],
      [node('...on Boolean{__typename}'), '*'],
    ],
  },
  UniqueFragmentNames: {
    valid: [
      node('...F ...f') + `${F}Node{id}fragment f on Node{id}`,
      node('...on Account{id}...on Account{name}'),
    ],
    invalid: [
      node('...F') + `${F}Node{id}${F}Node{id}`,
      node('...F') + `${F}Node{id}${F}Account{name}`,
      node('...F ...G') + `${F}Node{id}fragment G on Node{id}${F}Node{id}`,
    ],
  },
  KnownFragmentNames: {
    valid: [
      node('...F') + `${F}Node{...G}fragment G on Node{id}`,
      node('...on Account{...F}') + `${F}Account{id}`,
    ],
    invalid: [
      node('...F'),
      node('...F ...G') + `${F}Node{id}`,
      node('...f ...F') + `${F}Node{id}`,
      node('...F') + `${F}Node{...G}`,
      node('id ...on Account{...Account}'),
      '{...F}',
    ],
  },
  NoUnusedFragments: {
    valid: [
      node('...F') + `${F}Node{id}`,
      `query A{node(id:1){...F}}query B{node(id:1){...G}}${F}Node{...G}fragment G on Node{id}`,
      node('...F@skip(if:true)') + `${F}Node{id}`,
    ],
    invalid: [
      `{gateway{version}}${F}Node{id}`,
      node('...F') + `${F}Node{id}fragment G on Node{id}`,
      `{gateway{version}}${F}Node{...G}fragment G on Node{id}`,
      node('...F') + `${F}Node{id}fragment G on Node{...F}`,
      [`{gateway{version}}${F}Node{...F}`, 'NoFragmentCycles'],
      `${F}Node{id}`,
    ],
  },
  PossibleFragmentSpreads: {
    valid: [
      node('...on Account{...on Node{id}}'),
      node('...on Node{...on ReauthSession{url}}'),
      node('...F') + `${F}Account{...G}fragment G on Node{id}`,
      '{account(id:1){...on Node{id}...on Account{name}}}',
      '{account(id:1){...F}}fragment F on Node{...on ReauthSession{url}}',
      '{...on Query{gateway{version}}}',
      'mutation{cancelReauth(input:{reauthId:1}){errors{...on ReauthNotActiveError{code}}}}',
    ],
    invalid: [
      node('...on Query{gateway{version}}'),
      node('...on Money{minor}'),
      node('...on UserError{code}'),
      node('...on ReferenceInUseError{code}'),
      node('...F') + `${F}Money{minor}`,
      node('...on Account{...on ReauthSession{url}}'),
      node('...on Account{...F}') + `${F}ReauthSession{url}`,
      node('...on Account{...F}') + `${F}Node{...on UserError{code}}`,
      '{account(id:1){...on ReauthSession{url}}}',
      '{account(id:1){...on UserError{code}}}',
      '{...on Mutation{__typename}}',
      '{...on Subscription{reauthChanged{cursor}}}',
      '{...F}fragment F on Node{id}',
      'mutation{cancelReauth(input:{reauthId:1}){errors{...on Node{id}}}}',
      'mutation{cancelReauth(input:{reauthId:1}){errors{...on Account{id}}}}',
      '{__schema{...on Query{gateway{version}}}}',
    ],
  },
  NoFragmentCycles: {
    valid: [
      node('...F ...F') + `${F}Node{...G ...G}fragment G on Node{id}`,
      node('...F ...G') + `${F}Node{...H}fragment G on Node{...H}fragment H on Node{id}`,
    ],
    invalid: [
      node('...F') + `${F}Node{...F}`,
      node('...F') + `${F}Node{id ...F}`,
      node('...F') + `${F}Node{...G}fragment G on Node{...F}`,
      node('...F') + `${F}Node{...G}fragment G on Node{...H}fragment H on Node{id ...G}`,
      node('...F') + `${F}Node{...on Account{reauth{active{account{...F}}}}}`,
      '{account(id:1){...F}}fragment F on Account{reauth{active{account{id ...F}}}}',
      node('...F') + `${F}Node{...{...{...F}}}`,
      [node('id') + `${F}Node{...F}`, 'NoUnusedFragments'],
    ],
  },
};
