import { expect, test } from 'vitest';
import { startGatewayProcess } from '../support/gateway-process.ts';
import { startChromium } from './demo-stage.ts';

test('the page of the API shows every part of it, asks nobody else for anything, and breaks none of its own rules', async () => {
  await using gateway = await startGatewayProcess();
  const browser = await startChromium();
  try {
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith(gateway.url)) problems.push(`asked ${request.url()}`);
    });
    await page.goto(`${gateway.url}/docs#tag/consuming`);
    for (const part of ['Messages', 'Consuming', 'Queues', 'Devices', 'Operations']) {
      await page
        .getByRole('link', { name: part })
        .or(page.getByRole('button', { name: part }))
        .first()
        .waitFor();
    }
    await page.getByText('Lease messages').first().waitFor();
    expect(problems).toEqual([]);
  } finally {
    await browser.close();
  }
});
