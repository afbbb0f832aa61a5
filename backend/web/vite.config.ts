// Pages of one server: `index.html` is the sign-in and the live screens, `reference/` describes the API.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { onlyUsed } from "./only_used.ts";

const page = (name: string) => fileURLToPath(new URL(name, import.meta.url));

export default defineConfig({
  appType: "mpa",
  build: {
    outDir: "built",
    emptyOutDir: true,
    target: "es2023",
    // Scripts and styles are files: the server's Content-Security-Policy lets nothing inline through.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: [page("index.html"), page("reference/index.html")] },
  },
  css: { postcss: { plugins: [onlyUsed] } },
});
