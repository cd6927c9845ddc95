import { Button } from '@mantine/core';
import { Link } from 'wouter';
import { EmptyState } from '../../ui/empty-state.tsx';

export function NotFoundPage() {
  return (
    <EmptyState icon="search" title="There is nothing here">
      <p>The address may be old.</p>
      <Button component={Link} href="/">
        To your orders
      </Button>
    </EmptyState>
  );
}
