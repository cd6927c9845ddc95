/** Money in integers of 1/10,000 of a dollar: a discounted price has up to four decimals, and floats would lose some. */
export type Amount = number;

/** How many {@link Amount} units make one dollar. */
export const AMOUNT_UNITS_PER_DOLLAR = 10_000;

/** Reads a decimal such as `957.5775`. Undefined when it is no decimal, or has more than four digits after the point. */
export function amountFromDecimal(text: string): Amount | undefined {
  const match = /^(-?)(\d{1,11})(?:\.(\d{1,4}))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = ''] = match;
  const units = Number(whole) * AMOUNT_UNITS_PER_DOLLAR + Number(fraction.padEnd(4, '0'));
  return sign === '-' ? -units : units;
}

/** Writes an amount for people, rounded half up to cents: `$1,234.50`. */
export function formatAmount(amount: Amount): string {
  const cents = Math.floor((Math.abs(amount) + 50) / 100);
  const dollars = Math.floor(cents / 100).toLocaleString('en-US');
  const rest = String(cents % 100).padStart(2, '0');
  return `${amount < 0 && cents > 0 ? '−' : ''}$${dollars}.${rest}`;
}
