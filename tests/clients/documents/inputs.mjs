// Values for variables: those that graphql-js takes for a type, and those that it does not.

/**
 * Where a variable of a type can stand so that nothing comes of it: what uses it is skipped. By the
 * type, without whether it may be null.
 */
export const PLACES = {
  ID: '{__typename node(id:$v)@skip(if:true){id}}',
  Int: '{__typename accounts(first:$v)@skip(if:true){totalCount}}',
  String: '{__typename accounts(after:$v)@skip(if:true){totalCount}}',
  Boolean: '{__typename accounts(filter:{needsReauth:$v})@skip(if:true){totalCount}}',
  AccountFilter: '{__typename accounts(filter:$v)@skip(if:true){totalCount}}',
  '[DataStatus!]': '{__typename accounts(filter:{dataStatus:$v})@skip(if:true){totalCount}}',
  DataStatus: '{__typename accounts(filter:{dataStatus:[$v]})@skip(if:true){totalCount}}',
  TransactionFilter: '{__typename account(id:1)@skip(if:true){transactions(filter:$v){page}}}',
  TransactionType: '{__typename account(id:1)@skip(if:true){transactions(filter:{type:$v}){page}}}',
  Date: '{__typename account(id:1)@skip(if:true){transactions(filter:{start:$v}){page}}}',
  InitiateReauthInput: 'mutation{__typename initiateReauth(input:$v)@skip(if:true){reused}}',
  CancelReauthInput: 'mutation{__typename cancelReauth(input:$v)@skip(if:true){reauth{id}}}',
  ReauthMethod:
    'mutation{__typename initiateReauth(input:{accountId:1,method:$v})@skip(if:true){reused}}',
};

const NUMBERS = ['0', '-0', '1', '1.0', '1e0', '1e2', '-1', '2147483647', '-2147483648', '2147483647.0'];
const BROKEN_NUMBERS = ['1.5', '2147483648', '-2147483649', '1e10', '1e-1', '9007199254740993', '1e300'];
const IDS = ['"a"', '""', '0', '1', '-1', '1.0', '1e2', '9007199254740993', '"\\ud83d\\ude00"', '"1.5"'];
const NEVER = ['[]', '{}', '[1]', '{"a":1}', '[null]', '[[]]'];

/**
 * By the variable's type and default: texts of JSON for its value; nothing where it is left out.
 * In the types, what follows `=` is the default.
 */
export const inputs = {
  Int: {
    taken: [undefined, 'null', ...NUMBERS],
    refused: [...BROKEN_NUMBERS, '"1"', '""', 'true', 'false', ...NEVER],
  },
  'Int!': { taken: NUMBERS, refused: [undefined, 'null', ...BROKEN_NUMBERS, '"1"', ...NEVER] },
  'Int=1': { taken: [undefined, 'null', '2'], refused: ['"1"', '1.5', '[1]'] },
  'Int!=1': { taken: [undefined, '2'], refused: ['null', '"1"', '1.5'] },
  'Int=null': { taken: [undefined, 'null', '2'], refused: ['"1"'] },
  'ID!': { taken: IDS, refused: [undefined, 'null', '1.5', '-0.5', '1e-1', 'true', ...NEVER] },
  'ID="a"': { taken: [undefined, ...IDS], refused: ['1.5', 'false', ...NEVER] },
  'ID!="a"': { taken: [undefined, ...IDS], refused: ['null', '1.5', 'false', ...NEVER] },
  String: {
    taken: [undefined, 'null', '""', '"a"', '"\\u0000"', '"1"', '"\\ud83d\\ude00"', '"\\"\\n"'],
    refused: ['0', '1', '1.5', 'true', 'false', '1e300', ...NEVER],
  },
  'String!': { taken: ['""', '"null"'], refused: [undefined, 'null', '0', 'false', '["a"]', ...NEVER] },
  Boolean: {
    taken: [undefined, 'null', 'true', 'false'],
    refused: ['0', '1', '"true"', '"false"', '""', '-0', '[true]', ...NEVER],
  },
  'Boolean!': { taken: ['true', 'false'], refused: [undefined, 'null', '0', '"true"', '[false]'] },
  'Boolean!=true': { taken: [undefined, 'false'], refused: ['null', '1'] },
  'DataStatus!': {
    taken: ['"AVAILABLE"', '"UNKNOWN"'],
    refused: [undefined, 'null', '"available"', '"Available"', '"NOTHING"', '""', '0', 'true', '["AVAILABLE"]', '{}'],
  },
  'DataStatus=FAILED': { taken: [undefined, '"AVAILABLE"'], refused: ['"failed"', '1', '" FAILED"'] },
  TransactionType: {
    taken: [undefined, 'null', '"DEBIT"', '"CREDIT"'],
    refused: ['"debit"', '"AVAILABLE"', '1', '["DEBIT"]', '{}', 'true'],
  },
  'ReauthMethod!': { taken: ['"HOSTED_LINK"', '"WIDGET"', '"WIDGET_TOKEN"'], refused: ['"PIGEON"', '"hosted_link"', 'null', '0'] },
  '[DataStatus!]': {
    taken: [undefined, 'null', '[]', '["AVAILABLE"]', '"AVAILABLE"', '["AVAILABLE","AVAILABLE"]'],
    refused: ['[null]', '["AVAILABLE",null]', '[["AVAILABLE"]]', '"available"', '["NOTHING"]', '[1]', '1', '{}', '[{}]', '[[]]'],
  },
  '[DataStatus!]!': {
    taken: ['[]', '"FAILED"', '["FAILED"]'],
    refused: [undefined, 'null', '[null]', '0', 'true', '{"0":"FAILED"}', '{"length":0}'],
  },
  '[DataStatus!]=FAILED': { taken: [undefined, 'null', '[]'], refused: ['[null]', '"X"'] },
  '[DataStatus!]=[FAILED,PARTIAL]': { taken: [undefined, '"FAILED"'], refused: ['"X"', '[0]'] },
  AccountFilter: {
    taken: [
      ...[undefined, 'null', '{}', '{"needsReauth":null}', '{"needsReauth":true}', '{"dataStatus":null}'],
      ...['{"dataStatus":[]}', '{"dataStatus":"AVAILABLE"}', '{"dataStatus":["AVAILABLE"],"needsReauth":false}'],
      '{"needsReauth":1,"needsReauth":true}',
    ],
    refused: [
      ...['[]', '[{}]', '1', '0', 'true', 'false', '""', '"{}"', '{"a":1}', '{"a":null}', '{"needsReauth":1}'],
      ...['{"needsReauth":"true"}', '{"needsreauth":true}', '{"dataStatus":[null]}', '{"dataStatus":{}}'],
      ...['{"dataStatus":["available"]}', '{"__proto__":{}}', '{"constructor":1}', '{"toString":null}', '{"":1}'],
      ...['{"needsReauth":true,"needsReauth":1}', '{"needsReauth":{}}', '{"__typename":"AccountFilter"}'],
    ],
  },
  'AccountFilter!': { taken: ['{}'], refused: [undefined, 'null', '[]', '[null]'] },
  'AccountFilter={needsReauth:true}': { taken: [undefined, 'null', '{}'], refused: ['{"a":1}', '""'] },
  TransactionFilter: {
    taken: [
      ...['{}', '{"start":"2026-02-03"}', '{"start":null,"end":null}', '{"type":"DEBIT"}', '{"narration":""}'],
      '{"start":"2026-02-03","end":"2026-02-04","type":"CREDIT","narration":"a"}',
    ],
    refused: ['{"type":"debit"}', '{"narration":1}', '{"from":"2026-02-03"}', '{"type":["DEBIT"]}', '{"narration":["a"]}'],
  },
  Date: { taken: [undefined, 'null', '"2026-02-03"', '"2024-02-29"'], refused: [] },
  'Date!': { taken: ['"2026-02-03"'], refused: [undefined, 'null'] },
  'InitiateReauthInput!': {
    taken: [
      ...['{"accountId":"a"}', '{"accountId":1}', '{"accountId":"a","method":null}', '{"accountId":1.0}'],
      ...['{"accountId":"a","method":"HOSTED_LINK","redirectUrl":null,"reference":"","reuseActive":false}'],
      ...['{"accountId":"a","reuseActive":null}', '{"accountId":""}'],
    ],
    refused: [
      ...[undefined, 'null', '{}', '{"accountId":null}', '{"accountId":1.5}', '{"accountId":["a"]}', '{"accountId":true}'],
      ...['{"accountId":"a","method":"PIGEON"}', '{"accountId":"a","method":0}', '{"accountId":"a","reuseActive":0}'],
      ...['{"accountId":"a","more":1}', '{"accountId":"a","reference":1}', '[{"accountId":"a"}]', '"a"', '{"id":"a"}'],
    ],
  },
  'CancelReauthInput!': {
    taken: ['{"reauthId":"a"}', '{"reauthId":1,"reason":null}', '{"reauthId":"a","reason":"b"}'],
    refused: ['{}', '{"reason":"a"}', '{"reauthId":null}', '{"reauthId":"a","reason":1}', '{"reauthId":{}}', 'null', undefined],
  },
  'CancelReauthInput={reauthId:1}': { taken: [undefined, '{"reauthId":"a"}'], refused: ['{}', '1', '{"reason":""}'] },
};
