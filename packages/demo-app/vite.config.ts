import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig } from 'vite';
import { VitePWA } from 'vite-plugin-pwa';
import { cataloguePlugin } from './build/catalogue-plugin.ts';

export default defineConfig({
  resolve: { conditions: ['@fieldpost/source', ...defaultClientConditions] },
  build: {
    target: 'es2023',
    // Nothing inline: the page's policy allows no `data:` font or script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: { app: 'index.html', office: 'office.html' } },
  },
  plugins: [
    react(),
    cataloguePlugin(),
    VitePWA({
      strategies: 'injectManifest',
      srcDir: 'src/service-worker',
      filename: 'service-worker.ts',
      injectRegister: false,
      injectManifest: {
        // The back office is an online page: it is not kept on the rep's tablet.
        globPatterns: ['index.html', 'assets/*.{js,css,woff2}', 'icons/*', 'color-scheme.js'],
        globIgnores: ['assets/office-*'],
      },
      manifest: {
        name: 'Satchel',
        short_name: 'Satchel',
        description: 'Take orders anywhere. They are kept here until the office has them.',
        id: '/',
        start_url: '/',
        scope: '/',
        display: 'standalone',
        background_color: '#f7f3ec',
        theme_color: '#f7f3ec',
        categories: ['business', 'productivity'],
        icons: [
          { src: '/icons/satchel.svg', sizes: 'any', type: 'image/svg+xml' },
          { src: '/icons/satchel-192.png', sizes: '192x192', type: 'image/png' },
          { src: '/icons/satchel-512.png', sizes: '512x512', type: 'image/png' },
          {
            src: '/icons/satchel-maskable-512.png',
            sizes: '512x512',
            type: 'image/png',
            purpose: 'maskable',
          },
        ],
        shortcuts: [{ name: 'New order', url: '/new' }],
      },
    }),
  ],
});
