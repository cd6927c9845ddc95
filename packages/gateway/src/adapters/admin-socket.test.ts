import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { CodedError } from '@fieldpost/protocol';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { adminAddress } from './admin-address.ts';
import { type AdminSocket, askForBackup, openAdminSocket } from './admin-socket.ts';

const SILENT = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
let folder: string;
let socket: AdminSocket | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fieldpost-admin-'));
});
afterEach(async () => {
  await socket?.close();
  socket = undefined;
  rmSync(folder, { recursive: true, force: true });
});

describe('a backup', () => {
  test('is made by the gateway that listens', async () => {
    const backup = vi.fn(async () => undefined);
    socket = await openAdminSocket(folder, { backup }, SILENT);
    expect(await askForBackup(folder, '/backups/copy with "quotes"\nand lines.sqlite')).toBe(true);
    expect(backup.mock.calls).toEqual([['/backups/copy with "quotes"\nand lines.sqlite']]);
  });

  test('that cannot be made is told with its code', async () => {
    const backup = (): Promise<void> => Promise.reject(new CodedError('conflict', 'the file exists'));
    socket = await openAdminSocket(folder, { backup }, SILENT);
    await expect(askForBackup(folder, 'x')).rejects.toMatchObject({
      code: 'conflict',
      message: 'the file exists',
    });
  });

  test('has nobody to ask where no gateway runs', async () => {
    expect(await askForBackup(folder, 'x')).toBe(false);
    writeFileSync(adminAddress(folder), '');
    expect(await askForBackup(folder, 'x')).toBe(false);
  });

  test('whose gateway ends meanwhile is not taken for done', async () => {
    let begin: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const backup = (): Promise<void> => {
      begin();
      return new Promise(() => undefined);
    };
    socket = await openAdminSocket(folder, { backup }, SILENT);
    const asked = askForBackup(folder, 'x');
    const failed = expect(asked).rejects.toMatchObject({ code: 'shutting-down' });
    await begun;
    await socket.close();
    socket = undefined;
    await failed;
  });
});

describe('the socket', () => {
  test('is for its own account, and takes the place of one that a kill left behind', async () => {
    writeFileSync(adminAddress(folder), '');
    socket = await openAdminSocket(folder, { backup: async () => undefined }, SILENT);
    expect(statSync(adminAddress(folder)).mode & 0o077).toBe(0);
  });

  test.each([
    '',
    'x\n',
    '{"command":"stop"}\n',
    '{"command":"backup","file":""}\n',
    `${'x'.repeat(70_000)}\n`,
  ])('answers what is no command with a code', async (line) => {
    const backup = vi.fn(async () => undefined);
    socket = await openAdminSocket(folder, { backup }, SILENT);
    const connection = createConnection(adminAddress(folder));
    connection.end(line);
    expect(await text(connection)).toContain('invalid-request');
    expect(backup).not.toHaveBeenCalled();
  });
});

test('a command whose asker has gone does no harm', async () => {
  let finish: () => void = () => undefined;
  const begun = vi.fn();
  const backup = (): Promise<void> => {
    begun();
    return new Promise((resolve) => (finish = resolve));
  };
  socket = await openAdminSocket(folder, { backup }, SILENT);
  const connection = createConnection(adminAddress(folder));
  connection.write('{"command":"backup","file":"x"}\n');
  await expect.poll(() => begun).toHaveBeenCalled();
  connection.destroy();
  await once(connection, 'close');
  finish();
  expect(await askUntilAnswered(folder)).toBe(true);

  /** Another command is served as if nothing had been. */
  async function askUntilAnswered(dataDir: string): Promise<boolean> {
    const asked = askForBackup(dataDir, 'y');
    await expect.poll(() => begun.mock.calls.length).toBe(2);
    finish();
    return asked;
  }
});

describe('its address', () => {
  test('is in the data folder', () => {
    expect(adminAddress('/data', 'linux')).toBe('/data/admin.sock');
  });

  test('fits where the name of the folder is too long, and is another for another folder', () => {
    const addresses = ['a', 'b'].map((letter) => adminAddress(`/${letter.repeat(300)}`, 'linux'));
    for (const address of addresses) expect(Buffer.byteLength(address)).toBeLessThanOrEqual(103);
    expect(new Set(addresses).size).toBe(2);
  });

  test('is a named pipe on Windows', () => {
    expect(adminAddress(String.raw`C:\data`, 'win32')).toMatch(/^\\\\\.\\pipe\\fieldpost-[0-9a-f]{32}$/);
  });
});
