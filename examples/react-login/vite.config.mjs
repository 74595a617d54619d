import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [react()],
  // The linked package sits outside this folder and would bring its own copy.
  resolve: { dedupe: ['xstate'] },
});
