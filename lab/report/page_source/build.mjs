// Builds page.js and page.css into the folder that is named: node build.mjs FOLDER. scripts/build-page calls it.
import { build } from "esbuild";

await build({
  entryPoints: { page: "src/main.tsx" },
  outdir: process.argv[2],
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2022"],
  jsx: "automatic",
  jsxImportSource: "preact",
  charset: "utf8",
  legalComments: "inline",
  logLevel: "warning",
});
