import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { CodedError, isCode } from '@fieldpost/protocol';
import { z } from 'zod';
import type { Logger } from '../ports/logger.ts';
import { adminAddress } from './admin-address.ts';

/** What a running gateway does when its own machine asks. */
export interface AdminCommands {
  /** Writes a copy of the store to a file that is not there yet. */
  backup(file: string): Promise<void>;
}

/** Takes commands of this machine: one JSON line asks, one answers. */
export interface AdminSocket {
  close(): Promise<void>;
}

const request = z.object({ command: z.literal('backup'), file: z.string().min(1) });
const answer = z.object({ code: z.string().optional(), message: z.string().optional() });

const REQUEST_BYTES_MAX = 64 * 1024;

/**
 * Opens the socket of a data folder. The caller has the folder's store open, so a socket found there is of a gateway
 * that was killed, and makes way.
 */
export async function openAdminSocket(
  dataDir: string,
  commands: AdminCommands,
  logger: Logger,
): Promise<AdminSocket> {
  const address = adminAddress(dataDir);
  const isFile = !address.startsWith('\\\\');
  if (isFile) rmSync(address, { force: true });
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    // Whoever asked has gone before the answer: a pity for them alone.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => open.delete(socket));
    serve(socket, commands).catch((error: unknown) => {
      logger.warn({ error }, 'a command of this machine failed');
      socket.destroy();
    });
  });
  server.listen(address);
  await once(server, 'listening');
  if (isFile) chmodSync(address, 0o600);
  return { close: () => close(server, open) };
}

/**
 * Asks the running gateway of a data folder for a backup.
 *
 * @returns false when no gateway runs there
 * @throws CodedError with the gateway's code when it could not
 */
export async function askForBackup(dataDir: string, file: string): Promise<boolean> {
  const socket = createConnection(adminAddress(dataDir));
  try {
    await once(socket, 'connect');
  } catch {
    return false;
  }
  const lines = createInterface({ input: socket });
  socket.write(`${JSON.stringify({ command: 'backup', file })}\n`);
  const [line] = await Promise.race([once(lines, 'line'), once(lines, 'close').then(() => [''])]);
  socket.end();
  if (line === '')
    throw new CodedError('shutting-down', 'the gateway ended before the backup was done; ask again');
  const { code, message = '' } = answer.parse(JSON.parse(String(line)));
  if (code !== undefined) throw new CodedError(isCode(code) ? code : 'internal', message);
  return true;
}

async function serve(socket: Socket, commands: AdminCommands): Promise<void> {
  const line = await firstLine(socket);
  const parsed = request.safeParse(parseJson(line));
  if (!parsed.success) {
    socket.end(`${JSON.stringify({ code: 'invalid-request', message: 'not a command' })}\n`);
    return;
  }
  try {
    await commands.backup(parsed.data.file);
    socket.end('{}\n');
  } catch (error) {
    const code = error instanceof CodedError ? error.code : 'internal';
    const message = error instanceof Error ? error.message : String(error);
    socket.end(`${JSON.stringify({ code, message })}\n`);
  }
}

async function firstLine(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    const end = text.indexOf('\n');
    if (end >= 0) return text.slice(0, end);
    if (text.length > REQUEST_BYTES_MAX) return '';
  }
  return text;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function close(server: Server, open: ReadonlySet<Socket>): Promise<void> {
  server.close();
  for (const socket of open) socket.destroy();
  await once(server, 'close');
}
