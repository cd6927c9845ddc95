import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { ErrorBoundary } from '../ui/error-boundary.tsx';
import { SatchelProvider } from '../ui/satchel-provider.tsx';
import { OfficePage } from './office-page.tsx';

const root = document.querySelector('#root');
if (root === null) throw new Error('office.html has no #root');

createRoot(root).render(
  <StrictMode>
    <SatchelProvider>
      <ErrorBoundary reassurance="Orders are booked all the same; this page only shows them.">
        <OfficePage />
      </ErrorBoundary>
    </SatchelProvider>
  </StrictMode>,
);
