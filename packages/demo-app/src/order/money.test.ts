import { describe, expect, it } from 'vitest';
import { amountFromDecimal, formatAmount } from './money.ts';

describe('amountFromDecimal', () => {
  it.each([
    ['957.5775', 9_575_775],
    ['14.62', 146_200],
    ['3', 30_000],
    ['0.1', 1_000],
    ['-383.031', -3_830_310],
  ])('reads %s', (text, amount) => {
    expect(amountFromDecimal(text)).toBe(amount);
  });

  it.each(['', '1.23456', '1e3', '1,5', ' 1', '.5', 'NaN'])('does not read "%s"', (text) => {
    expect(amountFromDecimal(text)).toBeUndefined();
  });
});

describe('formatAmount', () => {
  it.each([
    [9_575_775, '$957.58'],
    [12_345_000, '$1,234.50'],
    [0, '$0.00'],
    [49, '$0.00'],
    [50, '$0.01'],
    [99_999_950, '$10,000.00'],
    [-146_200, '−$14.62'],
    [-49, '$0.00'],
  ])('writes %i as %s', (amount, text) => {
    expect(formatAmount(amount)).toBe(text);
  });
});
