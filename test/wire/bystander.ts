import { encodeUp } from '@fieldpost/protocol';
import { expect } from 'vitest';
import { makeQueue, mintToken, readQueue, type Target } from './target.ts';
import { expectFrame, message, WireDevice } from './wire-device.ts';
import { type FrameLink, openSocket } from './wire-link.ts';

/** A good client with one long-lived connection, whom no bad one may disturb. */
export class Bystander {
  readonly #target: Target;
  readonly #device: WireDevice;
  readonly #link: FrameLink;
  #sent = 0;

  private constructor(target: Target, device: WireDevice, link: FrameLink) {
    this.#target = target;
    this.#device = device;
    this.#link = link;
  }

  static async open(target: Target): Promise<Bystander> {
    const device = new WireDevice(await makeQueue(target));
    const link = await openSocket(target, await mintToken(target));
    link.send(encodeUp(device.helloFrame()));
    device.session = expectFrame(await link.next(), 'welcome').session;
    return new Bystander(target, device, link);
  }

  /** Delivers one more message, over the same connection as ever. */
  async deliverOne(): Promise<void> {
    const number = ++this.#sent;
    this.#link.send(
      encodeUp(this.#device.pushFrame({ first: number, entries: [message(`good ${number}`)] })),
    );
    expect(expectFrame(await this.#link.next(), 'ack').streams[0]?.accepted).toBe(number);
  }

  /** All that was delivered is in the queue, once and in order. */
  async checkQueue(): Promise<void> {
    const bodies = (await readQueue(this.#target, this.#device.queue)).map(({ body }) => body);
    expect(bodies).toEqual(Array.from({ length: this.#sent }, (_, index) => `good ${index + 1}`));
  }

  close(): void {
    this.#link.close();
  }
}
