import type { ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { ColorSchemeSwitch } from '../../ui/color-scheme-switch.tsx';
import { Icon, type IconName, Mark } from '../../ui/icons.tsx';
import { usePlace } from '../use-place.ts';
import { Banners } from './banners.tsx';
import { ConnectionBadge } from './connection-badge.tsx';
import classes from './shell.module.css';

interface Place {
  readonly href: string;
  readonly name: string;
  readonly icon: IconName;
  readonly isCurrent: (path: string) => boolean;
}

const places: readonly Place[] = [
  {
    href: '/',
    name: 'Orders',
    icon: 'orders',
    isCurrent: (path) => path === '/' || path === '/new' || path.startsWith('/orders/'),
  },
  {
    href: '/customers',
    name: 'Customers',
    icon: 'customers',
    isCurrent: (path) => path.startsWith('/customers'),
  },
  {
    href: '/products',
    name: 'Products',
    icon: 'products',
    isCurrent: (path) => path.startsWith('/products'),
  },
  { href: '/more', name: 'More', icon: 'more', isCurrent: (path) => path.startsWith('/more') },
];

/** Around every page: where you are, how the connection is, and the way to the other places. */
export function Shell({ children }: { readonly children: ReactNode }) {
  const [path] = useLocation();
  const current = places.find(({ isCurrent }) => isCurrent(path))?.name ?? 'Nothing here';
  usePlace(path, path === '/new' ? 'New order' : current);
  return (
    <div className={classes['root']}>
      <a className={classes['skip']} href="#main">
        Skip to the page
      </a>
      <header className={classes['top']}>
        <Link href="/" className={classes['brand']} aria-label="Satchel, orders">
          <Mark size={32} />
          <span>Satchel</span>
        </Link>
        <ConnectionBadge />
      </header>
      <nav className={classes['nav']} aria-label="Places">
        {places.map(({ href, name, icon, isCurrent }) => (
          <Link
            key={href}
            href={href}
            className={classes['place']}
            aria-current={isCurrent(path) ? 'page' : undefined}
          >
            <span className={classes['pill']}>
              <Icon name={icon} />
            </span>
            {name}
          </Link>
        ))}
      </nav>
      <div className={classes['scheme']}>
        <ColorSchemeSwitch />
      </div>
      <main id="main" className={classes['main']} tabIndex={-1}>
        <Banners />
        {children}
      </main>
    </div>
  );
}
