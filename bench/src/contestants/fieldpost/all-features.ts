/** Settings of a queue that looks at every message in every way it can: nothing is refused or sent on, all of it is asked. */
export const allFeatures = {
  maxDeliveries: 5,
  quotaMessages: 10_000_000,
  quotaBytes: 100_000_000_000,
  journal: true,
  schema: {
    type: 'object',
    required: ['id', 'customer', 'rep', 'takenAt', 'lines'],
    properties: {
      id: { type: 'string', minLength: 36, maxLength: 36 },
      customer: { type: 'string', minLength: 1 },
      rep: { type: 'string', minLength: 1 },
      takenAt: { type: 'string' },
      note: { type: 'string', maxLength: 500 },
      lines: {
        type: 'array',
        minItems: 1,
        items: {
          type: 'object',
          required: ['product', 'quantity', 'priceCents'],
          properties: {
            product: { type: 'string' },
            quantity: { type: 'integer', minimum: 1 },
            priceCents: { type: 'integer', minimum: 0 },
          },
        },
      },
    },
  },
  rules: [
    { name: 'urgent', when: 'priority > 6', action: 'copy', to: 'urgent' },
    { name: 'the ninth region', when: "headers.region == 'region-9'", action: 'forward', to: 'region-9' },
    { name: 'nobody', when: "has(body.rep) && body.rep == 'nobody'", action: 'forward', to: 'lost-property' },
  ],
};
