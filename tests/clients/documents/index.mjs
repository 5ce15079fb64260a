// Documents by the rule that they keep, just so, or break.

import directives from './directives.mjs';
import fields from './fields.mjs';
import fragments from './fragments.mjs';
import operations from './operations.mjs';
import syntax from './syntax.mjs';
import values from './values.mjs';
import variables from './variables.mjs';

/**
 * By rule: documents that are valid, and documents that are not. The latter break this rule alone;
 * one in a list breaks those named behind it, too, or, behind `*`, whatever else.
 */
export const corpus = {
  ...syntax,
  ...operations,
  ...fields,
  ...fragments,
  ...directives,
  ...values,
  ...variables,
};

/** All documents, as `{ rule, text, isValid, breaks }`. */
export const documents = Object.entries(corpus).flatMap(([rule, { valid, invalid }]) => [
  ...valid.map((text) => ({ rule, text, isValid: true, breaks: [] })),
  ...invalid.map((entry) => {
    const [text, ...others] = [entry].flat();
    return { rule, text, isValid: false, breaks: [rule, ...others] };
  }),
]);
