import { Button } from '@mantine/core';
import { Component, type ErrorInfo, type ReactNode } from 'react';
import { EmptyState } from './empty-state.tsx';

interface ErrorBoundaryProps {
  readonly children: ReactNode;
  /** A calming word about what is safe. */
  readonly reassurance: string;
}

/** What a person sees when a part of the page fails: words, and a way on. The error itself goes to the console. */
export class ErrorBoundary extends Component<ErrorBoundaryProps, { readonly failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { readonly failed: boolean } {
    return { failed: true };
  }

  override componentDidCatch(error: Error, _info: ErrorInfo): void {
    reportError(error);
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <EmptyState icon="refused" title="Something went wrong here" role="alert">
        <p>{this.props.reassurance}</p>
        <Button onClick={() => location.reload()}>Reload the page</Button>
      </EmptyState>
    );
  }
}
