import { z } from 'zod';
import { CallError } from './gateway-client.ts';

/** An object of an answer, its members by name. */
export type Row = Readonly<Record<string, unknown>>;

/** What is shown of each row: a title, and the member, or what is made of the row. */
export type Column = readonly [title: string, member: string | ((row: Row) => unknown)];

const rowSchema = z.record(z.string(), z.unknown());

/** An answer that is one object. */
export function rowOf(answer: unknown): Row {
  return parse(rowSchema, answer);
}

/** The list that an answer has under `member`. */
export function rowsOf(answer: unknown, member: string): readonly Row[] {
  return parse(z.object({ [member]: z.array(rowSchema) }), answer)[member] ?? [];
}

/** The answer as JSON on one line, for programs. */
export function printJson(answer: unknown): void {
  print(JSON.stringify(answer));
}

/** An answer that is one object: as JSON, or a member to a line. */
export function printAnswer(answer: unknown, { json }: { readonly json?: true }): void {
  if (json === true) printJson(answer);
  else printMembers(rowOf(answer));
}

/** Rows as a table, with what to say when there are none. */
export function printTable(rows: readonly Row[], columns: readonly Column[], none: string): void {
  if (rows.length === 0) return print(none);
  const lines = [
    columns.map(([title]) => title),
    ...rows.map((row) =>
      columns.map(([, member]) => cell(typeof member === 'string' ? row[member] : member(row))),
    ),
  ];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  for (const line of lines)
    print(
      line
        .map((text, index) => text.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}

function printMembers(row: Row): void {
  const width = Math.max(0, ...Object.keys(row).map((name) => name.length));
  for (const [name, value] of Object.entries(row)) print(`${name.padEnd(width)}  ${cell(value)}`);
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A member as a text for people. */
export function textOf(row: Row, member: string): string {
  return cell(row[member]);
}

/** How long ago a time of an answer is, for people. */
export function ageText(value: unknown, now = Date.now()): string {
  const at = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(at)) return '-';
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  const [unit, size] = UNITS.find(([, length]) => seconds >= length) ?? ['s', 1];
  return `${Math.floor(seconds / size)}${unit}`;
}

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
];

function cell(value: unknown): string {
  if (value === undefined || value === null) return '-';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  // A label or a name from elsewhere must not move the cursor of who reads it.
  return text.replaceAll(/\p{Cc}/gu, '�');
}

function parse<Schema extends z.ZodType>(schema: Schema, answer: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(answer);
  if (!parsed.success)
    throw new CallError('the answer is not what a gateway gives: is --url the gateway of this release?');
  return parsed.data;
}
