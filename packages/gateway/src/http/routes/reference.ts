import { readFile } from 'node:fs/promises';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { apiReferenceFile } from '../api-reference-file.ts';
import { RequestError } from '../problem.ts';

export interface ReferenceSettings {
  readonly version: string;
}

/** The machine-readable description of the API, and a page to read and try it. Nothing of it comes from elsewhere. */
export function addReferenceRoutes(
  app: OpenAPIHono,
  document: () => void,
  settings: ReferenceSettings,
): void {
  let description: string | undefined;
  app.get('/openapi.json', () => {
    document();
    description ??= JSON.stringify(app.getOpenAPI31Document(documentHead(settings)));
    return new Response(description, { headers: { 'content-type': 'application/json' } });
  });
  app.get('/docs', () => new Response(PAGE, { headers: PAGE_HEADERS }));
  app.get('/docs/api-reference.js', async () => {
    const file = apiReferenceFile();
    if (file === undefined)
      throw new RequestError('not-found', 'this installation has no API reference page');
    return new Response(await readFile(file), { headers: SCRIPT_HEADERS });
  });
}

function documentHead({ version }: ReferenceSettings): Parameters<OpenAPIHono['getOpenAPI31Document']>[0] {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Fieldpost gateway',
      version,
      description:
        'Queues for devices that are often offline: send, receive with leases, settle. Errors are RFC 9457 problem details with a stable `code`.',
      license: { name: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: ['Messages', 'Consuming', 'Queues', 'Jobs', 'Devices', 'Operations', 'Development'].map((name) => ({
      name,
    })),
  };
}

/** Nothing on the page leads to services of others. */
const CONFIGURATION = JSON.stringify({
  withDefaultFonts: false,
  telemetry: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  showDeveloperTools: 'never',
  hideClientButton: true,
});

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Fieldpost gateway: API</title>
<link rel="icon" href="data:,">
</head>
<body>
<script id="api-reference" data-url="/openapi.json" data-configuration='${CONFIGURATION}'></script>
<script src="/docs/api-reference.js"></script>
</body>
</html>
`;

const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

const SCRIPT_HEADERS = {
  'content-type': 'text/javascript; charset=utf-8',
  'cache-control': 'no-cache',
  'x-content-type-options': 'nosniff',
};
