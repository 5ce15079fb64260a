// Money, times and sentences as they are written here.

const LOCALE = 'en-GB';

export function money({
  decimal,
  currency,
}: {
  readonly decimal: string;
  readonly currency: string;
}) {
  const format = new Intl.NumberFormat(LOCALE, {
    style: 'currency',
    currency,
    currencyDisplay: 'narrowSymbol',
  });
  // As a text, because a number would be rounded beyond 2^53; this format takes it exactly.
  return format.format(decimal as Intl.StringNumericLiteral);
}

export function time(text: string): string {
  return new Date(text).toLocaleString(LOCALE, { dateStyle: 'medium', timeStyle: 'short' });
}

export function day(text: string): string {
  return new Date(text).toLocaleDateString(LOCALE, { dateStyle: 'medium' });
}

/** A message as a sentence: with a capital and a full stop. */
export function sentence(text: string): string {
  if (text === '') return '';
  const ended = /[.!?]$/.test(text) ? text : `${text}.`;
  return ended.charAt(0).toUpperCase() + ended.slice(1);
}
