// Directives: which there are, where they may stand, and how often.

const gateway = (directives) => `{gateway${directives}{version}}`;

export default {
  KnownDirectives: {
    valid: [
      gateway('@skip(if:true)'),
      gateway('@include(if:false)'),
      '{__typename@skip(if:false)gateway{__typename@include(if:true)}}',
      '{...@skip(if:true){gateway{version}}}',
      '{...on Query@include(if:true){gateway{version}}}',
      '{...F@skip(if:true)@include(if:true)}fragment F on Query{gateway{version@skip(if:true)}}',
      'mutation{cancelReauth(input:{reauthId:1})@skip(if:true){errors{code}}}',
    ],
    invalid: [
      gateway('@nothing'),
      gateway('@nothing(if:true)'),
      gateway('@Skip(if:true)'),
      gateway('@skip(if:true)@nothing'),
      gateway('@defer'),
      '{...@defer{gateway{version}}}',
      '{accounts{nodes@stream{id}}}',
      'query@nothing{gateway{version}}',
      'query@skip(if:true){gateway{version}}',
      'query A@include(if:true){gateway{version}}',
      'mutation@skip(if:true){cancelReauth(input:{reauthId:1}){errors{code}}}',
      'subscription@skip(if:true){reauthChanged{cursor}}',
      '{...F}fragment F on Query@skip(if:true){gateway{version}}',
      '{...F}fragment F on Query@nothing{gateway{version}}',
      'query($a:Int@skip(if:true)){accounts(first:$a){totalCount}}',
      'query($a:Int=1@nothing){accounts(first:$a){totalCount}}',
      'query($a:Int@deprecated){accounts(first:$a){totalCount}}',
      '{__typename@nothing}',
      '{gateway{version mode __typename@deprecated}}',
      gateway('@deprecated'),
      gateway('@deprecated(reason:"a")'),
      gateway('@specifiedBy(url:"a")'),
      gateway('@oneOf'),
      '{...@specifiedBy(url:"a"){gateway{version}}}',
      gateway('@skip(if:true)@deprecated'),
    ],
  },
  UniqueDirectivesPerLocation: {
    valid: [
      gateway('@skip(if:true)@include(if:true)'),
      gateway('@include(if:true)@skip(if:true)'),
      '{gateway@skip(if:true){version@skip(if:true)}}',
      '{...@skip(if:true){...@skip(if:true){gateway@skip(if:true){version}}}}',
      '{a:gateway@skip(if:true){version}b:gateway@skip(if:true){version}}',
    ],
    invalid: [
      gateway('@skip(if:true)@skip(if:true)'),
      gateway('@skip(if:true)@include(if:true)@skip(if:false)'),
      gateway('@include(if:true)@include(if:true)@include(if:true)'),
      '{...@skip(if:true)@skip(if:true){gateway{version}}}',
      '{...F@include(if:true)@include(if:true)}fragment F on Query{gateway{version}}',
      '{__typename@skip(if:true)@skip(if:true)}',
      ['{gateway@deprecated@deprecated{version}}', 'KnownDirectives'],
      ['query@skip(if:true)@skip(if:true){gateway{version}}', 'KnownDirectives'],
      ['query($a:Int@skip(if:true)@skip(if:true)){accounts(first:$a){totalCount}}', 'KnownDirectives'],
    ],
  },
};
