import { describe, expect, test } from 'vitest';
import type { ArrivingMessage } from '../ports/conditions.ts';
import { CelConditions } from './cel-conditions.ts';

const conditions = new CelConditions();

function arriving(
  body: unknown,
  properties: ArrivingMessage['properties'] = {},
  priority = 3,
): ArrivingMessage {
  return {
    queue: 'orders',
    priority,
    device: 'd-1',
    properties,
    body: new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body)),
  };
}

describe('conditions that are met', () => {
  test.each<[string, ArrivingMessage]>([
    ['body.total > 100', arriving({ total: 150 })],
    ['body.total > 100', arriving({ total: 100.5 })],
    ['priority >= 5', arriving({}, {}, 6)],
    ['headers["region"] == "west"', arriving({}, { headers: { region: 'west' } })],
    ['headers.region in ["west", "east"]', arriving({}, { headers: { region: 'east' } })],
    ['label.startsWith("VIP")', arriving({}, { label: 'VIP Gute' })],
    ['has(body.rush) && body.rush', arriving({ rush: true })],
    ['body.lines.exists(line, line.quantity > 10)', arriving({ lines: [{ quantity: 1 }, { quantity: 11 }] })],
    ['size(body.lines) == 2', arriving({ lines: [1, 2] })],
    ['contentType == "image/png"', arriving('no json', { contentType: 'image/png' })],
    ['groupId == "g" && correlationId == "c"', arriving({}, { groupId: 'g', correlationId: 'c' })],
    ['body.total > 1', arriving({ total: 2 }, { contentType: 'application/vnd.order+json; charset=utf-8' })],
  ])('%s', (source, message) => {
    expect(conditions.compile(source)(message)).toBe(true);
  });
});

describe('conditions that are not met, since they cannot be evaluated', () => {
  test.each<[string, ArrivingMessage]>([
    ['body.total > 100', arriving({})],
    ['body.total > 100', arriving('{"total": 150')],
    ['body.total > 100', arriving({ total: 150 }, { contentType: 'text/plain' })],
    ['body.total > 100', arriving({ total: '150' })],
    ['body.a.b.c == 1', arriving(null)],
    ['headers.region == "west"', arriving({})],
    ['body.constructor == body.constructor', arriving({})],
    ['body.__proto__ == body.__proto__', arriving('{}')],
    ['body.lines.exists(line, line > 1)', arriving({ lines: 'no list' })],
    ['body.x == 1', { ...arriving({}), body: Uint8Array.of(0xff, 0xfe) }],
  ])('%s', (source, message) => {
    expect(conditions.compile(source)(message)).toBe(false);
  });
});

describe('texts that are no conditions', () => {
  test.each([
    ['', /is none/],
    ['body.total >', /is none/],
    ['nothing > 1', /Unknown variable: nothing/],
    ['priority + 1', /gives int, not true or false/],
    ['body.total', /not true or false/],
    ['priority > "high"', /is none/],
    ['label.matches("^(a+)+$")', /matches\(\) cannot be used here/],
    ['body.a.split("").join("x") == ""', /cannot be used here/],
    ['body.a.all(x, body.a.all(y, x == y))', /all\(\) stands within another loop/],
    ['body.a.map(x, x) == []', /map\(\) cannot be used here/],
    [`priority in [${'1,'.repeat(200)}1]`, /is none/],
    [`${'('.repeat(200)}true${')'.repeat(200)}`, /is none/],
    [`${'!'.repeat(300)}true`, /is none/],
    [`label == "${'x'.repeat(5000)}"`, /longer than 2048 characters/],
    [Array.from({ length: 300 }, () => 'true').join(' && '), /is none/],
  ])('%s', (source, why) => {
    expect(() => conditions.compile(source)).toThrow(
      expect.objectContaining({ code: 'invalid-request', message: expect.stringMatching(why) }),
    );
  });
});
