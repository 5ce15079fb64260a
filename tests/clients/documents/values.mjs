// Arguments and values: which there are, which must be, and of what type.

const date = (literal) => `{account(id:1){transactions(filter:{start:${literal}}){page}}}`;
const int = (literal) => `{accounts(first:${literal}){totalCount}}`;
const string = (literal) => `{accounts(after:${literal}){totalCount}}`;
const id = (literal) => `{node(id:${literal}){id}}`;
const boolean = (literal) => `{gateway@skip(if:${literal}){version}}`;
const fresh = (literal) => `{account(id:1){transactions(requireFresh:${literal}){page}}}`;
const filter = (literal) => `{accounts(filter:${literal}){totalCount}}`;
const statuses = (literal) => filter(`{dataStatus:${literal}}`);
const initiate = (literal) => `mutation{initiateReauth(input:${literal}){reused}}`;
const snapshot = (literal) => `subscription{reauthChanged(snapshot:${literal}){cursor}}`;
const withDefault = (type, literal) => {
  const place = {
    Int: 'accounts(first:$a){totalCount}',
    String: 'accounts(after:$a){totalCount}',
    Boolean: 'accounts(filter:{needsReauth:$a}){totalCount}',
    AccountFilter: 'accounts(filter:$a){totalCount}',
    '[DataStatus!]': 'accounts(filter:{dataStatus:$a}){totalCount}',
    Date: 'account(id:1){transactions(filter:{start:$a}){page}}',
  }[type.replace(/(?<!\[.*)!$/, '')];
  return `query($a:${type}=${literal}){${place}}`;
};

export default {
  KnownArgumentNames: {
    valid: [
      '{accounts(first:1,after:"a",filter:{}){totalCount}}',
      '{gateway@skip(if:true){version}}',
      '{__type(name:"A"){fields(includeDeprecated:true){name}}}',
    ],
    invalid: [
      '{gateway(a:1){version}}',
      '{accounts(First:1){totalCount}}',
      '{accounts(first:1,last:1){totalCount}}',
      '{node(id:1,if:true){id}}',
      '{gateway{version(a:1)}}',
      '{__typename(a:1)}',
      '{__schema(a:1){__typename}}',
      '{__type(name:"A",a:1){name}}',
      '{gateway@skip(if:true,unless:true){version}}',
      '{node(id:1){...on Account{transactions(last:1){page}}}}',
      ['{gateway@skip(iff:true){version}}', 'ProvidedRequiredArguments'],
      ['{node(ID:1){id}}', 'ProvidedRequiredArguments'],
      ['{gateway@deprecated(because:"a"){version}}', 'KnownDirectives'],
      '{node(id:1){...on Account{transactions(constructor:1){page}}}}',
    ],
  },
  UniqueArgumentNames: {
    valid: [
      '{a:node(id:1){id}b:node(id:1){id}}',
      '{node(id:1)@skip(if:true)@include(if:true){id}}',
    ],
    invalid: [
      '{node(id:1,id:1){id}}',
      '{node(id:1,id:2){id}}',
      '{accounts(first:1,after:"a",first:1){totalCount}}',
      '{accounts(first:1,first:1,first:1){totalCount}}',
      '{gateway@skip(if:true,if:true){version}}',
      '{...@include(if:true,if:false){gateway{version}}}',
      ['{gateway(a:1,a:1){version}}', 'KnownArgumentNames'],
      '{__type(name:"A",name:"A"){name}}',
    ],
  },
  UniqueInputFieldNames: {
    valid: [
      filter('{needsReauth:true,dataStatus:AVAILABLE}'),
      date('{a:{a:1},b:{a:1}}'),
      date('[{a:1},{a:1}]'),
    ],
    invalid: [
      filter('{needsReauth:true,needsReauth:true}'),
      filter('{needsReauth:true,dataStatus:[],needsReauth:false}'),
      initiate('{accountId:1,accountId:1}'),
      date('{a:1,a:1}'),
      date('[{b:{a:1,a:2}}]'),
      withDefault('AccountFilter', '{needsReauth:true,needsReauth:true}'),
      [filter('{a:1,a:1}'), 'ValuesOfCorrectType'],
    ],
  },
  ProvidedRequiredArguments: {
    valid: [
      '{node(id:1){id}}',
      '{accounts{totalCount}}',
      snapshot('true'),
      'subscription{reauthChanged{cursor}}',
      '{__type(name:"A"){fields{name}}}',
    ],
    invalid: [
      '{node{id}}',
      '{account{id}}',
      '{a:reauthSessionByReference{id}}',
      'mutation{cancelReauth{errors{code}}}',
      '{__type{name}}',
      '{gateway@skip{version}}',
      '{gateway@include{version}}',
      '{...@skip{gateway{version}}}',
      '{...F@include}fragment F on Query{gateway{version}}',
      '{__typename@skip}',
      ['{node(nothing:1){id}}', 'KnownArgumentNames'],
      ['{gateway@specifiedBy{version}}', 'KnownDirectives'],
      ['subscription{reauthChanged@skip{cursor}}', 'SingleFieldSubscriptions'],
    ],
  },
  ValuesOfCorrectType: {
    valid: [
      ...['1', '0', '-0', '-1', '2147483647', '-2147483648', 'null'].map(int),
      ...['""', '"a"', '"""a"""', 'null'].map(string),
      ...['"a"', '1', '-1', '""', '"""a"""', '123456789012345678901234567890'].map(id),
      ...['true', 'false'].map(boolean),
      ...['true', 'false', 'null'].map(fresh),
      ...['{}', 'null', '{needsReauth:null}', '{dataStatus:[]}'].map(filter),
      ...['AVAILABLE', '[AVAILABLE]', '[AVAILABLE,PARTIAL,AVAILABLE]', 'null'].map(statuses),
      initiate('{accountId:"a"}'),
      initiate('{accountId:1,method:HOSTED_LINK,redirectUrl:null,reference:"",reuseActive:null}'),
      initiate('{accountId:1,method:null}'),
      ...['1', '1.5', '"2026-02-03"', '"never"', 'true', 'A', 'null', '[1]', '{a:1}', '[[{}]]'].map(date),
      snapshot('false'),
      withDefault('Int', '1'),
      withDefault('Int', 'null'),
      withDefault('Int!', '1'),
      withDefault('Date', '{a:[1.5]}'),
      withDefault('[DataStatus!]', 'AVAILABLE'),
      withDefault('[DataStatus!]', '[AVAILABLE]'),
      withDefault('AccountFilter', '{dataStatus:AVAILABLE}'),
      'query($a:Boolean,$b:DataStatus!){accounts(filter:{needsReauth:$a,dataStatus:[AVAILABLE,$b]}){totalCount}}',
      'query($a:ID!){x:node(id:$a){id}}',
      // What is inside a value of our own scalars is no value of the schema.
      'query($a:Int){account(id:1){transactions(filter:{start:1},page:$a){page}}}',
    ],
    invalid: [
      ...['2147483648', '-2147483649', '99999999999999999999', '1.0', '1e0', '1.5', '"1"', 'true'].map(int),
      ...['ONE', '[1]', '{}', '[]', '[[1]]', '{a:1}', '""'].map(int),
      ...['1', '1.5', 'true', 'A', '[]', '["a"]', '{}', '{a:"a"}'].map(string),
      ...['1.0', '1e1', 'true', 'A', '[]', '[1]', '{}', 'null'].map(id),
      ...['1', '0', '"true"', 'TRUE', 'null', '[true]', '{}', 'yes', '1.0'].map(boolean),
      ...['1', '"true"', '[]', 'True'].map(fresh),
      ...['1', '"a"', 'true', 'A', '[]', '[{}]', '[1]'].map(filter),
      ...['{nothing:1}', '{needsReauth:1}', '{needsReauth:"true"}', '{needsReauth:[true]}'].map(filter),
      ...['{needsreauth:true}', '{__proto__:1}', '{constructor:1}'].map(filter),
      ...['"AVAILABLE"', '["AVAILABLE"]', 'available', 'NOTHING', '1', 'true', '{}', '[null]'].map(statuses),
      ...['[[AVAILABLE]]', '[AVAILABLE,null]', '[AVAILABLE,"PARTIAL"]', '[{}]', '[[]]', 'CREDIT'].map(statuses),
      ...['{}', 'null', '{accountId:null}', '{accountId:1.5}', '{method:HOSTED_LINK}', '1', '[]'].map(initiate),
      ...['{accountId:1,method:"HOSTED_LINK"}', '{accountId:1,method:PIGEON}', '{accountId:1,a:1}'].map(initiate),
      ...['{accountId:1,reuseActive:1}', '{accountId:1,reference:1}', '[{accountId:1}]', '"a"'].map(initiate),
      ...['null', '1', '"true"'].map(snapshot),
      '{__type(name:1){name}}',
      '{__type(name:null){name}}',
      '{__type(name:"A"){fields(includeDeprecated:1){name}}}',
      withDefault('Int', '"1"'),
      withDefault('Int', '1.0'),
      withDefault('Int', '2147483648'),
      withDefault('Int!', 'null'),
      withDefault('String', '1'),
      withDefault('Boolean', '1'),
      withDefault('[DataStatus!]', '[null]'),
      withDefault('[DataStatus!]', '"AVAILABLE"'),
      withDefault('AccountFilter', '{nothing:1}'),
      withDefault('AccountFilter', '{needsReauth:1}'),
      withDefault('AccountFilter', '[]'),
      'query($a:Boolean){accounts(filter:{nothing:1,needsReauth:$a}){totalCount}}',
      'query($a:DataStatus!){accounts(filter:{dataStatus:[$a,1]}){totalCount}}',
      '{a:node(id:1){id}b:node(id:true){id}}',
      '{...F}fragment F on Query{accounts(first:"1"){totalCount}}',
      ['{gateway{version}}fragment F on Query{accounts(first:"1"){totalCount}}', 'NoUnusedFragments'],
      ['{gateway@deprecated(reason:1){version}}', 'KnownDirectives'],
    ],
  },
};
