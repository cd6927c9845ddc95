import { CodedError } from '@fieldpost/protocol';

/** What a store refuses or cannot do. Every adapter of `GatewayStore` fails with this class and no other. */
export class StoreError extends CodedError {
  override readonly name = 'StoreError';
}
