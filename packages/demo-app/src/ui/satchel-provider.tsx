import {
  createTheme,
  localStorageColorSchemeManager,
  MantineProvider,
  type MantineColorsTuple,
} from '@mantine/core';
import type { ReactNode } from 'react';
import './mantine.css';
import './theme.css';

// Mantine asks for ten shades by position; the page uses the variables of theme.css, which know both schemes.
const saddle: MantineColorsTuple = [
  '#fdf3ea',
  '#f9e5d5',
  '#f2c8a8',
  '#eba878',
  '#ec8f55',
  '#d9712f',
  '#bd5518',
  '#a5460f',
  '#8c390a',
  '#6d2b06',
];

const theme = createTheme({
  colors: { saddle },
  primaryColor: 'saddle',
  primaryShade: { light: 7, dark: 4 },
  defaultRadius: 'md',
  respectReducedMotion: true,
  components: {
    // A page-wide style element would break the page's policy; the page behind a dialog is inert instead.
    Modal: {
      defaultProps: {
        lockScroll: false,
        centered: true,
        radius: 'lg',
        overlayProps: { backgroundOpacity: 0.45 },
      },
    },
    Button: { defaultProps: { size: 'md', variant: 'filled' } },
    TextInput: { defaultProps: { size: 'md' } },
    NativeSelect: { defaultProps: { size: 'md' } },
  },
});

const colorSchemeManager = localStorageColorSchemeManager({ key: 'satchel-color-scheme' });

/**
 * Theme and colour scheme for both pages. Mantine's variables and classes come from style sheets instead of style elements,
 * so that the page's policy can forbid inline styles.
 */
export function SatchelProvider({ children }: { readonly children: ReactNode }) {
  return (
    <MantineProvider
      theme={theme}
      defaultColorScheme="auto"
      colorSchemeManager={colorSchemeManager}
      withCssVariables={false}
      withGlobalClasses={false}
    >
      {children}
    </MantineProvider>
  );
}
