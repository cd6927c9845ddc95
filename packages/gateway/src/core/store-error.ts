import { CodedError } from '@fieldpost/protocol';

/**
 * What a store refuses or cannot do. Every adapter of `GatewayStore` fails with this class and no other, except for what
 * a `decide` threw, and for an InvariantError when it was called in a way that only a bug can explain.
 *
 * @since 0.1.0
 */
export class StoreError extends CodedError {
  override readonly name = 'StoreError';
}
