import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { ErrorBoundary } from '../ui/error-boundary.tsx';
import { SatchelProvider } from '../ui/satchel-provider.tsx';
import { App } from './app.tsx';

const root = document.querySelector('#root');
if (root === null) throw new Error('index.html has no #root');

// Asks the browser not to clear orders away when the device runs low on space. It may say no; the app works all the same.
void navigator.storage?.persist?.().catch(() => false);

createRoot(root).render(
  <StrictMode>
    <SatchelProvider>
      <ErrorBoundary reassurance="Your orders are saved on this device, and those that wait will be sent.">
        <App />
      </ErrorBoundary>
    </SatchelProvider>
  </StrictMode>,
);
