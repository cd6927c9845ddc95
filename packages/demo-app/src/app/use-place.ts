import { useEffect, useRef } from 'react';

/** From this width on, list and detail stand side by side, and choosing in the list must not move it. */
const wide = '(min-width: 700px)';

/** Names the page in the browser's title, and starts it at its top where it takes the place of another one. */
export function usePlace(path: string, name: string): void {
  const [, section = ''] = path.split('/');
  const before = useRef({ path, section });
  useEffect(() => {
    document.title = `${name} · Satchel`;
    const { path: pathBefore, section: sectionBefore } = before.current;
    before.current = { path, section };
    if (section !== sectionBefore || (path !== pathBefore && !matchMedia(wide).matches)) scrollTo(0, 0);
  }, [path, section, name]);
}
