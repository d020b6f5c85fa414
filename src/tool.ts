/** This tool's name and version, for records and `--version`. */
import { createRequire } from 'node:module';

interface Manifest {
  readonly version: string;
}

// An import of `node:fs` loads its streams too, which takes longer than the rest of `--version`.
const manifest = createRequire(import.meta.url)('../package.json') as Manifest;

export const TOOL: { readonly name: string; readonly version: string } = {
  name: 'seamstress',
  version: manifest.version,
};
