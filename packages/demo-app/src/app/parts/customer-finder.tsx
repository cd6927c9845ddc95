import { Button } from '@mantine/core';
import { useDeferredValue, useMemo, useState } from 'react';
import type { Customer } from '../../catalogue/catalogue.ts';
import { search, searchable } from '../../catalogue/search.ts';
import { EmptyState } from '../../ui/empty-state.tsx';
import { SearchField } from '../../ui/search-field.tsx';
import { useWorkplace } from '../session-context.tsx';
import { CustomerRow } from './customer-row.tsx';
import classes from './customer-finder.module.css';

const pageSize = 40;

interface CustomerFinderProps {
  readonly chosenId?: string | undefined;
  readonly onChoose: (customer: Customer) => void;
}

/** Find a customer by name or town: first those of the rep's own region. */
export function CustomerFinder({ chosenId, onChoose }: CustomerFinderProps) {
  const { catalogue, session } = useWorkplace();
  const [query, setQuery] = useState('');
  const [region, setRegion] = useState<string | undefined>(session.rep.region);
  const [shown, setShown] = useState(pageSize);
  const index = useMemo(
    () =>
      catalogue.customers.map((item) => ({
        item,
        text: searchable(`${item.name} ${item.city} ${item.state} ${item.id}`),
      })),
    [catalogue],
  );
  const asked = useDeferredValue(query);
  // Who types a name means anybody; without one, the rep's own region is enough to look through.
  const everywhere = region === undefined || asked.trim() !== '';
  const found = useMemo(
    () => search(index, asked).filter((customer) => everywhere || customer.region === region),
    [index, asked, everywhere, region],
  );
  return (
    <div className={classes['root']}>
      <SearchField
        label="Search customers by name or town"
        hint="Name or town"
        value={query}
        onChange={(value) => {
          setQuery(value);
          setShown(pageSize);
        }}
      />
      <div className={classes['scope']}>
        <h3>{everywhere ? `${found.length} customers` : `${region}: ${found.length} customers`}</h3>
        {asked.trim() === '' && (
          <Button
            variant="subtle"
            size="compact-md"
            onClick={() => setRegion(region === undefined ? session.rep.region : undefined)}
          >
            {region === undefined ? `Only ${session.rep.region}` : 'All regions'}
          </Button>
        )}
      </div>
      {found.length === 0 ? (
        <EmptyState icon="search" title="No customer found" role="status">
          <p>Try another spelling, or the town.</p>
        </EmptyState>
      ) : (
        <ul className={classes['list']}>
          {found.slice(0, shown).map((customer) => (
            <li key={customer.id}>
              <CustomerRow
                customer={customer}
                chosen={customer.id === chosenId}
                onChoose={() => onChoose(customer)}
              />
            </li>
          ))}
        </ul>
      )}
      {found.length > shown && (
        <Button variant="default" onClick={() => setShown(shown + pageSize)}>
          Show more
        </Button>
      )}
    </div>
  );
}
