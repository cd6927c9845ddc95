import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { StartFailure } from './start-failure.ts';

/** The files that gateway, demo and start script keep in the data folder, with SQLite's companions. */
const ours =
  /^(?:(?:fieldpost|bookings)\.sqlite(?:-wal|-shm|-journal)?|development-secret|admin\.sock|gateway\.log)$/;

export function openDataFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
}

/** Empties the data folder, and nothing that is not ours: a folder with other files in it was named by mistake. */
export function resetDataFolder(folder: string): void {
  if (!existsSync(folder)) return;
  const entries = readdirSync(folder);
  const foreign = entries.filter((entry) => !ours.test(entry));
  if (foreign.length > 0) {
    throw new StartFailure(
      `--reset would delete files that are not Fieldpost's from ${folder}: ${foreign.join(', ')}. Move them away first.`,
    );
  }
  for (const entry of entries) rmSync(join(folder, entry));
}
