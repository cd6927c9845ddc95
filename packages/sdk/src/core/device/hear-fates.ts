import type { FateCursor, Fates } from '@fieldpost/protocol';
import type { Hearing } from '../../ports/outbox-store.ts';
import type { DeviceEffect, DeviceEvent, DeviceState } from './device-state.ts';

/**
 * How the device hears what became of its messages: one frame of the gateway at a time is written down, together with the
 * place up to which fates were told, and only then confirmed and said to the app.
 */
export type FatesEvent = Fates | Extract<DeviceEvent, { type: 'heard' }> | { readonly type: 'polled' };

/** One step; changes `state` in place. `leaseLost`: another tab drains, and hears. */
export function hearFates(
  state: DeviceState,
  event: FatesEvent,
  wallMs: number,
): readonly (DeviceEffect | { readonly type: 'leaseLost' })[] {
  switch (event.type) {
    case 'fates':
      return received(state, event, wallMs);
    case 'heard':
      return heard(state, event.held);
    case 'polled':
      return [...hearAgain(state), { type: 'lookForFates' }];
  }
}

function received(state: DeviceState, frame: Fates, wallMs: number): readonly DeviceEffect[] {
  if (state.session.phase.kind !== 'live' || state.hearing?.isRunning === true) return [];
  const request = planHearing(state.heard, frame, wallMs);
  // It was written down before, and the gateway has not heard so.
  if (request === undefined) return confirmation(state);
  state.hearing = { request, connection: state.session.connection, isRunning: true };
  return [{ type: 'hear', hearing: request }];
}

function heard(
  state: DeviceState,
  held: boolean | undefined,
): readonly (DeviceEffect | { readonly type: 'leaseLost' })[] {
  const { hearing } = state;
  if (hearing === undefined) return [];
  if (held === undefined) {
    hearing.isRunning = false;
    return [];
  }
  state.hearing = undefined;
  if (!held) return [{ type: 'leaseLost' }];
  state.heard = hearing.request.cursor;
  return [
    { type: 'announceFates', fates: hearing.request.fates },
    { type: 'post', signal: { type: 'heard' } },
    ...(hearing.connection === state.session.connection ? confirmation(state) : []),
  ];
}

/** The store failed: the gateway tells nothing more before these are written down. */
function hearAgain(state: DeviceState): readonly DeviceEffect[] {
  if (state.hearing === undefined || state.hearing.isRunning || !state.isLeading) return [];
  state.hearing.isRunning = true;
  return [{ type: 'hear', hearing: state.hearing.request }];
}

function confirmation({ session, device, heard: fates }: DeviceState): readonly DeviceEffect[] {
  const { phase, via, connection } = session;
  if (phase.kind !== 'live' || fates === undefined) return [];
  // Over HTTP nothing else says whose session it is.
  const named = via === 'http' ? { device } : {};
  return [
    {
      type: 'send',
      connection,
      frames: [{ type: 'confirm', session: phase.session, ...named, fates }],
    },
  ];
}

/**
 * What of a frame is new to a device that has heard up to a place; undefined when nothing is. Numbers below that place count
 * after a restart only: the gateway's are of another history then, and what it tells a second time is the same fate.
 */
function planHearing(
  known: FateCursor | undefined,
  { fates, restart }: Fates,
  wallMs: number,
): Hearing | undefined {
  const from = restart === true ? 0 : (known?.number ?? 0);
  const news = fates.filter(({ number }) => number > from);
  const last = news.at(-1);
  if (last === undefined) return undefined;
  return {
    fates: news.map(({ id, code, reason, ageMs }) => ({
      id,
      fate: { code, ...(reason === undefined ? {} : { reason }), endedAt: wallMs - ageMs },
    })),
    cursor: { number: last.number, id: last.id },
    heardAt: wallMs,
  };
}
