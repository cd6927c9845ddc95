import type { ReactNode } from 'react';

// One set, drawn for this app: 24 units, 1.75 wide strokes, round ends.

const shapes = {
  orders: (
    <>
      <path d="M6 3.5h12v17l-3-2-3 2-3-2-3 2z" />
      <path d="M9.5 8.5h5M9.5 12.5h5" />
    </>
  ),
  customers: (
    <>
      <path d="M4 20V9.5L12 4l8 5.5V20z" />
      <path d="M9.5 20v-5.5h5V20" />
    </>
  ),
  products: (
    <>
      <path d="M12 3.5 20 8v8.5L12 21l-8-4.5V8z" />
      <path d="M4.2 8.2 12 12.5l7.8-4.3M12 12.5V21" />
    </>
  ),
  more: (
    <>
      <path d="M4 7h9M17 7h3M4 17h3M11 17h9" />
      <circle cx="15" cy="7" r="2" />
      <circle cx="9" cy="17" r="2" />
    </>
  ),
  plus: <path d="M12 5v14M5 12h14" />,
  minus: <path d="M5 12h14" />,
  search: (
    <>
      <circle cx="10.75" cy="10.75" r="6.25" />
      <path d="m15.5 15.5 4.5 4.5" />
    </>
  ),
  close: <path d="m6 6 12 12M18 6 6 18" />,
  back: <path d="m14.5 5-7 7 7 7" />,
  forward: <path d="m9.5 5 7 7-7 7" />,
  check: <path d="m4.5 12.5 5 5L19.5 7" />,
  delivered: <path d="m2.5 12.5 4.5 5L16.5 7M11.5 17l.5.5L21.5 7" />,
  saved: (
    <>
      <rect x="6" y="2.75" width="12" height="18.5" rx="2.5" />
      <path d="M10.5 18h3" />
      <path d="m9.25 10.25 2 2 3.5-4" />
    </>
  ),
  refused: (
    <>
      <circle cx="12" cy="12" r="8.5" />
      <path d="M12 7.5v5.5M12 16.4v.1" />
    </>
  ),
  online: (
    <>
      <path d="M3.5 9.5a12.5 12.5 0 0 1 17 0M6.75 13a8 8 0 0 1 10.5 0M9.75 16.4a3.6 3.6 0 0 1 4.5 0" />
      <path d="M12 19.5v.1" />
    </>
  ),
  offline: (
    <>
      <path d="M3.5 9.5a12.3 12.3 0 0 1 5-2.9M12.6 6a12.4 12.4 0 0 1 7.9 3.5M6.75 13a7.9 7.9 0 0 1 3.7-1.9M15.6 11.9q.9.4 1.65 1.1M9.75 16.4a3.6 3.6 0 0 1 4.5 0" />
      <path d="M12 19.5v.1M4.5 3.5l15 17" />
    </>
  ),
  sending: <path d="M12 19.5V5M6 10.5 12 4.5l6 6" />,
  waiting: (
    <>
      <circle cx="12" cy="12" r="8.5" />
      <path d="M12 7.25V12l3.25 2" />
    </>
  ),
  sun: (
    <>
      <circle cx="12" cy="12" r="4" />
      <path d="M12 2.75v2M12 19.25v2M2.75 12h2M19.25 12h2M5.5 5.5l1.4 1.4M17.1 17.1l1.4 1.4M5.5 18.5l1.4-1.4M17.1 6.9l1.4-1.4" />
    </>
  ),
  moon: <path d="M19.5 14.2A8 8 0 0 1 9.8 4.5a8 8 0 1 0 9.7 9.7z" />,
  system: (
    <>
      <circle cx="12" cy="12" r="8" />
      <path d="M12 4v16a8 8 0 0 0 0-16z" fill="currentColor" />
    </>
  ),
  trash: <path d="M4.5 6.5h15M9.5 6V3.75h5V6M6.5 6.5l.8 13.75h9.4l.8-13.75M10 10.5v6M14 10.5v6" />,
  retry: (
    <>
      <path d="M19.5 12a7.5 7.5 0 1 1-2.2-5.3L20 9.2" />
      <path d="M20 4.5v4.7h-4.7" />
    </>
  ),
  pause: <path d="M8.5 5.5v13M15.5 5.5v13" />,
  play: <path d="M8 5.5v13l10.5-6.5z" />,
  office: (
    <>
      <path d="M4.5 20.5v-17h9v17M13.5 9.5h6v11M2.75 20.5h18.5" />
      <path d="M8 7.5h2M8 11.5h2M8 15.5h2" />
    </>
  ),
  note: <path d="M5 19.5h4L19.5 9l-4-4L5 15.5zM13 7.5l4 4" />,
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof shapes;

/** A picture beside a text that says the same: hidden from screen readers. */
export function Icon({ name, size = 22 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.75}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {shapes[name]}
    </svg>
  );
}

/** The mark: a satchel with its flap and two straps. */
export function Mark({ size = 34 }: { readonly size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 48 48" aria-hidden="true" focusable="false">
      <rect width="48" height="48" rx="13" fill="var(--brand)" />
      <path
        d="M18 15v-1.2a2.8 2.8 0 0 1 2.8-2.8h6.4a2.8 2.8 0 0 1 2.8 2.8V15"
        fill="none"
        stroke="var(--brand-ink)"
        strokeWidth="2.4"
      />
      <path
        d="M9 17a2.5 2.5 0 0 1 2.5-2.5h25A2.5 2.5 0 0 1 39 17v16.5a3.5 3.5 0 0 1-3.5 3.5h-23A3.5 3.5 0 0 1 9 33.5z"
        fill="var(--brand-ink)"
      />
      <path d="M11.2 16.7h25.6v6.8a3 3 0 0 1-3 3H14.2a3 3 0 0 1-3-3z" fill="var(--brand)" opacity=".25" />
      <path d="M16.5 16.7v13.8M31.5 16.7v13.8" stroke="var(--brand)" strokeWidth="3" strokeLinecap="round" />
    </svg>
  );
}
