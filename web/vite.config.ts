import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const BUILD = "node_modules/.page";
const SERVICE = process.env["FLIGHTLINE_URL"] ?? "http://127.0.0.1:8470";

// Addresses are relative: the API serves the build below any prefix (FLIGHTLINE_BASE_PATH), and fills in `index.html`.
export default defineConfig({
  base: "./",
  server: {
    proxy: {
      "/v1": SERVICE,
      "/docs": SERVICE,
      "/openapi.json": SERVICE,
      "/static": SERVICE,
      "/icon.svg": { target: SERVICE, rewrite: (path) => `/static${path}` },
    },
  },
  plugins: [before("src/theme_first.js"), compressed()],
  build: {
    outDir: BUILD, // deploy/web moves it to its place once it is whole
    emptyOutDir: true,
    assetsDir: "",
    modulePreload: { polyfill: false },
    cssCodeSplit: false, // few files compress better than many small ones
    assetsInlineLimit: 0, // the policy is 'self': nothing inline
    target: "es2022",
    rolldownOptions: {
      checks: { pluginTimings: false },
      output: { codeSplitting: { groups: [{ name: "shared", minShareCount: 2 }] } }, // a file for each view, and one for what they share
    },
  },
});

/** Run a small script before anything is drawn: modules come later, and inline scripts are against the policy. */
function before(path: string): Plugin {
  const source = readFileSync(path, "utf-8");
  const digest = createHash("sha256").update(source).digest("base64url").slice(0, 8);
  const fileName = `theme_first-${digest}.js`;
  return {
    name: "before",
    apply: "build",
    buildStart() {
      this.emitFile({ type: "asset", fileName, source });
    },
    transformIndexHtml: () => [{ tag: "script", attrs: { src: `./${fileName}` }, injectTo: "head" }],
  };
}

/** Write each file compressed beside it, for the API to send as it is. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    closeBundle() {
      for (const name of readdirSync(BUILD).filter((one) => /\.(js|css|svg)$/.test(one))) {
        const source = readFileSync(`${BUILD}/${name}`);
        writeFileSync(`${BUILD}/${name}.br`, brotliCompressSync(source));
        writeFileSync(`${BUILD}/${name}.gz`, gzipSync(source, { level: 9 }));
      }
    },
  };
}
