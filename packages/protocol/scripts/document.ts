import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CODES, FRAME_CODES, hexFromBytes, LIMITS, PROTOCOL_HISTORY } from '@fieldpost/protocol';
import { sampleMessages, sampleSession } from './sample-session.ts';

// The parts of docs/protocol/v1.md that repeat the code. They stand between two marks and are written, never edited.

export const documentPath = join(import.meta.dirname, '../../../docs/protocol/v1.md');

/** The document with its generated parts as the code would have them. */
export function withGeneratedParts(text: string): string {
  const parts: Readonly<Record<string, () => string>> = {
    errors: errorTable,
    'frame codes': frameCodeTable,
    limits: limitTable,
    history: historyTable,
    message: messageDump,
    session: sessionDump,
  };
  return Object.entries(parts).reduce((document, [name, render]) => {
    const [open, close] = [`<!-- generated: ${name} -->`, `<!-- end of ${name} -->`];
    const [before, rest, ...more] = document.split(open);
    const [, after, ...evenMore] = rest?.split(close) ?? [];
    if (before === undefined || after === undefined || more.length + evenMore.length > 0) {
      throw new Error(`docs/protocol/v1.md needs the marks "${open}" and "${close}", once and in this order`);
    }
    return `${before}${open}\n\n${render()}\n\n${close}${after}`;
  }, text);
}

function errorTable(): string {
  const rows = Object.entries(CODES).map(([code, entry]) => [
    `\`${code}\``,
    entry.about,
    entry.retry,
    String(entry.status),
    entry.meaning,
  ]);
  return table(['code', 'about', 'retry', 'HTTP', 'meaning'], rows);
}

function frameCodeTable(): string {
  const rows = Object.entries(FRAME_CODES).map(([place, codes]) => [
    `\`${place}\``,
    codes.map((code) => `\`${code}\``).join(', '),
  ]);
  return table(['where', 'codes'], rows);
}

function limitTable(): string {
  const source = readFileSync(join(import.meta.dirname, '../src/limits.ts'), 'utf8');
  const rows = Object.entries(LIMITS).map(([name, value]) => [
    `\`${name}\``,
    value.toLocaleString('en-US'),
    reasonOf(name, source),
  ]);
  return table(['limit', 'value', 'why'], rows);
}

/** The comment above the limit, or above the one before it where two share one. */
function reasonOf(name: string, source: string): string {
  const above = source.slice(0, source.indexOf(`\n  ${name}:`));
  const [, reason = ''] = /.*\/\*\* (.*?) \*\//s.exec(above) ?? [];
  return reason;
}

function historyTable(): string {
  return table(
    ['version', 'since', 'change'],
    PROTOCOL_HISTORY.map(({ version, since, change }) => [String(version), since, change]),
  );
}

function messageDump(): string {
  return sampleMessages.map((message) => fenced('hex', hexLines(message))).join('\n\n');
}

function sessionDump(): string {
  return sampleSession
    .map(({ direction, about, frames, body }, index) => {
      const route = direction === 'up' ? 'Request' : 'Answer';
      const shown = frames.map((frame) => JSON.stringify(readable(frame), undefined, 2)).join('\n');
      return `**${index + 1}. ${route}.** ${about}\n\n${fenced('json', shown)}\n\n${fenced('hex', hexLines(body))}`;
    })
    .join('\n\n');
}

/** Bytes as digits, for people. */
function readable(value: unknown): unknown {
  if (value instanceof Uint8Array) return `<${value.length} bytes: ${hexFromBytes(value)}>`;
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, readable(inner)]));
}

const LINE_BYTES = 32;

function hexLines(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let start = 0; start < bytes.length; start += LINE_BYTES) {
    lines.push(hexFromBytes(bytes.subarray(start, start + LINE_BYTES)));
  }
  return lines.join('\n');
}

function fenced(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
