import { CloseButton, TextInput } from '@mantine/core';
import { useRef } from 'react';
import { Icon } from './icons.tsx';

interface SearchFieldProps {
  readonly label: string;
  /** Shown while it is empty; the label, where it is short enough. */
  readonly hint?: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

/** A search box with a button that empties it. Escape empties it too. */
export function SearchField({ label, hint = label, value, onChange }: SearchFieldProps) {
  const input = useRef<HTMLInputElement>(null);
  const clear = (): void => {
    onChange('');
    input.current?.focus();
  };
  return (
    <TextInput
      ref={input}
      type="text"
      inputMode="search"
      enterKeyHint="search"
      autoComplete="off"
      spellCheck={false}
      role="searchbox"
      aria-label={label}
      placeholder={hint}
      value={value}
      leftSection={<Icon name="search" size={19} />}
      rightSection={value === '' ? null : <CloseButton aria-label="Empty the search" onClick={clear} />}
      onChange={(event) => onChange(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === 'Escape') clear();
      }}
    />
  );
}
