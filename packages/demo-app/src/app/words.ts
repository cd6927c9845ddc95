import type { OrderState } from './database.ts';

/** What a code of the gateway or the SDK means to a rep, and what to do about it. */
export function refusalWords(code: string | undefined): string {
  switch (code ?? '') {
    case 'access-denied':
      return 'The office does not allow you to send orders. Ask for the permission, then send it again.';
    case 'queue-not-found':
      return 'The office has no place for orders right now. Send it again when it says so.';
    case 'too-large':
      return 'The order is too large to be sent. Take it again in two parts.';
    case 'bad-message':
    case 'schema-mismatch':
      return 'The office could not read the order. Discard it and take it again.';
    case 'unreadable':
      return 'The copy to be sent was damaged on this device. The order itself is still here: send it again.';
    case 'not-found':
      return 'This device no longer knows whether the office has it. You can send it again: an order is booked only once.';
    case 'in-doubt':
    case 'epoch-retired':
      return 'It cannot be told whether the office has it. You can send it again: an order is booked only once.';
    default:
      return `The office refused it (${code ?? 'no reason given'}).`;
  }
}

export function stateWords(state: OrderState): string {
  switch (state) {
    case 'saving':
      return 'Saving';
    case 'saved':
      return 'Saved here';
    case 'delivered':
      return 'Delivered';
    case 'refused':
      return 'Refused';
    case 'unclear':
      return 'Unclear';
    case 'discarded':
      return 'Discarded';
  }
}

/** What a failed save means to a rep. Nothing was saved, so the order is still in front of them. */
export function saveFailureWords(code: string | undefined): string {
  switch (code ?? '') {
    case 'storage-full':
      return 'This device is out of storage, so the order is not saved yet. Free some space, then save again.';
    case 'storage-blocked':
      return 'An older window of this app keeps the storage busy. Close the other windows, then save again.';
    case 'closed':
      return 'You were signed out. Sign in again, then save the order.';
    default:
      return 'The order could not be saved on this device. It is still here: try again.';
  }
}

/** A problem that the SDK reports, for the banner. */
export function problemWords(code: string, detail: string): string {
  switch (code) {
    case 'storage-lost':
      return "This browser lost what the app had stored. Orders that were not delivered may be gone: compare your list with the office's.";
    case 'unauthorized':
      return 'The office did not accept your sign-in. Orders stay saved here; sign in again to send them.';
    case 'upgrade-required':
      return 'This version of the app is too old for the office. Orders stay saved here; update the app to send them.';
    case 'revoked':
      return 'The office has locked this device. Orders stay saved here; call the office.';
    case 'origin-not-allowed':
      return 'The gateway does not accept this address of the app. Orders stay saved here.';
    default:
      return detail;
  }
}
