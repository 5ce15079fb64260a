// Operations: their names, and how many there may be; what a subscription selects; introspection.

/** As many lists of types around each other. */
const nested = (count) =>
  `{ __schema { types { ${'fields { type { '.repeat(count)} name ${'} }'.repeat(count)} } } }`;

export default {
  UniqueOperationNames: {
    valid: [
      'query A{gateway{version}}query a{gateway{version}}',
      'query A{gateway{version}}mutation B($i:CancelReauthInput!){cancelReauth(input:$i){errors{code}}}',
      // Fragments and operations have names of their own.
      'query A{node(id:1){...A}}fragment A on Node{id}',
      'query A{gateway{version}}query B{gateway{version}}query C{gateway{version}}',
    ],
    invalid: [
      'query A{gateway{version}}query A{gateway{version}}',
      'query A{gateway{version}}query B{gateway{mode}}query A{gateway{mode}}',
      'query A{gateway{version}}mutation A{cancelReauth(input:{reauthId:1}){errors{code}}}',
      'query A{gateway{version}}subscription A{dataStatusChanged{cursor}}',
      'query A{gateway{version}}query A{gateway{version}}query A{gateway{version}}',
    ],
  },
  LoneAnonymousOperation: {
    valid: [
      '{gateway{version}}',
      'query{gateway{version}}',
      'mutation{cancelReauth(input:{reauthId:1}){errors{code}}}',
      '{node(id:1){...F}}fragment F on Node{id}',
      'fragment F on Node{id}{node(id:1){...F}}',
    ],
    invalid: [
      '{gateway{version}}{gateway{version}}',
      '{gateway{version}}query A{gateway{version}}',
      'query A{gateway{version}}{gateway{version}}',
      'query{gateway{version}}query{gateway{version}}',
      '{gateway{version}}mutation A{cancelReauth(input:{reauthId:1}){errors{code}}}',
      'subscription{dataStatusChanged{cursor}}query A{gateway{version}}',
      '{node(id:1){...F}}fragment F on Node{id}{gateway{version}}',
    ],
  },
  SingleFieldSubscriptions: {
    valid: [
      'subscription{dataStatusChanged{cursor}}',
      'subscription{a:dataStatusChanged{cursor kind __typename}}',
      'subscription($id:ID){dataStatusChanged(accountId:$id){cursor}}',
      'subscription{...F}fragment F on Subscription{reauthChanged{cursor}}',
      'subscription{...on Subscription{...{reauthChanged{cursor}}}}',
      // Two places, one field.
      'subscription{reauthChanged{cursor}reauthChanged{kind}}',
      'subscription{reauthChanged{cursor}...F}fragment F on Subscription{reauthChanged{kind}}',
      'subscription{...F ...F}fragment F on Subscription{reauthChanged{kind}}',
      'subscription A{dataStatusChanged{cursor}}subscription B{reauthChanged{cursor}}',
      // What is not included by its literal is not counted.
      'subscription{dataStatusChanged{cursor}reauthChanged@skip(if:true){cursor}}',
      'subscription{dataStatusChanged{cursor}reauthChanged@include(if:false){cursor}}',
      'subscription{dataStatusChanged{cursor}...@skip(if:true){reauthChanged{cursor}}}',
      'subscription{dataStatusChanged@skip(if:false){cursor}}',
      'query{a:gateway{version}b:gateway{version}}',
    ],
    invalid: [
      'subscription{dataStatusChanged{cursor}reauthChanged{cursor}}',
      'subscription A{dataStatusChanged{cursor}reauthChanged{cursor}}',
      'subscription{a:reauthChanged{cursor}b:reauthChanged{cursor}}',
      'subscription{reauthChanged{cursor}b:reauthChanged{cursor}}',
      'subscription{dataStatusChanged{cursor}...{reauthChanged{cursor}}}',
      'subscription{dataStatusChanged{cursor}...on Subscription{reauthChanged{cursor}}}',
      'subscription{...F}fragment F on Subscription{dataStatusChanged{cursor}...G}fragment G on Subscription{reauthChanged{cursor}}',
      'subscription{__typename}',
      'subscription{a:__typename}',
      'subscription{reauthChanged{cursor}__typename}',
      'subscription{...F}fragment F on Subscription{__typename}',
      'subscription{dataStatusChanged{cursor}reauthChanged@skip(if:false){cursor}}',
      'subscription{dataStatusChanged{cursor}reauthChanged@include(if:true){cursor}}',
      'query A{gateway{version}}subscription B{dataStatusChanged{cursor}reauthChanged{cursor}}',
      // Whether it is included cannot be known before the variables are.
      'subscription($x:Boolean!){dataStatusChanged@skip(if:$x){cursor}}',
      'subscription($x:Boolean!){dataStatusChanged{cursor}...@include(if:$x){reauthChanged{cursor}}}',
      ['subscription{a b}', 'FieldsOnCorrectType'],
    ],
  },
  MaxIntrospectionDepth: {
    valid: [
      nested(0),
      nested(1),
      nested(2),
      '{__schema{types{fields{type{interfaces{name}possibleTypes{name}}}inputFields{type{inputFields{name}}}}}}',
      '{__type(name:"Node"){possibleTypes{fields{name}}}}',
      '{__schema{types{...F}}}fragment F on __Type{fields{type{...G}}}fragment G on __Type{interfaces{name}}',
      // The same lists beside each other are no depth.
      '{__schema{types{fields{name}inputFields{name}interfaces{name}possibleTypes{name}}}}',
      '{__schema{directives{args{type{ofType{ofType{ofType{ofType{ofType{name}}}}}}}}}}',
      '{__schema{types{enumValues{name}fields{type{enumValues{name}fields{args{type{enumValues{name}}}}}}}}}',
      '{__schema{__typename}__type(name:"A"){__typename}}',
    ],
    invalid: [
      nested(3),
      nested(4),
      '{__type(name:"Node"){possibleTypes{interfaces{fields{name}}}}}',
      '{__type(name:"Node"){inputFields{type{inputFields{type{inputFields{name}}}}}}}',
      '{__type(name:"Node"){a:fields{type{b:fields{type{c:fields{name}}}}}}}',
      '{__schema{types{...F}}}fragment F on __Type{fields{type{...G}}}fragment G on __Type{interfaces{possibleTypes{name}}}',
      '{__schema{types{...on __Type{fields{type{...{fields{type{...{fields{name}}}}}}}}}}}',
      ['{__schema{types{...F}}}fragment F on __Type{fields{type{...F}}}', 'NoFragmentCycles'],
    ],
  },
};
