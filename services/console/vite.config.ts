import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The hub's base URL is not known when the console is built, so every asset URL is relative.
export default defineConfig({
  base: "./",
  plugins: [react()],
  build: {
    outDir: "../dsw_control/static",
    emptyOutDir: true,
    target: "es2022",
    chunkSizeWarningLimit: 1500,
  },
  test: { include: ["src/**/*.test.ts"] },
});
