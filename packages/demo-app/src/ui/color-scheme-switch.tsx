import { SegmentedControl, useMantineColorScheme } from '@mantine/core';
import { Icon } from './icons.tsx';
import classes from './color-scheme-switch.module.css';

/** Light, dark, or as the system has it (which it starts with). */
export function ColorSchemeSwitch({ labels = false }: { readonly labels?: boolean }) {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const option = (value: 'auto' | 'light' | 'dark', name: string, icon: 'system' | 'sun' | 'moon') => ({
    value,
    label: (
      <span className={classes['option']} title={name}>
        <Icon name={icon} size={18} />
        <span className={labels ? undefined : 'visually-hidden'}>{name}</span>
      </span>
    ),
  });
  return (
    <SegmentedControl
      aria-label="Colours"
      value={colorScheme}
      onChange={(value) => setColorScheme(value === 'light' || value === 'dark' ? value : 'auto')}
      data={[
        option('auto', 'System', 'system'),
        option('light', 'Light', 'sun'),
        option('dark', 'Dark', 'moon'),
      ]}
    />
  );
}
